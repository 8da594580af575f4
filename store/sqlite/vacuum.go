package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postrider/postrider/store/sqlstore"
)

// Vacuum writes the file anew and empties its write-ahead log, so that nothing of
// what was removed, by Prune or by erasing a subject, is left in free pages, in the
// unused parts of others, or in the log. It takes a moment for each 100 MB, as much
// space again for that time, and holds up all that writes, whose callers wait; reads
// go on. A long read, or an open transaction of the host, is waited for until ctx
// ends: the error is store.ErrUnavailable then, and Vacuum can be repeated. What the
// file system keeps of blocks that it has freed is beyond it.
func (s *Store) Vacuum(ctx context.Context) error {
	// The copy that SQLite makes is not to be in memory, as large as the database.
	c, err := openConn(s.uri + pragmas("busy_timeout(0)", "temp_store(file)", "synchronous(full)"))
	if err != nil {
		return fmt.Errorf("vacuum: %w", err)
	}
	err = s.vacuumOn(ctx, c)
	if err = errors.Join(err, c.close()); err != nil {
		return fmt.Errorf("vacuum: %w", err)
	}
	return nil
}

// vacuumPause is how long Vacuum leaves others alone before it tries again.
const vacuumPause = 20 * time.Millisecond

func (s *Store) vacuumOn(ctx context.Context, c *conn) error {
	if err := untilFree(ctx, func() (bool, error) {
		_, err := c.Exec(ctx, `VACUUM`)
		return err == nil, err
	}); err != nil {
		return err
	}
	return untilFree(ctx, func() (done bool, err error) {
		resume := s.readers.pause(readersRest)
		defer resume()
		err = c.Query(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`, nil, func(r sqlstore.Row) error {
			var busy, pages, written int
			err := r.Scan(&busy, &pages, &written)
			done = busy == 0
			return err
		})
		return done, err
	})
}

// untilFree repeats what others may be in the way of, until ctx ends.
func untilFree(ctx context.Context, do func() (bool, error)) error {
	for {
		if ctx.Err() != nil {
			return gaveUp(ctx)
		}
		done, err := do()
		switch {
		case err != nil && !isBusy(err):
			return classify(err)
		case err == nil && done:
			return nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(vacuumPause):
		}
	}
}
