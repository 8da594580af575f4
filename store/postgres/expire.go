package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Prune implements store.Maintenance. One process at a time prunes; to the others
// there is nothing to do. Payloads, attempts, events and deliveries go a week at
// a time, when the whole week is past its retention.
func (s *Store) Prune(ctx context.Context, _ time.Time, r store.Retention, limit int) (store.Pruned, error) {
	now, err := s.Now(ctx)
	if err != nil {
		return store.Pruned{}, fmt.Errorf("prune: %w", err)
	}
	alone := false
	lock, err := s.begin(ctx, beginWriting, step{
		`SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))`,
		[]any{"postrider prune " + s.texts.schema},
		func(r row) error { return r.Scan(&alone) },
	}, step{text: keepIdle})
	if err != nil {
		return store.Pruned{}, fmt.Errorf("prune: %w", err)
	}
	defer lock.rollback()
	if !alone {
		return store.Pruned{}, nil
	}
	if !s.history.covers(now.Add((weeksAhead - 1) * week)) {
		if err := s.makePartitions(ctx); err != nil {
			return store.Pruned{}, err
		}
	}
	return s.Store.Prune(ctx, now, r, limit)
}

// keepIdle lets the transaction that holds the lock do nothing for as long as it
// takes. It is also what ends the portal of the statement before it, and with that
// its snapshot, which a detached partition would wait for.
const keepIdle = `SET LOCAL idle_in_transaction_session_timeout = 0`

// expire removes what is past its retention, statistics and endpoints aside (see
// sqlstore.Dialect).
func (s *Store) expire(ctx context.Context, now time.Time, r store.Retention, limit int, done *store.Pruned) error {
	err := s.expireKeys(ctx, limit, done)
	return classify(errors.Join(err, s.expireWeeks(ctx, now, r, limit, done)))
}

// expireWeeks retires weeks: payloads first, since what has none is not delivered
// again, and the rest once nothing in the queue belongs to it. What waits for a long
// transaction of somebody else does not keep the others from going.
func (s *Store) expireWeeks(ctx context.Context, now time.Time, r store.Retention, limit int, done *store.Pruned) error {
	errs := []error{s.dropRetired(ctx)}
	there, err := listPartitions(ctx, native{s.texts, s.pool})
	errs = append(errs, err)
	withPayloads := make(map[time.Time]bool)
	for _, p := range there {
		switch {
		case p.detaching: // an earlier attempt was broken off
			errs = append(errs, s.detach(ctx, p))
		case p.table == "payloads":
			gone, err := s.expirePayloads(ctx, p, now, r.Payloads, limit, done)
			errs = append(errs, err)
			withPayloads[p.start] = !gone
		}
	}
	for _, p := range there {
		age := r.Deliveries
		if p.table == "attempts" {
			age = r.Payloads
		}
		if p.table == "payloads" || p.detaching || withPayloads[p.start] || !p.before(now, age) {
			continue
		}
		used, err := s.inQueue(ctx, p)
		if errs = append(errs, err); err == nil && !used {
			errs = append(errs, s.retire(ctx, p, done))
		}
	}
	return errors.Join(errs...)
}

// expirePayloads retires a week of payloads if it is old enough, and cancels what
// is pending without one. It reports whether the week is gone.
func (s *Store) expirePayloads(ctx context.Context, p partition, now time.Time, age time.Duration, limit int, done *store.Pruned) (bool, error) {
	if !p.before(now, age) {
		return false, nil
	}
	if clear, err := s.cancelPending(ctx, p, limit, done); err != nil || !clear {
		return false, err
	}
	if err := s.retire(ctx, p, done); err != nil {
		return false, err
	}
	// Somebody may have had a delivery sent again in the last moment.
	_, err := s.cancelPending(ctx, p, limit, done)
	return true, err
}

// before reports whether all of a week was older than an age by a time, and so old
// that no process writes to it.
func (p partition) before(now time.Time, age time.Duration) bool {
	return !p.end().After(now.Add(-max(age, lateness)))
}

// inQueue reports whether a delivery of a week is pending.
func (s *Store) inQueue(ctx context.Context, p partition) (bool, error) {
	used := false
	err := s.query(ctx, `
		SELECT EXISTS (
			SELECT FROM postrider.queue
			WHERE delivery >= $1 COLLATE "C" AND delivery < $2 COLLATE "C"
			OR event >= $3 COLLATE "C" AND event < $4 COLLATE "C")`, []any{
		webhook.PrefixDelivery.Floor(p.start), webhook.PrefixDelivery.Floor(p.end()),
		webhook.PrefixEvent.Floor(p.start), webhook.PrefixEvent.Floor(p.end()),
	}, func(r row) error { return r.Scan(&used) })
	return used, err
}

