package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlstore"
	"github.com/postrider/postrider/webhook"
)

// Poll implements store.Queue. An idle process asks one cheap question and begins
// no transaction.
func (s *Store) Poll(ctx context.Context, now time.Time, epoch int64, limit int, admit func(store.Waiting) store.Admission) ([]store.Claimed, time.Time, error) {
	claimed, next, err := s.poll(ctx, now, epoch, limit, admit)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("poll: %w", classify(err))
	}
	return claimed, next, nil
}

func (s *Store) poll(ctx context.Context, now time.Time, epoch int64, limit int, admit func(store.Waiting) store.Admission) ([]store.Claimed, time.Time, error) {
	var due upcoming
	if err := s.query(ctx, nextDue, []any{epoch}, due.scan); err != nil {
		return nil, time.Time{}, err
	}
	if due.row > due.now {
		return nil, due.next(now), nil
	}
	var rows []store.Claimed
	t, err := s.begin(ctx, beginWriting, step{dueRows, []any{limit}, func(r row) error {
		var c store.Claimed
		err := scanClaim(r, &c)
		c.Claim++ // as it is once it is leased
		rows = append(rows, c)
		return err
	}})
	if err != nil {
		return nil, time.Time{}, err
	}
	defer t.rollback() // also if admit panics
	leased := rows[:0]
	var parked claims
	var gates gates
	for _, c := range rows {
		answer := store.Admission{Lease: true}
		if !c.Canceled {
			answer = admit(c.Waiting())
		}
		if answer.Lease && c.Batch == "" {
			leased = append(leased, c)
			continue
		}
		if answer.Lease {
			answer.Gate = store.Gate{Next: now}
		}
		parked.add(c)
		answer.Gate.Tenant, answer.Gate.Endpoint = c.Tenant, c.Endpoint
		gates.add(now, answer.Gate)
	}
	var steps []step
	if len(leased) > 0 {
		steps = append(steps, leaseRows(epoch, leased))
	}
	if len(parked.tenants) > 0 {
		steps = append(steps, step{text: parkRows, args: parked.args()}, gates.shut())
	}
	due = upcoming{}
	steps = append(steps, step{nextDue, []any{epoch}, due.scan})
	if err := t.commit(ctx, steps...); err != nil {
		return nil, time.Time{}, err
	}
	return leased, due.next(now), nil
}

// nextDue returns the time, and when the next waiting row is due, and the next lane
// of nobody or of an epoch.
const nextDue = `
	SELECT postrider.now_us(),
		(SELECT due FROM postrider.queue WHERE owner = 0 AND parked = 0 ORDER BY due, seq LIMIT 1),
		least((SELECT next_at FROM postrider.lanes WHERE owner = 0 ORDER BY next_at LIMIT 1),
			(SELECT next_at FROM postrider.lanes WHERE owner = $1 AND owner <> 0 ORDER BY next_at LIMIT 1))`

// upcoming is the answer to nextDue.
type upcoming struct {
	now, row, lane int64
}

func (u *upcoming) scan(r row) error {
	var row, lane *int64
	err := r.Scan(&u.now, &row, &lane)
	u.row, u.lane = never, never
	if row != nil {
		u.row = *row
	}
	if lane != nil {
		u.lane = *lane
	}
	return err
}

// next returns when something is due, by the caller's clock.
func (u *upcoming) next(now time.Time) time.Time {
	first := min(u.row, u.lane)
	if first >= never {
		return time.Time{}
	}
	return now.Add(time.Duration(first-u.now) * time.Microsecond)
}

const claimColumns = `tenant, delivery, endpoint, event, claims, attempts, base, crashes, seq, prio, okey, coalesce(batch, ''), canceled`

// scanClaim reads claimColumns.
func scanClaim(r row, c *store.Claimed) error {
	var rank, canceled int
	var okey string
	err := r.Scan(&c.Tenant, &c.Delivery, &c.Endpoint, &c.Event, &c.Claim, &c.Attempts, &c.Base, &c.Crashes,
		&c.Seq, &rank, &okey, &c.Batch, &canceled)
	c.Priority, c.Canceled = webhook.PriorityOf(rank), canceled != 0
	c.Ordered, c.Key = sqlstore.ParseOrderKey(okey)
	return err
}

const dueRows = `
	SELECT ` + claimColumns + `
	FROM postrider.queue
	WHERE owner = 0
	AND parked = 0
	AND due <= postrider.now_us()
	ORDER BY due, seq
	LIMIT $1
	FOR UPDATE SKIP LOCKED`

// claims names rows of the queue.
type claims struct {
	tenants, deliveries []string
}

func (c *claims) add(row store.Claimed) {
	c.tenants = append(c.tenants, row.Tenant)
	c.deliveries = append(c.deliveries, row.Delivery)
}

func (c *claims) args() []any { return []any{c.tenants, c.deliveries} }

