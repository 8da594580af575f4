package sqlstore

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/postrider/postrider/store"
)

// Acquire implements store.Leases. In an exclusive dialect the caller holds the
// database's lock.
func (s *Store) Acquire(ctx context.Context, now time.Time, p store.Process, ttl time.Duration) (int64, error) {
	var epoch int64
	err := s.db.Write(ctx, func(ctx context.Context, c Conn) error {
		now, err := s.now(ctx, c, now)
		if err != nil {
			return err
		}
		if epoch, err = nextValue(ctx, c, "epoch"); err != nil {
			return err
		}
		since := now
		if s.dialect.Exclusive {
			// Nobody else lives, so there is no outage to wait out.
			since = now.Add(-ttl)
			if _, err := c.Exec(ctx, `
				DELETE FROM postrider_processes
				WHERE epoch < ?`, epoch); err != nil {
				return err
			}
		}
		_, err = c.Exec(ctx, `
			INSERT INTO postrider_processes (epoch, host, pid, version, since, expires_at)
			VALUES (?, ?, ?, ?, ?, ?)`,
			epoch, p.Host, int64(p.PID), p.Version, since.UnixMicro(), now.Add(ttl).UnixMicro())
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("acquire lease: %w", err)
	}
	return epoch, nil
}

// Renew implements store.Leases.
func (s *Store) Renew(ctx context.Context, now time.Time, epoch int64, ttl time.Duration) error {
	err := s.db.Write(ctx, func(ctx context.Context, c Conn) error {
		now, err := s.now(ctx, c, now)
		if err != nil {
			return err
		}
		n, err := c.Exec(ctx, `
			UPDATE postrider_processes
			SET since = CASE WHEN expires_at < ? THEN ? ELSE since END,
				expires_at = ?
			WHERE epoch = ?`,
			now.UnixMicro(), now.UnixMicro(), now.Add(ttl).UnixMicro(), epoch)
		if err == nil && n == 0 {
			err = store.ErrLeaseLost
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("renew lease: %w", err)
	}
	return nil
}

// Resign implements store.Leases.
func (s *Store) Resign(ctx context.Context, now time.Time, epoch int64) error {
	err := s.db.Write(ctx, func(ctx context.Context, c Conn) error {
		if epoch <= 0 {
			return nil
		}
		now, err := s.now(ctx, c, now)
		if err != nil {
			return err
		}
		if _, err := c.Exec(ctx, `
			DELETE FROM postrider_processes
			WHERE epoch = ?`, epoch); err != nil {
			return err
		}
		if _, err := c.Exec(ctx, `
			UPDATE postrider_queue
			SET owner = 0, parked = 0, started = 0
			WHERE owner = ?
			AND owner <> 0`, epoch); err != nil {
			return err
		}
		return s.freeLanes(ctx, c, now, epoch)
	})
	if err != nil {
		return fmt.Errorf("resign lease: %w", err)
	}
	return nil
}

// Held implements store.Leases.
func (s *Store) Held(ctx context.Context, epoch int64, after string, limit int) ([]store.Held, error) {
	var held []store.Held
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) error {
		if epoch <= 0 {
			return nil
		}
		return c.Query(ctx, `
			SELECT tenant, delivery, claims, canceled
			FROM postrider_queue
			WHERE owner = ?
			AND owner <> 0
			AND delivery > ?
			ORDER BY delivery
			LIMIT ? + 0`, []any{epoch, after, limit}, func(r Row) error {
			var h store.Held
			err := r.Scan(&h.Tenant, &h.Delivery, &h.Claim, &h.Canceled)
			held = append(held, h)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read leased rows: %w", err)
	}
	return held, nil
}

// Reap implements store.Leases.
func (s *Store) Reap(ctx context.Context, now time.Time, epoch int64, ttl time.Duration, limit int) (int, error) {
	idle := false
	if s.dialect.Now == nil {
		err := s.db.Read(ctx, func(ctx context.Context, c Conn) (err error) {
			owners, err := deadOwners(ctx, c, now)
			idle = len(owners) == 0
			return err
		})
		if err != nil || idle {
			return 0, wrap("reap", err)
		}
	}
	total := 0
	err := s.db.Write(ctx, func(ctx context.Context, c Conn) error {
		now, err := s.now(ctx, c, now)
		if err != nil {
			return err
		}
		if ok, err := mayReap(ctx, c, now, epoch, ttl); err != nil || !ok {
			return err
		}
		owners, err := deadOwners(ctx, c, now)
		if err != nil {
			return err
		}
		for _, owner := range owners {
			n, err := s.reapOwner(ctx, c, now, owner, limit-total)
			if err != nil {
				return err
			}
			total += n
		}
		return nil
	})
	if err != nil {
		return 0, wrap("reap", err)
	}
	return total, nil
}

func wrap(operation string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", operation, err)
}

// mayReap reports whether a lease has been valid without a gap for ttl.
func mayReap(ctx context.Context, c Conn, now time.Time, epoch int64, ttl time.Duration) (bool, error) {
	var since, expires time.Time
	found, err := queryOne(ctx, c, `
		SELECT since, expires_at
		FROM postrider_processes
		WHERE epoch = ?`, []any{epoch}, &since, &expires)
	return found && !expires.Before(now) && now.Sub(since) >= ttl, err
}

// deadOwners returns the owners of rows and lanes who have no valid lease. It goes from the
// latest rows to the first: those that have ended, and that an index may still have
// to be led past, are mostly early ones.
func deadOwners(ctx context.Context, c Conn, now time.Time) ([]int64, error) {
	var dead []int64
	for owner := int64(math.MaxInt64); ; {
		var next, expires int64
		if _, err := queryOne(ctx, c, `
			SELECT max(owner)
			FROM (
				SELECT owner FROM (
					SELECT owner
					FROM postrider_queue
					WHERE owner < ?
					AND owner > 0
					AND owner <> 0
					ORDER BY owner DESC, delivery DESC
					LIMIT 1) of_rows
				UNION ALL
				SELECT owner FROM (
					SELECT owner
					FROM postrider_lanes
					WHERE owner < ?
					AND owner > 0
					AND owner <> 0
					ORDER BY owner DESC, next_at DESC
					LIMIT 1) of_lanes) owners`, []any{owner, owner}, &next); err != nil || next == 0 {
			return dead, err
		}
		found, err := queryOne(ctx, c, `
			SELECT expires_at
			FROM postrider_processes
			WHERE epoch = ?`, []any{next}, &expires)
		if err != nil {
			return nil, err
		}
		if !found || expires < now.UnixMicro() {
			dead = append(dead, next)
		}
		owner = next
	}
}

// reapOwner ends a dead owner's lease, lets up to limit of its rows wait and makes
// its lanes nobody's. What is left of its rows holds up their keys still.
func (s *Store) reapOwner(ctx context.Context, c Conn, now time.Time, owner int64, limit int) (int, error) {
	if _, err := c.Exec(ctx, `
		DELETE FROM postrider_processes
		WHERE epoch = ?
		AND expires_at < ?`, owner, now.UnixMicro()); err != nil {
		return 0, err
	}
	var alive int64 // it has just renewed its lease after all
	if found, err := queryOne(ctx, c, `
		SELECT epoch
		FROM postrider_processes
		WHERE epoch = ?`, []any{owner}, &alive); err != nil || found || limit <= 0 {
		return 0, err
	}
	n, err := c.Exec(ctx, `
		UPDATE postrider_queue
		SET owner = 0,
			parked = 0,
			crashes = CASE WHEN started = 1 OR crashes = 0 THEN crashes + 1 ELSE crashes END,
			started = 0
		WHERE owner = ?
		AND owner <> 0
		AND delivery IN (
			SELECT delivery
			FROM postrider_queue
			WHERE owner = ?
			AND owner <> 0
			ORDER BY delivery
			LIMIT ? + 0)`, owner, owner, limit)
	if err != nil {
		return 0, err
	}
	return int(n), s.freeLanes(ctx, c, now, owner)
}
