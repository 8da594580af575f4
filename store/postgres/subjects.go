package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// SubjectEvents implements store.Subjects.
func (s *Store) SubjectEvents(ctx context.Context, tenant, subject string, page store.Page) ([]webhook.Event, error) {
	condition, bound, direction := "id < $3", page.After, " DESC"
	if page.Oldest {
		condition, direction = "id > $3", ""
	} else if bound == "" {
		bound = "~" // greater than any id: prefixes are letters
	}
	var events []webhook.Event
	err := s.query(ctx, `
		SELECT id, type, coalesce(source, ''), coalesce(idempotency_key, ''), coalesce(meta, ''), coalesce(attrs, ''), occurred_at
		FROM postrider.events
		WHERE tenant = $1
		AND subject = $2
		AND `+condition+`
		ORDER BY id`+direction+`
		LIMIT $4`, []any{tenant, subject, bound, page.Size()}, func(r row) error {
		ev := webhook.Event{Tenant: tenant, Subject: subject}
		var meta, attrs string
		var at int64
		err := r.Scan(&ev.ID, &ev.Type, &ev.Source, &ev.IdempotencyKey, &meta, &attrs, &at)
		if err != nil {
			return err
		}
		err = decodeEvent(&ev, meta, attrs, at)
		events = append(events, ev)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list events of a subject: %w", classify(err))
	}
	return events, nil
}

// eraseBatch is how many events are erased in one transaction: short enough that
// nobody who settles one of their deliveries waits for long.
const eraseBatch = 64

// EraseSubject implements store.Subjects.
func (s *Store) EraseSubject(ctx context.Context, _ time.Time, tenant, subject string, limit int) (store.Erased, error) {
	var done store.Erased
	for done.Events < limit {
		part, err := s.eraseSome(ctx, tenant, subject, min(eraseBatch, limit-done.Events))
		if err != nil {
			return done, fmt.Errorf("erase subject: %w", err)
		}
		if done.Add(part); !part.More {
			break
		}
	}
	return done, nil
}

// erasure is what one transaction erases.
type erasure struct {
	tenant      string
	ids, keys   []string
	deliveries  []string
	lanes       []store.Lane // in which something may go that an erased delivery held up
	done        store.Erased
	low, high   string // of the ids
	dLow, dHigh string // of the ids that deliveries of these events can have
}

// eraseSome erases at most limit events. What is redelivered meanwhile moves from
// what has ended to the queue, which is therefore looked at before and after; what
// is settled meanwhile moves the other way.
func (s *Store) eraseSome(ctx context.Context, tenant, subject string, limit int) (store.Erased, error) {
	e := erasure{tenant: tenant}
	t, err := s.begin(ctx, beginWriting, step{erasableEvents, []any{tenant, subject, limit}, e.scanEvent})
	if err != nil {
		return store.Erased{}, err
	}
	if len(e.ids) == 0 {
		t.rollback()
		return store.Erased{}, nil
	}
	if err := e.run(ctx, t); err != nil {
		return store.Erased{}, err
	}
	e.done.More = len(e.ids) == limit
	return e.done, nil
}

// run erases in a transaction and commits it.
func (e *erasure) run(ctx context.Context, t *transaction) error {
	e.bound()
	if err := t.send(ctx, e.rows()); err != nil {
		t.rollback()
		return classify(err)
	}
	return t.commit(ctx, e.history()...)
}

const erasableEvents = `
	SELECT id, coalesce(idempotency_key, '')
	FROM postrider.events
	WHERE tenant = $1
	AND subject = $2
	ORDER BY id
	LIMIT $3`

func (e *erasure) scanEvent(r row) error {
	var id, key string
	err := r.Scan(&id, &key)
	e.ids = append(e.ids, id)
	if key != "" {
		e.keys = append(e.keys, key)
	}
	return err
}

// bound finds the ranges of ids to look in: they lead to the partitions.
func (e *erasure) bound() {
	e.low, e.high = e.ids[0], e.ids[len(e.ids)-1]
	e.dLow, e.dHigh = "", "~"
	if at, ok := webhook.PrefixEvent.IDTime(e.low); ok {
		e.dLow = webhook.PrefixDelivery.Floor(at.Add(-clockSlack))
	}
	if at, ok := webhook.PrefixEvent.IDTime(e.high); ok {
		e.dHigh = webhook.PrefixDelivery.Floor(at.Add(clockSlack))
	}
}

// rows are the steps that remove idempotency keys and deliveries, in the order in
// which everybody locks them.
func (e *erasure) rows() []step {
	pending := step{erasePending, []any{e.tenant, e.ids, e.dLow, e.dHigh}, func(r row) error {
		var id, endpoint string
		var ordered bool
		err := r.Scan(&id, &endpoint, &ordered)
		if ordered {
			e.lanes = append(e.lanes, store.Lane{Tenant: e.tenant, Endpoint: endpoint})
		}
		e.done.Pending++
		e.removed(id)
		return err
	}}
	return []step{
		{eraseKeys, []any{e.tenant, e.keys, e.ids}, tally(&e.done.IdempotencyKeys)},
		pending,
		{`DELETE FROM postrider.deliveries
		WHERE tenant = $1
		AND event = ANY($2::text[])
		AND id >= $3
		AND id < $4
		RETURNING id`, []any{e.tenant, e.ids, e.dLow, e.dHigh}, e.scanDelivery},
		pending,
	}
}

// eraseKeys takes the keys in the order in which everybody takes them, whatever the
// plan: a publish that takes two of them the other way round would be a deadlock.
const eraseKeys = `
	DELETE FROM postrider.idempotency i
	USING (
		SELECT tenant, key
		FROM postrider.idempotency
		WHERE tenant = $1
		AND key = ANY($2::text[])
		AND event = ANY($3::text[])
		ORDER BY key
		FOR UPDATE) x
	WHERE i.tenant = x.tenant
	AND i.key = x.key
	RETURNING i.event`

// erasePending goes once through what the tenant has pending of the time of the
// events: an index by event would be written to with every delivery. What the others
// of a batch are sent in cannot be what it was.
const erasePending = `
	WITH gone AS (
		DELETE FROM postrider.queue
		WHERE tenant = $1
		AND event = ANY($2::text[])
		AND delivery >= $3
		AND delivery < $4
		RETURNING tenant, delivery, batch, endpoint, okey
	), loose AS (
		UPDATE postrider.queue q
		SET batch = NULL
		FROM (SELECT DISTINCT tenant, batch FROM gone WHERE batch IS NOT NULL) b
		WHERE q.batch IS NOT NULL
		AND q.tenant = b.tenant
		AND q.batch = b.batch
		AND NOT EXISTS (SELECT FROM gone g WHERE g.tenant = q.tenant AND g.delivery = q.delivery)
	)
	SELECT delivery, endpoint, okey <> ''
	FROM gone`

func (e *erasure) scanDelivery(r row) error {
	var id string
	err := r.Scan(&id)
	e.removed(id)
	return err
}

func (e *erasure) removed(id string) {
	e.deliveries = append(e.deliveries, id)
	e.done.Deliveries++
}

// history are the steps that remove the rest, and let go what was held up.
func (e *erasure) history() []step {
	return []step{
		{text: unblockRows, args: []any{slices.Repeat([]string{e.tenant}, len(e.deliveries)), e.deliveries}},
		{text: reopenLanes, args: laneArgs(sortedLanes(e.lanes))},
		{`DELETE FROM postrider.attempts
		WHERE tenant = $1
		AND delivery = ANY($2::text[])
		AND delivery >= $3
		AND delivery < $4
		RETURNING delivery`, []any{e.tenant, e.deliveries, e.dLow, e.dHigh}, tally(&e.done.Attempts)},
		{`DELETE FROM postrider.payloads
		WHERE tenant = $1
		AND event = ANY($2::text[])
		AND event >= $3
		AND event <= $4
		RETURNING event`, []any{e.tenant, e.ids, e.low, e.high}, tally(&e.done.Payloads)},
		{`DELETE FROM postrider.events
		WHERE tenant = $1
		AND id = ANY($2::text[])
		AND id >= $3
		AND id <= $4
		RETURNING id`, []any{e.tenant, e.ids, e.low, e.high}, tally(&e.done.Events)},
	}
}

// tally counts the rows of an answer.
func tally(n *int) func(row) error {
	return func(row) error { *n++; return nil }
}