// leaseRows leases rows that the transaction has locked.
func leaseRows(epoch int64, rows []store.Claimed) step {
	var c claims
	for _, row := range rows {
		c.add(row)
	}
	return step{text: lockedRows + `
		UPDATE postrider.queue q
		SET owner = $3, claims = claims + 1, parked = 0
		FROM locked l
		WHERE q.ctid = l.at`, args: append(c.args(), epoch)}
}

const parkRows = lockedRows + `
	UPDATE postrider.queue q
	SET parked = 1
	FROM locked l
	WHERE q.ctid = l.at`

// lockedRows says where rows are that the transaction has locked (see leasedRow).
const lockedRows = `
	WITH locked AS MATERIALIZED (
		SELECT r.at
		FROM unnest($1::text[], $2::text[]) c (tenant, delivery)
		CROSS JOIN LATERAL (
			SELECT r.ctid AS at
			FROM postrider.queue r
			WHERE r.tenant = c.tenant
			AND r.delivery = c.delivery
			LIMIT 1
		) r
	)`

// Start implements store.Queue.
func (s *Store) Start(ctx context.Context, epoch int64, rows []store.Held) ([]store.Held, error) {
	o := new(outcomes)
	for _, row := range rows {
		o.tenants, o.deliveries, o.claims = append(o.tenants, row.Tenant), append(o.deliveries, row.Delivery), append(o.claims, row.Claim)
	}
	var started []store.Held
	err := s.query(ctx, startRows, []any{o.tenants, o.deliveries, o.claims, owner(epoch)}, func(r row) error {
		h, err := scanHeld(r)
		started = append(started, h)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("mark as started: %w", committing(err))
	}
	return started, nil
}

const startRows = `
	WITH own AS MATERIALIZED (
		SELECT l.at
		FROM unnest($1::text[], $2::text[], $3::bigint[]) o (tenant, delivery, claim)
		CROSS JOIN LATERAL (` + leasedRow + `) l
	)
	UPDATE postrider.queue q
	SET started = 1
	FROM own o
	WHERE q.ctid = o.at
	RETURNING q.tenant, q.delivery, q.claims`

func scanHeld(r row) (h store.Held, err error) {
	err = r.Scan(&h.Tenant, &h.Delivery, &h.Claim)
	return h, err
}

// Redeliver implements store.Queue. The delivery's row goes back from what has
// ended to the queue.
func (s *Store) Redeliver(ctx context.Context, _ time.Time, tenant, delivery string, audit ...webhook.AuditRecord) error {
	for {
		again := false
		if err := s.query(ctx, redeliver, append([]any{tenant, delivery}, auditArgs(audit)...), func(row) error { again = true; return nil }); err != nil {
			return fmt.Errorf("redeliver: %w", committing(err))
		}
		if again {
			s.announcer.announce()
			return nil
		}
		var pending, ended, payload bool
		if err := s.query(ctx, redeliverable, []any{tenant, delivery}, func(r row) error {
			return r.Scan(&pending, &ended, &payload)
		}); err != nil {
			return fmt.Errorf("redeliver: %w", classify(err))
		}
		switch {
		case pending:
			return nil
		case !ended:
			return fmt.Errorf("redeliver: %w", store.ErrNotFound)
		case !payload:
			return fmt.Errorf("redeliver: %w", store.ErrPayloadGone)
		}
		// It has been sent again meanwhile, and has ended again.
	}
}

const redeliver = `
	WITH ended AS (
		DELETE FROM postrider.deliveries d
		WHERE d.tenant = $1
		AND d.id = $2
		AND EXISTS (SELECT FROM postrider.payloads p WHERE p.tenant = d.tenant AND p.event = d.event)
		RETURNING d.*
	), audited AS (` + insertAuditAfterTwo + `
		WHERE EXISTS (SELECT FROM ended)
	), unblocked AS (
		DELETE FROM postrider.blocks
		WHERE tenant = $1
		AND delivery = $2
		AND EXISTS (SELECT FROM ended)
	)
	INSERT INTO postrider.queue (tenant, delivery, endpoint, event, seq, owner, claims, due, created_at, updated_at,
		attempts, base, crashes, parked, started, prio, okey)
	SELECT tenant, id, endpoint, event, seq, 0, claims, postrider.now_us(), created_at,
		postrider.now_us(), attempts, attempts, 0, 0, 0, prio, okey
	FROM ended
	RETURNING delivery`

// redeliverable returns whether a delivery is pending, has ended and has its
// payload still.
const redeliverable = `
	SELECT EXISTS (SELECT FROM postrider.queue WHERE tenant = $1 AND delivery = $2),
		EXISTS (SELECT FROM postrider.deliveries WHERE tenant = $1 AND id = $2),
		EXISTS (
			SELECT FROM postrider.payloads
			WHERE tenant = $1
			AND event = (SELECT event FROM postrider.deliveries WHERE tenant = $1 AND id = $2))`
