package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"

	_ "modernc.org/sqlite" // the driver; any other does

	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/signer/sqldedup"
)

const createTables = `
	CREATE TABLE IF NOT EXISTS accounts (
		customer TEXT PRIMARY KEY,
		cents    INTEGER NOT NULL
	);
	CREATE TABLE IF NOT EXISTS receipts ( -- to be posted
		event    TEXT PRIMARY KEY,
		customer TEXT NOT NULL,
		cents    INTEGER NOT NULL
	)`

// books are the receiver's own database.
type books struct {
	db *sql.DB
	// handled remembers in db which events are booked.
	handled *sqldedup.Deduplicator
	// asked holds something when there may be receipts to post, which go to out.
	asked chan struct{}
	out   io.Writer
}

// openBooks opens a file. What is committed is on the disk (synchronous), and
// transactions wait for each other rather than fail (busy_timeout, immediate).
func openBooks(ctx context.Context, path string, out io.Writer) (*books, error) {
	db, err := sql.Open("sqlite", "file:"+path+
		"?_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=busy_timeout(5000)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	b := &books{db: db, asked: make(chan struct{}, 1), out: out}
	b.handled, err = sqldedup.New(db, sqldedup.Config{Dialect: sqldedup.SQLite})
	if err == nil {
		err = b.handled.CreateTable(ctx)
	}
	if err == nil {
		_, err = db.ExecContext(ctx, createTables)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the books: %w", err), db.Close())
	}
	return b, nil
}

func (b *books) close() error { return b.db.Close() }

// payment is the data of invoice.paid and of invoice.refunded.
type payment struct {
	Customer string `json:"customer"`
	Cents    int64  `json:"cents"`
}

// once returns a handler that makes a change and remembers its event in one
// transaction. An event that is remembered is answered with success, and changes
// nothing.
func once(b *books, change func(context.Context, *sql.Tx, signer.Event, payment) error) signer.Handler {
	return signer.Typed(func(ctx context.Context, ev signer.Event, p payment) error {
		if p.Customer == "" || p.Cents <= 0 {
			return fmt.Errorf("%w: no customer or no amount", signer.ErrBadEvent) // answered 400
		}
		tx, err := b.db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }() // after a commit it does nothing
		if fresh, err := b.handled.ClaimTx(ctx, tx, ev.ID); err != nil || !fresh {
			return err
		}
		if err := change(ctx, tx, ev, p); err != nil {
			return err // answered 500, and forgotten, so the event comes again
		}
		if err := tx.Commit(); err != nil {
			return err
		}
		b.ask()
		return nil
	})
}

// credit books a payment, and asks for a receipt.
func credit(ctx context.Context, tx *sql.Tx, ev signer.Event, p payment) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO accounts (customer, cents)
		VALUES (?1, ?2)
		ON CONFLICT (customer) DO UPDATE SET cents = cents + ?2`, p.Customer, p.Cents)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO receipts (event, customer, cents)
		VALUES (?1, ?2, ?3)`, ev.ID, p.Customer, p.Cents)
	return err
}

// errEarly is no fault of anybody's.
var errEarly = errors.New("refund of a payment that has not come yet")

// debit books a refund. Events come in any order: one that comes before its payment is
// refused, and by the time that it comes again the payment may be there.
func debit(ctx context.Context, tx *sql.Tx, _ signer.Event, p payment) error {
	res, err := tx.ExecContext(ctx, `
		UPDATE accounts
		SET cents = cents - ?2
		WHERE customer = ?1
		AND cents >= ?2`, p.Customer, p.Cents)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(errEarly, err)
	}
	return nil
}
