package sqlstore

import (
	"context"
	"errors"
	"time"

	"github.com/postrider/postrider/store"
)

// pruneTime is about how long a transaction of Prune works. Claims and
// publishes wait for no more than that.
const pruneTime = 4 * time.Millisecond

// Prune implements store.Maintenance. What to remove is found by reading, so
// that a call with nothing to do writes nothing.
func (s *Store) Prune(ctx context.Context, now time.Time, r store.Retention, limit int) (store.Pruned, error) {
	p := pruning{store: s, now: now, limit: limit}
	// What fails does not keep the rest from being done.
	var errs []error
	for _, step := range []func(context.Context) error{
		p.uncounted,
		func(ctx context.Context) error { return p.statistics(ctx, now.Add(-r.Statistics)) },
		func(ctx context.Context) error { return p.fold(ctx, perMinute, perHour, now.Add(-minutesKept)) },
		func(ctx context.Context) error { return p.fold(ctx, perHour, perDay, now.Add(-hoursKept)) },
		func(ctx context.Context) error { return p.tombstones(ctx, now.Add(-r.Tombstones)) },
		func(ctx context.Context) error { return p.quotas(ctx, now.Add(-r.Statistics)) },
		func(ctx context.Context) error { return p.jobs(ctx, now.Add(-r.Payloads)) },
		func(ctx context.Context) error { return p.audit(ctx, now.Add(-r.Audit)) },
		func(ctx context.Context) error { return p.incidents(ctx, now.Add(-r.Audit)) },
		func(ctx context.Context) error { return p.tokens(ctx, now.Add(-store.TokensKept)) },
		p.creations,
		func(ctx context.Context) error { return p.deadLetters(ctx, r.Deliveries) },
		func(ctx context.Context) error { return p.expired(ctx, r) },
		func(ctx context.Context) error { return p.blocks(ctx, now.Add(-r.Deliveries)) },
	} {
		errs = append(errs, step(ctx))
	}
	return p.done, wrap("prune", errors.Join(errs...))
}

// expired removes what the dialect may remove in a way of its own.
func (p *pruning) expired(ctx context.Context, r store.Retention) error {
	if p.store.dialect.Expire != nil {
		return p.store.dialect.Expire(ctx, p.now, r, p.limit, &p.done)
	}
	if err := p.payloads(ctx, p.now.Add(-r.Payloads)); err != nil {
		return err
	}
	if err := p.events(ctx, p.now.Add(-r.Deliveries)); err != nil {
		return err
	}
	return p.keys(ctx)
}

// pruning is one call of Prune.
type pruning struct {
	store *Store
	now   time.Time
	limit int
	done  store.Pruned
}

// reached notes whether a step found as much as it may remove.
func (p *pruning) reached(found int) {
	if found >= p.limit {
		p.done.More = true
	}
}

// inSteps calls remove for 0 to n-1, in as many transactions as it takes for
// each to be short. What a transaction counted is only kept if it commits.
func (p *pruning) inSteps(ctx context.Context, n int, remove func(ctx context.Context, c Conn, done *store.Pruned, i int) error) error {
	for at := 0; at < n; {
		next, done := at, p.done
		err := p.store.db.Write(ctx, func(ctx context.Context, c Conn) error {
			started := time.Now()
			for next < n && (next == at || time.Since(started) < pruneTime) {
				if err := remove(ctx, c, &done, next); err != nil {
					return err
				}
				next++
			}
			return nil
		})
		if err != nil {
			return err
		}
		at, p.done = next, done
	}
	return nil
}

// oldRows says how to remove rows of a table, whose key is tenant and id, that are
// from before a time.
type oldRows struct {
	before time.Time
	// find returns tenants and ids; its arguments are the time and a limit.
	find string
	// remove has the arguments tenant and id.
	remove string
	count  func(*store.Pruned) *int
}

// byID removes old rows one by one.
func (p *pruning) byID(ctx context.Context, rows oldRows) error {
	var old []store.EventKey
	err := p.store.db.Read(ctx, func(ctx context.Context, c Conn) error {
		return c.Query(ctx, rows.find, []any{rows.before.UnixMicro(), p.limit}, func(r Row) error {
			var key store.EventKey
			err := r.Scan(&key.Tenant, &key.ID)
			old = append(old, key)
			return err
		})
	})
	if err != nil {
		return err
	}
	p.reached(len(old))
	return p.inSteps(ctx, len(old), func(ctx context.Context, c Conn, done *store.Pruned, i int) error {
		n, err := c.Exec(ctx, rows.remove, old[i].Tenant, old[i].ID)
		*rows.count(done) += int(n)
		return err
	})
}

