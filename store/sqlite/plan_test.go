package sqlite

import (
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/postrider/postrider/store/sqlstore"
)

// scanned matches the step of a plan that reads a table, or an index of it, from
// one end to the other, or all of one owner or tenant.
var scanned = regexp.MustCompile(`^(SCAN (postrider_|[edjpq]\b)|SEARCH (postrider_queue|q) .*\(owner=\?\)$|SEARCH (postrider_deliveries|postrider_events|d|e) .*\(tenant=\?\)$)`)

// byID matches a statement that lists history, newest first.
var byID = regexp.MustCompile(`FROM postrider_(events|deliveries|queue)[\s\S]*ORDER BY (d\.|q\.)?(id|delivery) DESC\s+LIMIT`)

// bareLimit matches a bound whose argument SQLite plans with.
var bareLimit = regexp.MustCompile(`LIMIT \?\s*($|[^ +])`)

// scansAllowed are parts of the statements that may, with what bounds them.
var scansAllowed = map[string]string{
	"ORDER BY due\n\t\tLIMIT 1":                                     "the first entry of an index",
	"ORDER BY next_at\n\t\t\tLIMIT 1":                               "the first entry of an index",
	"AND batch IS NOT NULL\n\t\tLIMIT 1":                            "the first entry of an index",
	"FROM postrider_jobs j":                                         "jobs that are running, which are few",
	"FROM postrider_uncounted":                                      "at most 1024 items of each process",
	"SELECT DISTINCT tenant":                                        "only when a tombstone has come of age",
	"FROM postrider_idempotency\n\t\t\tORDER BY seq\n\t\t\tLIMIT ?": "pages of a table by its key",
	"SET owner = 0, parked = 0, started = 0":                        "what one process holds",
}

// TestPlans runs everything once and asks SQLite how it would run each statement
// that was prepared.
func TestPlans(t *testing.T) {
	st, err := Open(t.Context(), filepath.Join(t.TempDir(), "webhooks.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	runEverything(t, st)
	texts := map[string]bool{}
	for _, c := range append(st.readers.idle, st.writer.conn) {
		for text := range c.stmts {
			texts[text] = true
		}
	}
	if len(texts) < 50 {
		t.Errorf("%d statements were prepared; the test should run them all", len(texts))
	}
	for _, text := range slices.Sorted(maps.Keys(texts)) {
		if keyword := strings.Fields(text)[0]; !slices.Contains([]string{"SELECT", "INSERT", "UPDATE", "DELETE"}, keyword) {
			continue
		}
		if bareLimit.MatchString(text) {
			t.Errorf("%s\nis compiled anew for each call; write \"LIMIT ? + 0\"", text)
		}
		for _, step := range explain(t, st, text) {
			if scanned.MatchString(step) && !allowed(text) {
				t.Errorf("%s\nreads more than it needs: %s", text, step)
			}
			// What is pending is a page of two parts, of which those that are leased are few.
			if strings.Contains(step, "TEMP B-TREE FOR ORDER BY") && byID.MatchString(text) && !strings.Contains(text, "UNION ALL") {
				t.Errorf("%s\nsorts what an index has in order: %s", text, step)
			}
		}
	}
}

func allowed(text string) bool {
	for part := range scansAllowed {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

func explain(t *testing.T, st *Store, text string) []string {
	t.Helper()
	args := make([]any, strings.Count(text, "?"))
	for i := range args {
		args[i] = 1
	}
	var steps []string
	if err := st.writer.conn.Query(t.Context(), `EXPLAIN QUERY PLAN `+text, args, func(r sqlstore.Row) error {
		var id, parent, unused int
		var detail string
		err := r.Scan(&id, &parent, &unused, &detail)
		steps = append(steps, detail)
		return err
	}); err != nil {
		t.Fatalf("EXPLAIN %s = %v", text, err)
	}
	return steps
}
