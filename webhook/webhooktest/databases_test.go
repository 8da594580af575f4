package webhooktest_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/store/postgres"
	"github.com/postrider/postrider/store/postgres/postgrestest"
	"github.com/postrider/postrider/store/sharded"
	"github.com/postrider/postrider/store/sqlite"
)

// hostTx is a transaction of the host.
type hostTx struct {
	store.Tx
	commit, rollback func() error
}

// database is a store, and how the host begins a transaction of it.
type database struct {
	store.Store
	begin func(t *testing.T) hostTx
}

// databases open empty stores of every kind.
var databases = map[string]func(t *testing.T) database{
	"memstore": func(*testing.T) database {
		st := memstore.New()
		return database{st, func(*testing.T) hostTx {
			tx := st.Begin()
			return hostTx{tx, tx.Commit, tx.Rollback}
		}}
	},
	"sharded": func(t *testing.T) database {
		shards := map[string]store.Store{"a": memstore.New(), "b": memstore.New()}
		st, err := sharded.New(t.Context(), shards)
		must(t, err)
		return database{st, func(t *testing.T) hostTx {
			name, err := st.Shard(t.Context(), "acme")
			must(t, err)
			tx := shards[name].(*memstore.Store).Begin()
			return hostTx{st.Tx(name, tx), tx.Commit, tx.Rollback}
		}}
	},
	"sqlite": func(t *testing.T) database {
		st, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "webhooks.db"))
		must(t, err)
		t.Cleanup(func() { _ = st.Close() })
		return database{st, func(t *testing.T) hostTx {
			tx, err := st.DB().BeginTx(t.Context(), nil)
			must(t, err)
			return hostTx{st.Tx(tx), tx.Commit, tx.Rollback}
		}}
	},
	"postgres": func(t *testing.T) database {
		server := postgrestest.Shared(t)
		pool, err := pgxpool.New(t.Context(), server.DSN())
		must(t, err)
		t.Cleanup(pool.Close)
		cfg := postgres.Config{Schema: server.Schema(t)}
		must(t, postgres.Migrate(t.Context(), pool, cfg))
		st, err := postgres.New(t.Context(), pool, cfg)
		must(t, err)
		return database{st, func(t *testing.T) hostTx {
			tx, err := pool.Begin(t.Context())
			must(t, err)
			ctx := context.WithoutCancel(t.Context())
			return hostTx{st.Tx(tx), func() error { return tx.Commit(ctx) }, func() error { return tx.Rollback(ctx) }}
		}}
	},
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
