package postrider_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	promised = regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9]+)`")
	pathOf   = regexp.MustCompile("`([a-z0-9/]+)`(?:: | and |, role )")
	roleOf   = regexp.MustCompile(`role ([A-Z][a-z]+)`)
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9]+)\(`)
)

// TestDefencesAreTested looks for every test that SECURITY.md names, in the package that
// it names. A defence whose test was renamed or removed would be an empty promise.
func TestDefencesAreTested(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	tests, roles := sources(t)
	_, table, found := strings.Cut(string(text), "## What the library defends, and what tests it")
	table, _, found2 := strings.Cut(table, "\n## ")
	if !found || !found2 {
		t.Fatal("SECURITY.md has no table of defences")
	}
	named := 0
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) < 5 || cells[1] == "---" || cells[1] == " threat " || strings.HasPrefix(cells[1], " **") {
			continue // the table's head, and the headings of groups
		}
		in, n := "", 0
		for part := range strings.SplitSeq(cells[3], ";") {
			if m := pathOf.FindStringSubmatch(part); m != nil {
				in = m[1]
			}
			for _, m := range promised.FindAllStringSubmatch(part, -1) {
				if n++; !tests[in+" "+m[1]] && !(in == "" && tests["any "+m[1]]) {
					t.Errorf("%q is to be tested by %s in %q, which is not there", strings.TrimSpace(cells[1]), m[1], in)
				}
			}
			for _, m := range roleOf.FindAllStringSubmatch(part, -1) {
				if n++; !roles[m[1]] {
					t.Errorf("%q is to be tested by role %s of storetest, which is not there", strings.TrimSpace(cells[1]), m[1])
				}
			}
		}
		if named += n; n == 0 {
			t.Errorf("%q names no test", strings.TrimSpace(cells[1]))
		}
	}
	if named < 100 {
		t.Errorf("%d tests are named; want all of them: the table is read wrongly", named)
	}
}

// sources returns the tests of the module by "package name", and by "any name", and the
// names of the roles of storetest.
func sources(t *testing.T) (tests, roles map[string]bool) {
	t.Helper()
	tests, roles = make(map[string]bool), make(map[string]bool)
	role := regexp.MustCompile(`role\{"([A-Z][a-z]+)", `)
	err := filepath.WalkDir(".", func(path string, entry os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") {
			return err
		}
		text, err := os.ReadFile(path)
		dir := filepath.ToSlash(filepath.Dir(path))
		if strings.HasSuffix(path, "_test.go") {
			for _, m := range testFunc.FindAllSubmatch(text, -1) {
				tests[dir+" "+string(m[1])], tests["any "+string(m[1])] = true, true
			}
		} else if dir == "store/storetest" {
			for _, m := range role.FindAllSubmatch(text, -1) {
				roles[string(m[1])] = true
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests, roles
}
