package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/webhook"
)

// database is the store under test.
type database struct {
	store.Store
	sqlite *sqlite.Store // nil if it is another
	dir    string        // to be removed, or ""
}

// openDatabase opens what the -store flag names. A file at a path that was given
// is new, and stays after the run.
func openDatabase(ctx context.Context, name string) (db *database, err error) {
	if name == "memory" {
		return &database{Store: memstore.New()}, nil
	}
	db = &database{}
	path := strings.TrimPrefix(name, "sqlite:")
	if path == "" || path == name {
		if db.dir, err = os.MkdirTemp("", "postrider-loadtest-"); err != nil {
			return nil, err
		}
		path = filepath.Join(db.dir, "webhooks.db")
	} else if _, err := os.Stat(path); err == nil {
		return nil, fmt.Errorf("%s exists: a run needs a new file", path)
	}
	if db.sqlite, err = sqlite.Open(ctx, path); err != nil {
		return nil, errors.Join(err, db.removeDir())
	}
	db.Store = db.sqlite
	// SQLite has one writer. The publishers' transactions line up for one
	// connection, which is cheaper than lining up for the file's lock.
	db.sqlite.DB().SetMaxOpenConns(1)
	return db, nil
}

// publishTx publishes an event in a transaction of its own, as a host would that
// writes to tables of its own in it.
func (db *database) publishTx(ctx context.Context, d *dispatcher.Dispatcher, ev webhook.Event) (receipt webhook.Receipt, err error) {
	tx, err := db.sqlite.DB().BeginTx(ctx, nil)
	if err != nil {
		return receipt, fmt.Errorf("begin: %w", err)
	}
	if receipt, err = d.PublishTx(ctx, db.sqlite.Tx(tx), ev); err != nil {
		return receipt, errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return receipt, fmt.Errorf("commit: %w", err)
	}
	return receipt, nil
}

func (db *database) close() error {
	if db.sqlite == nil {
		return nil
	}
	return errors.Join(db.sqlite.Close(), db.removeDir())
}

func (db *database) removeDir() error {
	if db.dir == "" {
		return nil
	}
	return os.RemoveAll(db.dir)
}