// retire removes a partition and counts its rows.
func (s *Store) retire(ctx context.Context, p partition, done *store.Pruned) error {
	n, err := s.countRows(ctx, p)
	if err != nil {
		return err
	}
	if err := s.detach(ctx, p); err != nil {
		return err
	}
	switch p.table {
	case "events":
		done.Events += n
	case "payloads":
		done.Payloads += n
	case "deliveries":
		done.Deliveries += n
	case "attempts":
		done.Attempts += n
	}
	return nil
}

// countedPages is the size, in pages of 8 KiB, up to which the rows of a partition
// are counted. Of larger ones the server knows about how many they have.
const countedPages = 1024

func (s *Store) countRows(ctx context.Context, p partition) (n int, err error) {
	if p.detaching {
		return 0, nil
	}
	scan := func(r row) error { return r.Scan(&n) }
	small := false
	err = s.query(ctx, `
		SELECT pg_relation_size(c.oid) < $1::bigint * 8192, greatest(c.reltuples, 0)::bigint
		FROM pg_class c
		WHERE c.oid = to_regclass($2)`, []any{int64(countedPages), s.texts.schema + "." + p.name()},
		func(r row) error { return r.Scan(&small, &n) })
	if err == nil && small {
		err = s.query(ctx, `SELECT count(*) FROM postrider.`+p.name(), nil, scan)
	}
	return n, err
}

// cancelPending cancels what is still pending and needs a partition of payloads,
// at most limit deliveries, and reports whether none is left: a leased one is
// being sent.
func (s *Store) cancelPending(ctx context.Context, p partition, limit int, done *store.Pruned) (bool, error) {
	from, to := webhook.PrefixEvent.Floor(p.start), webhook.PrefixEvent.Floor(p.end())
	var canceled []webhook.Delivery
	left := false
	err := s.query(ctx, `
		WITH expired AS (
			SELECT tenant, delivery
			FROM postrider.queue
			WHERE owner = 0
			AND event >= $1 COLLATE "C"
			AND event < $2 COLLATE "C"
			LIMIT $3
			FOR UPDATE SKIP LOCKED
		), gone AS (
			DELETE FROM postrider.queue q
			USING expired x
			WHERE q.tenant = x.tenant
			AND q.delivery = x.delivery
			RETURNING q.*
		), loose AS (
			-- What the others of a batch are sent in cannot be what it was.
			UPDATE postrider.queue q
			SET batch = NULL
			FROM (SELECT DISTINCT tenant, batch FROM gone WHERE batch IS NOT NULL) b
			WHERE q.batch IS NOT NULL
			AND q.tenant = b.tenant
			AND q.batch = b.batch
			AND NOT EXISTS (SELECT FROM gone g WHERE g.tenant = q.tenant AND g.delivery = q.delivery)
		), canceled AS (
			INSERT INTO postrider.deliveries (tenant, id, event, endpoint, status, reason, attempts, claims, created_at, updated_at,
				seq, prio, okey, batch)
			SELECT tenant, delivery, event, endpoint, $4, $5, attempts, claims, created_at, postrider.now_us(), seq, prio, okey, batch
			FROM gone
		)
		SELECT g.tenant, g.delivery, g.endpoint, g.event, coalesce(e.type, '')
		FROM gone g
		LEFT JOIN postrider.events e ON e.tenant = g.tenant AND e.id = g.event`,
		[]any{from, to, limit, string(webhook.DeliveryCanceled), string(webhook.ReasonExpired)},
		func(r row) error {
			var d webhook.Delivery
			err := r.Scan(&d.Tenant, &d.ID, &d.EndpointID, &d.EventID, &d.EventType)
			canceled = append(canceled, d)
			return err
		})
	if err != nil {
		return false, err
	}
	done.ExpiredDeliveries = append(done.ExpiredDeliveries, canceled...)
	if done.Expired += len(canceled); len(canceled) >= limit {
		done.More = true
		return false, nil
	}
	err = s.query(ctx, `
		SELECT EXISTS (
			SELECT FROM postrider.queue
			WHERE event >= $1 COLLATE "C"
			AND event < $2 COLLATE "C")`, []any{from, to}, func(r row) error { return r.Scan(&left) })
	return !left, err
}

// expireKeys removes idempotency keys that have expired.
func (s *Store) expireKeys(ctx context.Context, limit int, done *store.Pruned) error {
	n, err := s.alone().exec(ctx, `
		DELETE FROM postrider.idempotency i
		USING (
			SELECT tenant, key
			FROM postrider.idempotency
			WHERE expires_at <= postrider.now_us()
			ORDER BY expires_at
			LIMIT $1
			FOR UPDATE SKIP LOCKED) x
		WHERE i.tenant = x.tenant
		AND i.key = x.key`, []any{limit})
	done.IdempotencyKeys += int(n)
	if int(n) >= limit {
		done.More = true
	}
	return err
}
