package sqlstore

import (
	"context"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Database runs transactions. Errors that a transaction ends with for reasons
// of the database are returned as store.ErrUnavailable or store.ErrUnknown,
// with the cause; others are returned as they are.
type Database interface {
	// Write runs fn in a transaction that writes, and commits it durably. If
	// fn returns an error nothing is written, and Write returns that error.
	// fn is called at most once. Transactions that run at the same time may
	// share a commit.
	Write(ctx context.Context, fn func(context.Context, Conn) error) error

	// Read runs fn in a transaction that reads one state of the database.
	Read(ctx context.Context, fn func(context.Context, Conn) error) error
}

// Conn runs the statements of a transaction. It is used by one goroutine at a
// time.
type Conn interface {
	// Exec runs a statement and returns how many rows it changed.
	Exec(ctx context.Context, query string, args ...any) (int64, error)

	// Query runs a statement and calls each with every row of its answer. It
	// stops at the first error of each and returns it. each must not use the
	// connection.
	Query(ctx context.Context, query string, args []any, each func(Row) error) error
}

// Row is one row of an answer.
type Row interface {
	// Scan copies the columns to pointers to string, int, int64, bool, []byte
	// or time.Time. NULL becomes the zero value.
	Scan(dest ...any) error
}

// Dialect is what differs between databases apart from how they run
// transactions. The zero value fits a database with one writer.
type Dialect struct {
	// Exclusive says that only one process delivers at a time, which the
	// caller of Acquire has made sure of. Older epochs are voided.
	Exclusive bool
	// SkipLocked ends a SELECT that picks rows to change, so that processes
	// pass each other by. Defaults to nothing: one writer meets no locks.
	SkipLocked string
	// Index names, behind a table in a statement, the index to use. It is for
	// databases whose planner would take the first column of the primary key.
	// Defaults to nothing: the planner chooses.
	Index func(name string) string
	// Lock keeps other transactions that count for the same process away until
	// the transaction ends. Defaults to nothing: there is one writer.
	Lock func(ctx context.Context, c Conn, process int64) error
	// Count adds counts to the rows of a process, which nobody else counts for at
	// the time. It is for databases where a round trip per row costs much.
	// Defaults to row by row.
	Count func(ctx context.Context, c Conn, process int64, tally map[store.TallyKey]*webhook.Counts) error
	// Expire removes payloads, attempts, events, deliveries and idempotency keys
	// that are past their retention, and adds to done what it removed. It is for
	// databases that remove many rows at once. Defaults to removing them in the
	// order of events.
	Expire func(ctx context.Context, now time.Time, r store.Retention, limit int, done *store.Pruned) error
	// Redeliver puts the deliveries of a job's step back to pending, with low
	// priority, and returns how many they were (see store.JobStep). It is for
	// databases that keep them otherwise. Defaults to one after the other.
	Redeliver func(ctx context.Context, c Conn, step store.JobStep) (int, error)
	// Now returns the database's time. Defaults to the caller's time.
	Now func(ctx context.Context, c Conn, now time.Time) (time.Time, error)
}

// now returns the time that a transaction goes by.
func (s *Store) now(ctx context.Context, c Conn, now time.Time) (time.Time, error) {
	if s.dialect.Now == nil {
		return now, nil
	}
	return s.dialect.Now(ctx, c, now)
}

// index returns what the dialect says to use an index.
func (s *Store) index(name string) string {
	if s.dialect.Index == nil {
		return ""
	}
	return s.dialect.Index(name)
}
