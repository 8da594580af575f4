package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Poll implements store.Queue.
func (s *Store) Poll(ctx context.Context, now time.Time, epoch int64, limit int, admit func(store.Waiting) store.Admission) ([]store.Claimed, time.Time, error) {
	var claimed []store.Claimed
	var next time.Time
	idle := false
	// An idle process only reads, so that it never waits for a writer.
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) error {
		now, err := s.now(ctx, c, now)
		if err != nil {
			return err
		}
		due, at, err := s.nextDue(ctx, c, epoch)
		idle, next = due > now.UnixMicro(), at
		return err
	})
	if err == nil && !idle {
		err = s.db.Write(ctx, func(ctx context.Context, c Conn) error {
			now, err := s.now(ctx, c, now)
			if err != nil {
				return err
			}
			if claimed, err = s.poll(ctx, c, now, epoch, limit, admit); err != nil {
				return err
			}
			_, next, err = s.nextDue(ctx, c, epoch)
			return err
		})
	}
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("poll: %w", err)
	}
	return claimed, next, nil
}

// nextDue returns when the next waiting row is due, or never, and when the next
// row is, or the next lane that the epoch may take from, or the zero time.
func (s *Store) nextDue(ctx context.Context, c Conn, epoch int64) (row int64, next time.Time, err error) {
	row, lane := int64(never), int64(never)
	if _, err := queryOne(ctx, c, `
		SELECT due
		FROM postrider_queue`+s.index("postrider_queue_due")+`
		WHERE owner = 0
		AND parked = 0
		ORDER BY due
		LIMIT 1`, nil, &row); err != nil {
		return 0, time.Time{}, err
	}
	first := row
	for _, whose := range []string{nobodys, ours} {
		if _, err := queryOne(ctx, c, `
			SELECT next_at
			FROM postrider_lanes
			WHERE `+whose+`
			ORDER BY next_at
			LIMIT 1`, whoseArgs(whose, epoch), &lane); err != nil {
			return 0, time.Time{}, err
		}
		first = min(first, lane)
	}
	if first < never {
		next = fromMicros(first)
	}
	return row, next, nil
}

func (s *Store) poll(ctx context.Context, c Conn, now time.Time, epoch int64, limit int, admit func(store.Waiting) store.Admission) ([]store.Claimed, error) {
	claimed, err := queryClaims(ctx, c, `
		SELECT `+claimColumns+`
		FROM postrider_queue`+s.index("postrider_queue_due")+`
		WHERE owner = 0
		AND parked = 0
		AND due <= ?
		ORDER BY due, seq
		LIMIT ? + 0`+s.dialect.SkipLocked, now.UnixMicro(), limit)
	if err != nil {
		return nil, err
	}
	leased, parked := claimed[:0], []string(nil)
	var gates []store.Gate
	for _, row := range claimed {
		answer := store.Admission{Lease: true}
		if !row.Canceled {
			answer = admit(row.Waiting())
		}
		if answer.Lease && row.Batch == "" {
			leased = append(leased, row)
			continue
		}
		if answer.Lease {
			answer.Gate = store.Gate{Next: now}
		}
		parked = append(parked, row.Delivery)
		answer.Gate.Tenant, answer.Gate.Endpoint = row.Tenant, row.Endpoint
		gates = append(gates, answer.Gate)
	}
	if err := lease(ctx, c, epoch, leased); err != nil {
		return nil, err
	}
	if err := parkRows.execList(ctx, c, nil, len(parked), func(args []any, i int) []any {
		return append(args, parked[i])
	}); err != nil {
		return nil, err
	}
	return leased, shutLanes(ctx, c, now, gates)
}

// claimColumns are what scanClaim reads.
const claimColumns = `tenant, delivery, endpoint, event, claims, attempts, base, crashes, seq, prio, okey, batch, canceled`

// queryClaims runs a query that selects claimColumns.
func queryClaims(ctx context.Context, c Conn, query string, args ...any) ([]store.Claimed, error) {
	var rows []store.Claimed
	err := c.Query(ctx, query, args, func(r Row) error {
		var row store.Claimed
		err := scanClaim(r, &row)
		rows = append(rows, row)
		return err
	})
	return rows, err
}