// keys removes idempotency keys that have expired, in the order of their use.
func (p *pruning) keys(ctx context.Context) error {
	var expired []int64
	seen := 0
	err := p.store.db.Read(ctx, func(ctx context.Context, c Conn) error {
		return c.Query(ctx, `
			SELECT seq, expires_at
			FROM postrider_idempotency
			ORDER BY seq
			LIMIT ? + 0`, []any{p.limit}, func(r Row) error {
			var seq int64
			var expires time.Time
			err := r.Scan(&seq, &expires)
			if seen++; !expires.After(p.now) {
				expired = append(expired, seq)
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	if len(expired) > 0 {
		p.reached(seen)
	}
	return p.inSteps(ctx, len(expired), func(ctx context.Context, c Conn, done *store.Pruned, i int) error {
		n, err := c.Exec(ctx, `
			DELETE FROM postrider_idempotency
			WHERE seq = ?
			AND expires_at <= ?`, expired[i], p.now.UnixMicro())
		done.IdempotencyKeys += int(n)
		return err
	})
}

// tombstones removes deleted endpoints that no delivery in the queue needs,
// with their lanes, rates and health.
func (p *pruning) tombstones(ctx context.Context, cutoff time.Time) error {
	var dead []store.Lane
	err := p.store.db.Read(ctx, func(ctx context.Context, c Conn) error {
		if err := c.Query(ctx, `
			SELECT tenant, id
			FROM postrider_endpoints
			WHERE deleted_at < ?
			ORDER BY deleted_at
			LIMIT ? + 0`, []any{cutoff.UnixMicro(), p.limit}, func(r Row) error {
			var lane store.Lane
			err := r.Scan(&lane.Tenant, &lane.Endpoint)
			dead = append(dead, lane)
			return err
		}); err != nil || len(dead) == 0 {
			return err
		}
		found := len(dead)
		used, err := lanesInQueue(ctx, c)
		free := dead[:0]
		for _, lane := range dead {
			if !used[lane] {
				free = append(free, lane)
			}
		}
		if dead = free; len(dead) > 0 {
			p.reached(found)
		}
		return err
	})
	if err != nil {
		return err
	}
	return p.inSteps(ctx, len(dead), func(ctx context.Context, c Conn, done *store.Pruned, i int) error {
		n, err := removeTombstone(ctx, c, dead[i], cutoff)
		done.Endpoints += int(n)
		return err
	})
}

// lanesInQueue returns the endpoints that have deliveries in the queue. It reads
// the whole queue, which is why it is only asked when a tombstone is old enough.
func lanesInQueue(ctx context.Context, c Conn) (map[store.Lane]bool, error) {
	used := make(map[store.Lane]bool)
	err := c.Query(ctx, `
		SELECT DISTINCT tenant, endpoint
		FROM postrider_queue`, nil, func(r Row) error {
		var lane store.Lane
		err := r.Scan(&lane.Tenant, &lane.Endpoint)
		used[lane] = true
		return err
	})
	return used, err
}

func removeTombstone(ctx context.Context, c Conn, lane store.Lane, cutoff time.Time) (int64, error) {
	n, err := c.Exec(ctx, `
		DELETE FROM postrider_endpoints
		WHERE tenant = ?
		AND id = ?
		AND deleted_at < ?`, lane.Tenant, lane.Endpoint, cutoff.UnixMicro())
	if err != nil || n == 0 {
		return n, err
	}
	if _, err := c.Exec(ctx, `
		DELETE FROM postrider_lanes
		WHERE tenant = ?
		AND endpoint = ?`, lane.Tenant, lane.Endpoint); err != nil {
		return 0, err
	}
	if _, err := c.Exec(ctx, `
		DELETE FROM postrider_rates
		WHERE tenant = ?
		AND name = ?`, lane.Tenant, lane.Endpoint); err != nil {
		return 0, err
	}
	_, err = c.Exec(ctx, `
		DELETE FROM postrider_health
		WHERE tenant = ?
		AND endpoint = ?`, lane.Tenant, lane.Endpoint)
	return n, err
}
