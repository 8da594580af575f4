package postgres_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/postgres"
	"github.com/postrider/postrider/store/postgres/postgrestest"
	"github.com/postrider/postrider/store/sqlstore"
)

func TestSchemaOfAnotherVersion(t *testing.T) {
	t.Parallel()
	server := postgrestest.Shared(t)
	pool := server.Pool(t)
	none := postgres.Config{Schema: server.Schema(t)}
	if _, err := postgres.New(t.Context(), pool, none); !errors.Is(err, sqlstore.ErrSchemaTooOld) {
		t.Errorf("New without a schema = %v; want ErrSchemaTooOld", err)
	}
	d := newDatabase(t, server)
	d.exec(t, `CREATE TABLE :s.kept AS SELECT * FROM :s.migrations`)
	d.exec(t, `DELETE FROM :s.migrations WHERE version_id > 0`)
	if _, err := postgres.New(t.Context(), pool, d.config()); !errors.Is(err, sqlstore.ErrSchemaTooOld) {
		t.Errorf("New before the first migration = %v; want ErrSchemaTooOld", err)
	}
	d.exec(t, `DELETE FROM :s.migrations`)
	if _, err := postgres.New(t.Context(), pool, d.config()); !errors.Is(err, sqlstore.ErrSchemaTooOld) {
		t.Errorf("New with no record of migrations = %v; want ErrSchemaTooOld", err)
	}
	d.exec(t, `INSERT INTO :s.migrations SELECT * FROM :s.kept`)
	d.exec(t, `INSERT INTO :s.migrations (version_id, is_applied) VALUES (9000, true)`)
	if _, err := postgres.New(t.Context(), pool, d.config()); !errors.Is(err, store.ErrSchemaTooNew) {
		t.Errorf("New after a migration of the future = %v; want ErrSchemaTooNew", err)
	}
	if err := postgres.Migrate(t.Context(), pool, d.config()); !errors.Is(err, store.ErrSchemaTooNew) {
		t.Errorf("Migrate after a migration of the future = %v; want ErrSchemaTooNew", err)
	}
}

func TestSchemaNames(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Shared(t).Pool(t)
	for _, name := range []string{
		"Upper", "1st", "a-b", "a.b", `a"b`, "a b", "a;b", "ä", strings.Repeat("a", 41), "postrider\n", "../x", "pg_mine",
	} {
		if _, err := postgres.New(t.Context(), pool, postgres.Config{Schema: name}); !isRefused(err) {
			t.Errorf("New with schema %q = %v; want an error about the name", name, err)
		}
		if err := postgres.Migrate(t.Context(), pool, postgres.Config{Schema: name}); !isRefused(err) {
			t.Errorf("Migrate with schema %q = %v; want an error about the name", name, err)
		}
		if _, err := postgres.Migrations(name); !isRefused(err) {
			t.Errorf("Migrations(%q) = %v; want an error about the name", name, err)
		}
	}
	for _, name := range []string{"user", "order", "left"} { // only the server knows them all
		if _, err := postgres.New(t.Context(), pool, postgres.Config{Schema: name}); !isRefused(err) {
			t.Errorf("New with schema %q = %v; want an error about the name", name, err)
		}
		if err := postgres.Migrate(t.Context(), pool, postgres.Config{Schema: name}); !isRefused(err) {
			t.Errorf("Migrate with schema %q = %v; want an error about the name", name, err)
		}
	}
	for _, name := range []string{"", "a", "_", "a_1", strings.Repeat("a", 40)} {
		if _, err := postgres.Migrations(name); err != nil {
			t.Errorf("Migrations(%q) = %v; want nil", name, err)
		}
	}
}

// isRefused reports whether an error is about a name, and not one of the server's.
func isRefused(err error) bool {
	return err != nil && strings.Contains(err.Error(), "schema \"") &&
		!errors.Is(err, store.ErrUnavailable) && !errors.Is(err, sqlstore.ErrSchemaTooOld)
}

// TestSchemaIsNamed has a search path on which nothing can be found.
func TestSchemaIsNamed(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, postgrestest.Shared(t))
	p := d.open(t, func(cfg *pgxpool.Config) { cfg.ConnConfig.RuntimeParams["search_path"] = "" })
	w := newTenant(t, p)
	for _, s := range []store.Publication{w.publication(), w.keyed("k")} {
		wantOutcomes(t, "Publish", publish(t, p, s), store.PublishStored)
	}
	must(t, postgres.Migrate(t.Context(), p.pool, d.config()), "Migrate")
}

func TestAsyncCommitIsRefused(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, postgrestest.Shared(t))
	p := d.dial(t, func(cfg *pgxpool.Config) { cfg.ConnConfig.RuntimeParams["synchronous_commit"] = "off" })
	cfg := d.config()
	if _, err := postgres.New(t.Context(), p.pool, cfg); err == nil || !strings.Contains(err.Error(), "synchronous_commit") {
		t.Errorf("New with synchronous_commit off = %v; want an error that names it: a crash would lose what was acknowledged", err)
	}
	cfg.AsyncCommit = true
	if _, err := postgres.New(t.Context(), p.pool, cfg); err != nil {
		t.Errorf("New with synchronous_commit off and AsyncCommit = %v; want nil", err)
	}
}
