package sqlite

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlstore"
)

// vacuumPages bounds the free pages that a transaction gives back to the file
// system, and vacuumSteps the transactions of a call.
const (
	vacuumPages = 64
	vacuumSteps = 16
)

// Prune implements store.Maintenance. It also gives free pages back to the file
// system, some at a time.
func (s *Store) Prune(ctx context.Context, now time.Time, r store.Retention, limit int) (store.Pruned, error) {
	done, err := s.Store.Prune(ctx, now, r, limit)
	if err != nil || reflect.ValueOf(done).IsZero() {
		return done, err
	}
	if err := s.giveBack(ctx); err != nil {
		return done, fmt.Errorf("prune: give pages back: %w", err)
	}
	return done, nil
}

func (s *Store) giveBack(ctx context.Context) error {
	for range vacuumSteps {
		var free int64
		if err := s.readers.Read(ctx, func(ctx context.Context, c sqlstore.Conn) error {
			return c.Query(ctx, `PRAGMA freelist_count`, nil, func(r sqlstore.Row) error { return r.Scan(&free) })
		}); err != nil || free == 0 {
			return err
		}
		if err := s.writer.Write(ctx, func(ctx context.Context, c sqlstore.Conn) error {
			_, err := c.Exec(ctx, vacuumStep)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

var vacuumStep = fmt.Sprintf(`PRAGMA incremental_vacuum(%d)`, vacuumPages)
