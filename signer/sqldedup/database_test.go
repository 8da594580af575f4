package sqldedup_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/postrider/postrider/signer/sqldedup"
	"github.com/postrider/postrider/store/postgres/postgrestest"
)

// database is where a test keeps its table.
type database struct {
	dialect sqldedup.Dialect
	dsn     string
	db      *sql.DB
}

// eachDatabase runs a test over each database, with the table made.
func eachDatabase(t *testing.T, test func(t *testing.T, d database)) {
	t.Parallel()
	for name, dsn := range map[string]func(t *testing.T) string{
		"SQLite":     func(t *testing.T) string { return sqliteDSN(filepath.Join(t.TempDir(), "receiver.db")) },
		"PostgreSQL": postgresDSN,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, dsn(t))
			if err := d.new(t, sqldedup.Config{}).CreateTable(t.Context()); err != nil {
				t.Fatal(err)
			}
			test(t, d)
		})
	}
}

// sqliteDSN is how a receiver opens a file that other processes write to.
func sqliteDSN(path string) string {
	return "file:" + path + "?_pragma=busy_timeout(20000)&_pragma=journal_mode(wal)&_txlock=immediate"
}

// postgresDSN is that of a schema of the test's own.
func postgresDSN(t *testing.T) string {
	t.Helper()
	server := postgrestest.Shared(t)
	schema := server.Schema(t)
	if _, err := server.Pool(t).Exec(t.Context(), "CREATE SCHEMA "+schema); err != nil {
		t.Fatal(err)
	}
	separator := "?"
	if strings.Contains(server.DSN(), "?") {
		separator = "&"
	}
	return server.DSN() + separator + "search_path=" + schema
}

// openDSN opens a database by the form of its name.
func openDSN(dsn string) (*sql.DB, sqldedup.Dialect, error) {
	if strings.HasPrefix(dsn, "file:") {
		db, err := sql.Open("sqlite", dsn)
		return db, sqldedup.SQLite, err
	}
	db, err := sql.Open("pgx", dsn)
	return db, sqldedup.PostgreSQL, err
}

func open(t *testing.T, dsn string) database {
	t.Helper()
	db, dialect, err := openDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return database{dialect: dialect, dsn: dsn, db: db}
}

func (d database) new(t *testing.T, cfg sqldedup.Config) *sqldedup.Deduplicator {
	t.Helper()
	cfg.Dialect = d.dialect
	dd, err := sqldedup.New(d.db, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return dd
}

// age makes every row as old as if its time had passed.
func (d database) age(t *testing.T) {
	t.Helper()
	if _, err := d.db.ExecContext(t.Context(), "UPDATE webhook_dedup SET until = 1"); err != nil {
		t.Fatal(err)
	}
}

func (d database) rows(t *testing.T) (n int) {
	t.Helper()
	if err := d.db.QueryRowContext(t.Context(), "SELECT count(*) FROM webhook_dedup").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