// scanClaim reads a row as it is once lease has leased it, and what is selected
// beside it.
func scanClaim(r Row, c *store.Claimed, more ...any) error {
	var rank int
	var okey string
	err := r.Scan(append([]any{
		&c.Tenant, &c.Delivery, &c.Endpoint, &c.Event, &c.Claim, &c.Attempts, &c.Base, &c.Crashes,
		&c.Seq, &rank, &okey, &c.Batch, &c.Canceled,
	}, more...)...)
	c.Claim++
	c.Priority = webhook.PriorityOf(rank)
	c.Ordered, c.Key = ParseOrderKey(okey)
	return err
}

// lease leases rows that nobody has.
func lease(ctx context.Context, c Conn, epoch int64, rows []store.Claimed) error {
	return leaseRows.execList(ctx, c, []any{epoch}, len(rows), func(args []any, i int) []any {
		return append(args, rows[i].Delivery)
	})
}

var leaseRows = newMulti(`
	UPDATE postrider_queue
	SET owner = ?, claims = claims + 1, parked = 0
	WHERE owner = 0
	AND delivery IN (`, `?`, `)`)

var parkRows = newMulti(`
	UPDATE postrider_queue
	SET parked = 1
	WHERE owner = 0
	AND delivery IN (`, `?`, `)`)

// Start implements store.Queue.
func (s *Store) Start(ctx context.Context, epoch int64, rows []store.Held) ([]store.Held, error) {
	var started []store.Held
	err := s.db.Write(ctx, func(ctx context.Context, c Conn) error {
		for _, row := range rows {
			n, err := c.Exec(ctx, `
				UPDATE postrider_queue
				SET started = 1
				WHERE owner = ?
				AND delivery = ?
				AND claims = ?
				AND owner <> 0`, epoch, row.Delivery, row.Claim)
			if err != nil {
				return err
			}
			if n > 0 {
				started = append(started, row)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("mark as started: %w", err)
	}
	return started, nil
}

// Redeliver implements store.Queue.
func (s *Store) Redeliver(ctx context.Context, now time.Time, tenant, delivery string, audit ...webhook.AuditRecord) error {
	err := s.db.Write(ctx, func(ctx context.Context, c Conn) error {
		now, err := s.now(ctx, c, now)
		if err != nil {
			return err
		}
		moved, err := redeliver(ctx, c, now.UnixMicro(), tenant, delivery)
		if err != nil || !moved {
			return err
		}
		return WriteAudit(ctx, c, now, audit)
	})
	return wrap("redeliver", err)
}

// redeliver reports whether the delivery had ended and is pending now.
func redeliver(ctx context.Context, c Conn, now int64, tenant, delivery string) (moved bool, err error) {
	var endpoint, event, status, okey string
	var attempts, claims, seq, prio int64
	found, err := queryOne(ctx, c, `
		SELECT endpoint, event, status, attempts, claims, prio, okey
		FROM postrider_deliveries
		WHERE tenant = ?
		AND id = ?`, []any{tenant, delivery}, &endpoint, &event, &status, &attempts, &claims, &prio, &okey)
	switch {
	case err != nil:
		return false, err
	case !found:
		return false, store.ErrNotFound
	case status == string(webhook.DeliveryPending):
		return false, nil
	}
	if found, err = queryOne(ctx, c, `
		SELECT p.seq
		FROM postrider_events e
		JOIN postrider_payloads p ON p.seq = e.seq
		WHERE e.tenant = ?
		AND e.id = ?`, []any{tenant, event}, &seq); err != nil {
		return false, err
	}
	if !found {
		return false, store.ErrPayloadGone
	}
	if _, err := c.Exec(ctx, `
		INSERT INTO postrider_queue (owner, delivery, claims, parked, due, seq, tenant, endpoint, event, attempts, base, crashes, started, prio, okey)
		VALUES (0, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?)`,
		delivery, claims, now, seq, tenant, endpoint, event, attempts, attempts, prio, okey); err != nil {
		return false, err
	}
	if okey != "" {
		if _, err := unblock(ctx, c, now, store.Lane{Tenant: tenant, Endpoint: endpoint}, delivery); err != nil {
			return false, err
		}
	}
	_, err = c.Exec(ctx, `
		UPDATE postrider_deliveries
		SET status = 'pending', reason = NULL, batch = NULL, next_at = ?, updated_at = ?
		WHERE tenant = ?
		AND id = ?`, now, now, tenant, delivery)
	return err == nil, err
}
