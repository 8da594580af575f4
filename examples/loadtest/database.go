package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/webhook"
)

// database is the store under test.
type database interface {
	store.Store
	// publishTx publishes an event in a transaction of its own, as a host would
	// that writes to tables of its own in it.
	publishTx(ctx context.Context, d *dispatcher.Dispatcher, ev webhook.Event) (webhook.Receipt, error)
	// rest lets the database come to rest after much was written to it.
	rest(ctx context.Context) error
	// serverCPU returns the CPU time that a server has used so far, and an error
	// if there is one that it cannot be known of.
	serverCPU() (time.Duration, error)
	close() error
}

// openDatabase opens what the -store flag names, new and empty.
func openDatabase(ctx context.Context, c config) (database, error) {
	switch scheme(c.store) {
	case "memory":
		return memory{memstore.New(), serverless{}}, nil
	case "sqlite":
		return openSQLite(ctx, c.store)
	default:
		return createPostgres(ctx, c)
	}
}

// scheme returns what kind of store a -store flag names.
func scheme(name string) string {
	scheme, _, _ := strings.Cut(name, ":")
	return scheme
}

// serverless is what databases have in common that are part of this process.
type serverless struct{}

func (serverless) rest(context.Context) error { return nil }

func (serverless) serverCPU() (time.Duration, error) { return 0, nil }

type memory struct {
	*memstore.Store
	serverless
}

func (memory) publishTx(context.Context, *dispatcher.Dispatcher, webhook.Event) (webhook.Receipt, error) {
	return webhook.Receipt{}, errors.ErrUnsupported
}

func (memory) close() error { return nil }

type sqliteFile struct {
	*sqlite.Store
	serverless
	dir string // to be removed, or ""
}

// openSQLite makes a file. One at a path that was given stays after the run.
func openSQLite(ctx context.Context, name string) (_ database, err error) {
	db := sqliteFile{}
	path := strings.TrimPrefix(strings.TrimPrefix(name, "sqlite"), ":")
	if path == "" {
		if db.dir, err = os.MkdirTemp("", "postrider-loadtest-"); err != nil {
			return nil, err
		}
		path = filepath.Join(db.dir, "webhooks.db")
	} else if _, err := os.Stat(path); err == nil {
		return nil, fmt.Errorf("%s exists: a run needs a new file", path)
	}
	if db.Store, err = sqlite.Open(ctx, path); err != nil {
		return nil, errors.Join(err, db.removeDir())
	}
	// SQLite has one writer. The publishers' transactions line up for one
	// connection, which is cheaper than lining up for the file's lock.
	db.DB().SetMaxOpenConns(1)
	return db, nil
}

func (db sqliteFile) publishTx(ctx context.Context, d *dispatcher.Dispatcher, ev webhook.Event) (receipt webhook.Receipt, err error) {
	tx, err := db.DB().BeginTx(ctx, nil)
	if err != nil {
		return receipt, fmt.Errorf("begin: %w", err)
	}
	if receipt, err = d.PublishTx(ctx, db.Tx(tx), ev); err != nil {
		return receipt, errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return receipt, fmt.Errorf("commit: %w", err)
	}
	return receipt, nil
}

func (db sqliteFile) close() error { return errors.Join(db.Close(), db.removeDir()) }

func (db sqliteFile) removeDir() error {
	if db.dir == "" {
		return nil
	}
	return os.RemoveAll(db.dir)
}
