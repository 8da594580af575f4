package sqlstore

import (
	"context"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// insertPublications writes what was accepted, table by table, in the order in
// which everything else locks them: keys, queue, deliveries.
func insertPublications(ctx context.Context, c Conn, now time.Time, pubs []*store.Publication, keys map[tenantKey]firstUse) error {
	if len(pubs) == 0 {
		return nil
	}
	if len(keys) > 0 {
		if err := insertKeys(ctx, c, pubs); err != nil {
			return err
		}
	}
	var last int64
	if _, err := queryOne(ctx, c, `
		SELECT max(seq)
		FROM postrider_events`, nil, &last); err != nil {
		return err
	}
	if err := insertRows(ctx, c, now, pubs, last+1); err != nil {
		return err
	}
	return insertAllEvents(ctx, c, now.UnixMicro(), pubs, last+1)
}

// insertRows writes the deliveries of events that have the places from seq on.
func insertRows(ctx context.Context, c Conn, now time.Time, pubs []*store.Publication, seq int64) error {
	rows, ended, err := newRows(now, pubs, seq)
	if err != nil {
		return err
	}
	if err := insertQueue.exec(ctx, c, nil, len(rows), func(args []any, i int) []any {
		return rows[i].queue(args)
	}); err != nil {
		return err
	}
	at := now.UnixMicro()
	if err := insertDeliveries.exec(ctx, c, nil, len(rows), func(args []any, i int) []any {
		return rows[i].delivery(args, at)
	}); err != nil {
		return err
	}
	return insertEnded.exec(ctx, c, nil, len(ended), func(args []any, i int) []any {
		return ended[i].end(args, at)
	})
}

// newRow is a delivery to be written.
type newRow struct {
	pub *store.Publication
	d   *store.NewDelivery
	due int64
	seq int64
}

// newRows returns the deliveries that are pending, and those that end as they are
// written.
func newRows(now time.Time, pubs []*store.Publication, seq int64) (pending, ended []newRow, err error) {
	pending = make([]newRow, 0, len(pubs))
	for i, p := range pubs {
		for j := range p.Deliveries {
			row := newRow{pub: p, d: &p.Deliveries[j], due: now.UnixMicro(), seq: seq + int64(i)}
			if err := row.d.Check(); err != nil {
				return nil, nil, err
			}
			if !row.d.Due.IsZero() {
				row.due = row.d.Due.UnixMicro()
			}
			if row.d.Ended() {
				ended = append(ended, row)
			} else {
				pending = append(pending, row)
			}
		}
	}
	return pending, ended, nil
}

var insertQueue = newMulti(`
	INSERT INTO postrider_queue (owner, delivery, claims, parked, due, seq, tenant, endpoint, event, attempts, base, crashes, started, prio, okey)
	VALUES `, `(?, ?, ?, 0, ?, ?, ?, ?, ?, 0, 0, 0, 0, ?, ?)`, ``)

func (r *newRow) queue(args []any) []any {
	var owner, claims int64
	if r.d.HandOver {
		owner, claims = r.pub.Epoch, 1
	}
	ev := &r.pub.Event
	return append(args, owner, r.d.ID, claims, r.due, r.seq, ev.Tenant, r.d.Endpoint, ev.ID,
		int64(r.d.Priority.Rank()), OrderKey(r.d.Ordered, r.d.Key))
}

var insertDeliveries = newMulti(`
	INSERT INTO postrider_deliveries (tenant, id, event, endpoint, status, reason, attempts, claims, next_at, created_at, updated_at, prio, okey)
	VALUES `, `(?, ?, ?, ?, 'pending', NULL, 0, 0, ?, ?, ?, ?, ?)`, ``)

func (r *newRow) delivery(args []any, at int64) []any {
	ev := &r.pub.Event
	return append(args, ev.Tenant, r.d.ID, ev.ID, r.d.Endpoint, r.due, at, at,
		int64(r.d.Priority.Rank()), OrderKey(r.d.Ordered, r.d.Key))
}

var insertEnded = newMulti(`
	INSERT INTO postrider_deliveries (tenant, id, event, endpoint, status, reason, attempts, claims, next_at, created_at, updated_at, prio, okey)
	VALUES `, `(?, ?, ?, ?, ?, ?, 0, 1, NULL, ?, ?, ?, ?)`, ``)

func (r *newRow) end(args []any, at int64) []any {
	ev := &r.pub.Event
	return append(args, ev.Tenant, r.d.ID, ev.ID, r.d.Endpoint, string(r.d.Status), textOrNull(string(r.d.Reason)), at, at,
		int64(r.d.Priority.Rank()), OrderKey(r.d.Ordered, r.d.Key))
}

var insertEvents = newMulti(`
	INSERT INTO postrider_events (seq, tenant, id, type, source, subject, idempotency_key, meta, attrs, occurred_at, published_at)
	VALUES `, `(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, ``)

var insertPayloads = newMulti(`
	INSERT INTO postrider_payloads (seq, data)
	VALUES `, `(?, ?)`, ``)

func insertAllEvents(ctx context.Context, c Conn, at int64, pubs []*store.Publication, seq int64) error {
	meta, attrs := make([]string, len(pubs)), make([]string, len(pubs))
	for i, p := range pubs {
		var err error
		if meta[i], err = JSONText(p.Event.Metadata); err != nil {
			return err
		}
		if attrs[i], err = EventAttributes(&p.Event); err != nil {
			return err
		}
	}
	if err := insertEvents.exec(ctx, c, nil, len(pubs), func(args []any, i int) []any {
		ev := &pubs[i].Event
		return append(args, seq+int64(i), ev.Tenant, ev.ID, ev.Type, textOrNull(ev.Source), textOrNull(ev.Subject),
			textOrNull(ev.IdempotencyKey), textOrNull(meta[i]), textOrNull(attrs[i]), ev.Timestamp.UnixMicro(), at)
	}); err != nil {
		return err
	}
	return insertPayloads.exec(ctx, c, nil, len(pubs), func(args []any, i int) []any {
		return append(args, seq+int64(i), payload(&pubs[i].Event))
	})
}

// payload is an event's data for a column that is not NULL.
func payload(ev *webhook.Event) []byte {
	if ev.Data == nil {
		return []byte{}
	}
	return ev.Data
}

var insertKey = newMulti(`
	INSERT INTO postrider_idempotency (tenant, key, content_hash, event, deliveries, expires_at)
	VALUES `, `(?, ?, ?, ?, ?, ?)`, ``)

func insertKeys(ctx context.Context, c Conn, pubs []*store.Publication) error {
	var keyed []*store.Publication
	for _, p := range pubs {
		if p.Event.IdempotencyKey != "" {
			keyed = append(keyed, p)
		}
	}
	return insertKey.exec(ctx, c, nil, len(keyed), func(args []any, i int) []any {
		p := keyed[i]
		hash := p.ContentHash
		if hash == nil {
			hash = []byte{}
		}
		return append(args, p.Event.Tenant, p.Event.IdempotencyKey, hash, p.Event.ID,
			int64(p.Pending()), p.KeyExpires.UnixMicro())
	})
}
