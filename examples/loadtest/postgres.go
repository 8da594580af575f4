package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store/postgres"
	"github.com/postrider/postrider/webhook"
)

const (
	// poolSize is how many connections the dispatcher of a process may have, and
	// hostConns how many more all publishers may with -tx. pool_max_conns in the
	// URL wins.
	poolSize  = 16
	hostConns = 64
	// dropTimeout bounds what a run does after its end.
	dropTimeout = time.Minute
)

// postgresSchema is a schema of a server.
type postgresSchema struct {
	*postgres.Store
	pool   *pgxpool.Pool
	name   string
	server *server
	// temporary says that the schema ends with close.
	temporary bool
}

// createPostgres makes a schema for one run.
func createPostgres(ctx context.Context, c config) (database, error) {
	pool, err := openPool(ctx, c)
	if err != nil {
		return nil, err
	}
	db := &postgresSchema{pool: pool, name: "loadtest_" + strings.ToLower(rand.Text()[:10]), temporary: true}
	if err = postgres.Migrate(ctx, pool, postgres.Config{Schema: db.name}); err == nil {
		err = db.open(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, db.close())
	}
	return db, nil
}

// openPostgres opens a schema that another process has made.
func openPostgres(ctx context.Context, c config, name string) (database, error) {
	pool, err := openPool(ctx, c)
	if err != nil {
		return nil, err
	}
	db := &postgresSchema{pool: pool, name: name}
	if err := db.open(ctx); err != nil {
		return nil, errors.Join(err, db.close())
	}
	return db, nil
}

func openPool(ctx context.Context, c config) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(c.store)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(c.store, "pool_max_conns") {
		cfg.MaxConns = poolSize
		if c.tx {
			cfg.MaxConns += int32(min(c.publishers, max(hostConns/c.processes, 1)))
		}
	}
	return pgxpool.NewWithConfig(ctx, cfg)
}

func (db *postgresSchema) open(ctx context.Context) (err error) {
	if db.server, err = findServer(ctx, db.pool); err != nil {
		return err
	}
	db.Store, err = postgres.New(ctx, db.pool, postgres.Config{Schema: db.name})
	return err
}

func (db *postgresSchema) publishTx(ctx context.Context, d *dispatcher.Dispatcher, ev webhook.Event) (receipt webhook.Receipt, err error) {
	tx, err := db.pool.Begin(ctx)
	if err != nil {
		return receipt, fmt.Errorf("begin: %w", err)
	}
	if receipt, err = d.PublishTx(ctx, db.Tx(tx), ev); err != nil {
		return receipt, errors.Join(err, tx.Rollback(context.WithoutCancel(ctx)))
	}
	if err := tx.Commit(ctx); err != nil {
		return receipt, fmt.Errorf("commit: %w", err)
	}
	return receipt, nil
}

// rest does what autovacuum and the checkpointer would have done long ago if the
// rows were as old as they are said to be.
func (db *postgresSchema) rest(ctx context.Context) error {
	for _, table := range []string{"queue", "lanes", "events", "payloads", "deliveries", "attempts"} {
		if _, err := db.pool.Exec(ctx, "VACUUM (ANALYZE) "+db.name+"."+table); err != nil {
			return fmt.Errorf("vacuum %s: %w", table, err)
		}
	}
	_, _ = db.pool.Exec(ctx, "CHECKPOINT") // not every role may
	return nil
}

// awaitLeases returns when n processes may deliver.
func (db *postgresSchema) awaitLeases(ctx context.Context, n int) error {
	for {
		var held int
		if err := db.pool.QueryRow(ctx, "SELECT count(*) FROM "+db.name+".processes").Scan(&held); err != nil {
			return err
		}
		if held >= n {
			return nil
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (db *postgresSchema) serverCPU() (time.Duration, error) { return db.server.cpu() }

func (db *postgresSchema) close() (err error) {
	if db.temporary {
		ctx, cancel := context.WithTimeout(context.Background(), dropTimeout)
		defer cancel()
		_, err = db.pool.Exec(ctx, "DROP SCHEMA IF EXISTS "+db.name+" CASCADE")
	}
	db.pool.Close()
	return err
}

// withoutUser returns a -store flag without what only the server's users may know.
func withoutUser(store string) string {
	u, err := url.Parse(store)
	if err != nil || u.Host == "" {
		return store
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}
