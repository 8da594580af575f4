package postgrestest_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/store/postgres/postgrestest"
)

func TestBouncerSharesConnectionsByTheTransaction(t *testing.T) {
	t.Parallel()
	s := postgrestest.New(t, postgrestest.Options{})
	dsn := s.Bouncer(t)
	if again := s.Bouncer(t); again != dsn {
		t.Errorf("Bouncer = %s, then %s; want the same twice", dsn, again)
	}
	// Two clients stay connected. Since neither is in a transaction, one
	// connection to the server does for both.
	a, b := connect(t, dsn), connect(t, dsn)
	if first, second := backend(t, a), backend(t, b); first != second {
		t.Errorf("two idle clients have server processes %d and %d; want one for both", first, second)
	}
	tx, err := a.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }() // it did nothing
	if first, second := backend(t, tx), backend(t, b); first == second {
		t.Errorf("a client in a transaction and another share server process %d", first)
	}
}

func TestBouncerSurvivesTheServersCrash(t *testing.T) {
	t.Parallel()
	s := postgrestest.New(t, postgrestest.Options{})
	dsn := s.Bouncer(t)
	first := backend(t, connect(t, dsn))
	s.Kill()
	restart(t, s)
	// PgBouncer may find out about its dead connections with the first query.
	if second := backend(t, connect(t, dsn)); second == first {
		t.Errorf("the server process after a crash = %d, as before it", second)
	}
}

// connect connects without prepared statements, which have no place in
// PgBouncer's transaction mode.
func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// backend returns the process of the server that answers.
func backend(t *testing.T, q interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
},
) int {
	t.Helper()
	var pid int
	if err := q.QueryRow(t.Context(), "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		t.Fatal(err)
	}
	return pid
}
