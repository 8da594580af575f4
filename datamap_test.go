package postrider_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDataMap compares the data map of SECURITY.md with the tables of both schemas:
// each table is in it, and nothing that is not there.
func TestDataMap(t *testing.T) {
	documented := dataMap(t)
	for database, migrations := range map[string]string{
		"SQLite": "store/sqlstore/migrations/sqlite", "PostgreSQL": "store/sqlstore/migrations/postgres",
	} {
		tables := tablesOf(t, migrations)
		if len(tables) < 15 {
			t.Errorf("%s has %d tables; want all of them", database, len(tables))
		}
		for _, name := range slices.Sorted(maps.Keys(tables)) {
			if !documented[name] {
				t.Errorf("the data map does not say what table %s of %s is for", name, database)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(documented)) {
			if !tables[name] {
				t.Errorf("the data map has table %s, which %s does not", name, database)
			}
		}
	}
}

// dataMap returns the tables in the second column of the data map.
func dataMap(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text2, found := strings.Cut(string(text), "\n## Data map\n")
	if !found {
		t.Fatal("SECURITY.md has no data map")
	}
	section, _, _ := strings.Cut(text2, "\n## ")
	tables := make(map[string]bool)
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) < 6 {
			continue
		}
		for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(cells[2], -1) {
			tables[m[1]] = true
		}
	}
	return tables
}

// tablesOf returns the tables that migrations make, without what all names of a
// database begin with.
func tablesOf(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	tables := make(map[string]bool)
	for _, f := range files {
		text, err := os.ReadFile(dir + "/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`CREATE TABLE (?:postrider[._])(\w+)`).FindAllStringSubmatch(string(text), -1) {
			tables[m[1]] = true
		}
	}
	return tables
}
