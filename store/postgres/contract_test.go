package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/postgres"
	"github.com/postrider/postrider/store/postgres/postgrestest"
	"github.com/postrider/postrider/store/storetest"
)

const aWeek = 7 * 24 * time.Hour

func TestContract(t *testing.T) {
	server := postgrestest.Shared(t)
	schemas := newSchemas(t, server.Pool(t), server)
	storetest.Run(t, func(t *testing.T) storetest.Harness {
		s := schemas.take(t)
		return s.harness(server.Pool(t), postgres.Config{Schema: s.name}, beginNative)
	})
}

// TestContractSQL is about transactions of package database/sql; all else is the
// same code as above.
func TestContractSQL(t *testing.T) {
	server := postgrestest.Shared(t)
	schemas := newSchemas(t, server.Pool(t), server)
	storetest.RunTx(t, func(t *testing.T) storetest.Harness {
		s := schemas.take(t)
		return s.harness(server.Pool(t), postgres.Config{Schema: s.name}, beginSQL)
	})
}

func TestContractPooler(t *testing.T) {
	server := postgrestest.Shared(t)
	schemas := newSchemas(t, server.Pool(t), server)
	url := server.Bouncer(t)
	storetest.Run(t, func(t *testing.T) storetest.Harness {
		s := schemas.take(t)
		return s.harness(connect(t, url), postgres.Config{Schema: s.name, Pooler: true}, beginNative)
	})
}

func (s *schema) harness(pool *pgxpool.Pool, cfg postgres.Config, begin beginner) storetest.Harness {
	open := func(t *testing.T) store.Store {
		t.Helper()
		st, err := postgres.New(t.Context(), pool, cfg)
		if err != nil {
			t.Fatalf("New = %v; want nil", err)
		}
		return timed{st, s.clock}
	}
	return storetest.Harness{
		Store: open(s.t), Second: open, Reopen: open,
		Begin: func(t *testing.T) storetest.HostTx {
			st, err := postgres.New(t.Context(), pool, cfg)
			if err != nil {
				t.Fatalf("New = %v; want nil", err)
			}
			return begin(t, pool, st, s.clock)
		},
		Part: aWeek,
	}
}

// beginner begins a transaction of the host.
type beginner func(*testing.T, *pgxpool.Pool, *postgres.Store, *clock) storetest.HostTx

func beginNative(t *testing.T, pool *pgxpool.Pool, st *postgres.Store, c *clock) storetest.HostTx {
	t.Helper()
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatalf("Begin = %v; want nil", err)
	}
	ctx := context.WithoutCancel(t.Context())
	t.Cleanup(func() { _ = tx.Rollback(ctx) }) // it may have ended
	return storetest.HostTx{
		Tx:       timedTx{st.Tx(tx), c},
		Commit:   func() error { return tx.Commit(ctx) },
		Rollback: func() error { return tx.Rollback(ctx) },
	}
}

func beginSQL(t *testing.T, pool *pgxpool.Pool, st *postgres.Store, c *clock) storetest.HostTx {
	t.Helper()
	db := stdlib.OpenDBFromPool(pool)
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatalf("BeginTx = %v; want nil", err)
	}
	t.Cleanup(func() { _ = tx.Rollback() }) // it may have ended
	return storetest.HostTx{Tx: timedTx{st.SQLTx(tx), c}, Commit: tx.Commit, Rollback: tx.Rollback}
}

// connect returns a pool that is closed with the test.
func connect(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}
