package e2e_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/postgres"
	"github.com/postrider/postrider/store/postgres/postgrestest"
)

// eachDatabase runs a test on every kind of database that outlives a process.
func eachDatabase(t *testing.T, run func(t *testing.T, st store.Store)) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		run(t, openStore(t, databaseFile(t)))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		st, _ := openPostgres(t, 0)
		run(t, st)
	})
}

// openPostgres returns a store in a schema of its own, over a pool of as many
// connections, or of the default number for 0.
func openPostgres(t testing.TB, connections int32) (*postgres.Store, *pgxpool.Pool) {
	t.Helper()
	server := postgrestest.Shared(t)
	cfg, err := pgxpool.ParseConfig(server.DSN())
	if err != nil {
		t.Fatal(err)
	}
	if connections > 0 {
		cfg.MaxConns = connections
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	in := postgres.Config{Schema: server.Schema(t)}
	if err := postgres.Migrate(t.Context(), pool, in); err != nil {
		t.Fatalf("Migrate = %v; want nil", err)
	}
	st, err := postgres.New(t.Context(), pool, in)
	if err != nil {
		t.Fatalf("New = %v; want nil", err)
	}
	watched.opens(t, inSchema(pool, in.Schema))
	return st, pool
}
