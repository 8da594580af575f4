package postgres_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/postgres/postgrestest"
	"github.com/postrider/postrider/store/storetest"
)

// vacuumErased is what SECURITY.md says to run after subjects were erased.
const vacuumErased = `VACUUM FULL :s.events, :s.payloads, :s.deliveries, :s.attempts, :s.idempotency, :s.queue, :s.blocks, :s.jobs`

// TestEraseLeavesNothing looks for the bytes of a subject in all rows, in what ANALYZE
// keeps, and in the files of all tables and indexes of the database.
func TestEraseLeavesNothing(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, postgrestest.New(t, postgrestest.Options{}))
	p := d.open(t, nil)
	canary := storetest.Canary(t, p.Store)
	d.exec(t, `ANALYZE`)
	if rows := d.rowsWith(t, canary); !slices.Equal(tablesOf(rows), []string{"attempts", "blocks", "deliveries", "events", "idempotency", "payloads", "queue"}) {
		t.Errorf("before it is erased the subject is in %v; want it in every table that has something of subjects", rows)
	}
	if files := d.filesWith(t, canary); len(files) < 6 {
		t.Errorf("before it is erased the subject is in the files of %v; want more: the test would see nothing", files)
	}
	done, err := p.EraseSubject(t.Context(), time.Now(), "acme", storetest.CanarySubject, store.MaxPage)
	must(t, err, "EraseSubject")
	if done.Events == 0 || done.Pending == 0 || done.Attempts == 0 || done.IdempotencyKeys != done.Events {
		t.Errorf("EraseSubject = %+v; want something of everything", done)
	}
	if rows := d.rowsWith(t, canary); len(rows) > 0 {
		t.Errorf("after EraseSubject the subject is in rows of %v; want none", rows)
	}
	if n := d.count(t, `SELECT count(*) FROM pg_stats WHERE concat(most_common_vals, histogram_bounds) LIKE '%canary-%'`); n > 0 {
		t.Errorf("after EraseSubject %d columns have samples of the subject; want none", n)
	}
	if files := d.filesWith(t, canary); len(files) == 0 {
		t.Error("before VACUUM the subject is in no file: the test would not see what it is for")
	}
	d.exec(t, vacuumErased)
	d.exec(t, `CHECKPOINT`)
	if files := d.filesWith(t, canary); len(files) > 0 {
		t.Errorf("after %s the subject is in the files of %v; want none", vacuumErased, files)
	}
}

// tables returns all tables of the schema that have rows.
func (d *database) tables(t *testing.T) []string {
	t.Helper()
	rows, err := d.pool.Query(t.Context(), `
		SELECT relname FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind = 'r' ORDER BY 1`, d.schema)
	must(t, err, "list tables")
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err, "list tables")
	return names
}

// rowsWith returns the tables that have rows with some bytes in any column, as text
// or as the bytes of one.
func (d *database) rowsWith(t *testing.T, canary []byte) (found []string) {
	t.Helper()
	for _, name := range d.tables(t) {
		if n := d.count(t, `SELECT count(*) FROM :s.`+name+` r WHERE position($1 IN r::text) > 0 OR position($2 IN r::text) > 0`,
			string(canary), fmt.Sprintf("%x", canary)); n > 0 {
			found = append(found, name)
		}
	}
	return found
}

// tablesOf returns the tables that partitions are of.
func tablesOf(names []string) (tables []string) {
	for _, name := range names {
		name, _, _ = strings.Cut(name, "_")
		tables = append(tables, name)
	}
	slices.Sort(tables)
	return slices.Compact(tables)
}

// filesWith returns the relations of the database whose files have some bytes in them,
// among them indexes, what is kept beside tables, and the catalogues.
func (d *database) filesWith(t *testing.T, canary []byte) (found []string) {
	t.Helper()
	d.exec(t, `CHECKPOINT`)
	rows, err := d.pool.Query(t.Context(), `
		SELECT f.name, coalesce(c.relname, 'none'), pg_read_binary_file(dir || '/' || f.name, 0, 1 << 28, true)
		FROM (SELECT 'base/' || oid AS dir FROM pg_database WHERE datname = current_database()) d,
			pg_ls_dir(dir) f (name)
		LEFT JOIN pg_class c ON pg_relation_filenode(c.oid)::text = split_part(split_part(f.name, '.', 1), '_', 1)`)
	must(t, err, "read files")
	files := 0
	var name, relation string
	var content []byte
	_, err = pgx.ForEachRow(rows, []any{&name, &relation, &content}, func() error {
		if files++; bytes.Contains(content, canary) {
			found = append(found, relation+" ("+name+")")
		}
		return nil
	})
	must(t, err, "read files")
	if files < 100 {
		t.Fatalf("the database has %d files; want all of them", files)
	}
	return found
}
