package e2e_test

import (
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store/postgres"
	"github.com/postrider/postrider/store/postgres/postgrestest"
	"github.com/postrider/postrider/webhook"
)

// The host's transactions may have all connections of the pool: what PublishTx needs
// to know it reads through them.
func TestPublishTxNeedsNoOtherConnection(t *testing.T) {
	t.Parallel()
	server := postgrestest.Shared(t)
	schema := server.Schema(t)
	cfg, _ := pgxpool.ParseConfig(server.DSN())
	cfg.MaxConns = 4
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if err := postgres.Migrate(t.Context(), pool, postgres.Config{Schema: schema}); err != nil {
		t.Fatal(err)
	}
	st, err := postgres.New(t.Context(), pool, postgres.Config{Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	newHost(t, st, dispatcher.Config{}).create(webhook.Endpoint{URL: "http://127.0.0.1:9999/x"})
	h := newHost(t, st, dispatcher.Config{}) // a process that has just started
	var begun, all sync.WaitGroup
	begun.Add(4)
	for range 4 {
		all.Go(func() {
			tx, err := pool.Begin(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			begun.Done()
			begun.Wait()
			at := time.Now()
			_, err = h.PublishTx(t.Context(), st.Tx(tx), event("a", 1))
			// It would wait for ever: the four have all connections until they have published.
			if took := time.Since(at); err != nil || took > patience {
				t.Errorf("PublishTx = %v after %v; want nil, and not to wait for a connection", err, took)
			}
			if err := tx.Commit(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}
