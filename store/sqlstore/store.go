package sqlstore

import (
	"context"
	"sync/atomic"

	"github.com/postrider/postrider/store"
)

// Store implements store.Store over a Database whose schema is migrated.
type Store struct {
	db      Database
	dialect Dialect
	// uncounted is how many settled items of this process are not counted in
	// the statistics, about.
	uncounted atomic.Int64
}

var _ store.Store = (*Store)(nil)

// New returns a store over a database. It reads and writes nothing.
func New(db Database, dialect Dialect) *Store {
	return &Store{db: db, dialect: dialect}
}

// queryOne runs a query for at most one row and reports whether there was one.
func queryOne(ctx context.Context, c Conn, query string, args []any, dest ...any) (bool, error) {
	found := false
	err := c.Query(ctx, query, args, func(r Row) error {
		found = true
		return r.Scan(dest...)
	})
	return found, err
}

// nextValue returns the next value of a sequence. Callers that take values of
// one sequence wait for each other until they commit, so that values are
// committed in their order.
func nextValue(ctx context.Context, c Conn, name string) (int64, error) {
	var value int64
	_, err := queryOne(ctx, c, `
		INSERT INTO postrider_sequences (name, value)
		VALUES (?, 1)
		ON CONFLICT (name) DO UPDATE
		SET value = postrider_sequences.value + 1
		RETURNING value`, []any{name}, &value)
	return value, err
}
