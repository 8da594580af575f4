package sqlstore

import (
	"context"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// oldEvent is an event that may be past a retention.
type oldEvent struct {
	seq              int64
	tenant, id, kind string
	published        time.Time
}

// payloads removes payloads and attempts of events that were published before
// the cutoff, and cancels what is still pending.
func (p *pruning) payloads(ctx context.Context, cutoff time.Time) error {
	return p.walk(ctx, `
		SELECT e.seq, e.tenant, e.id, e.type, e.published_at
		FROM postrider_payloads p
		JOIN postrider_events e ON e.seq = p.seq
		WHERE p.seq > ?
		ORDER BY p.seq
		LIMIT ? + 0`, cutoff, p.expire)
}

// events removes events that were published before the cutoff, with all that
// belongs to them.
func (p *pruning) events(ctx context.Context, cutoff time.Time) error {
	return p.walk(ctx, `
		SELECT seq, tenant, id, type, published_at
		FROM postrider_events
		WHERE seq > ?
		ORDER BY seq
		LIMIT ? + 0`, cutoff, p.forget)
}

// walk goes along events in the order they were written, up to the first page
// that has none to remove, and stops when limit events were removed.
func (p *pruning) walk(ctx context.Context, query string, cutoff time.Time, remove func(context.Context, Conn, *store.Pruned, oldEvent) (bool, error)) error {
	removed := 0
	for after := int64(0); removed < p.limit; {
		page, last, err := p.oldEvents(ctx, query, after, cutoff)
		if err != nil || len(page) == 0 {
			return err
		}
		after = last
		kept := removed
		if err := p.inSteps(ctx, len(page), func(ctx context.Context, c Conn, done *store.Pruned, i int) error {
			if kept >= p.limit {
				return nil
			}
			ok, err := remove(ctx, c, done, page[i])
			if ok {
				kept++
			}
			return err
		}); err != nil {
			return err
		}
		removed = kept
	}
	p.reached(removed)
	return nil
}

// oldEvents returns those of a page of events that are past the cutoff, and the
// number of the page's last.
func (p *pruning) oldEvents(ctx context.Context, query string, after int64, cutoff time.Time) ([]oldEvent, int64, error) {
	var page []oldEvent
	err := p.store.db.Read(ctx, func(ctx context.Context, c Conn) error {
		return c.Query(ctx, query, []any{after, min(p.limit, store.MaxPage)}, func(r Row) error {
			var ev oldEvent
			err := r.Scan(&ev.seq, &ev.tenant, &ev.id, &ev.kind, &ev.published)
			if after = ev.seq; ev.published.Before(cutoff) {
				page = append(page, ev)
			}
			return err
		})
	})
	return page, after, err
}

// expire removes an event's payload and attempts and cancels what is pending,
// unless a delivery is leased. It reports whether it did.
func (p *pruning) expire(ctx context.Context, c Conn, done *store.Pruned, ev oldEvent) (bool, error) {
	deliveries, leased, err := p.store.eventDeliveries(ctx, c, ev)
	if err != nil || leased {
		return false, err
	}
	for _, d := range deliveries {
		if d.Status == webhook.DeliveryPending {
			if err := p.cancel(ctx, c, d); err != nil {
				return false, err
			}
			done.Expired++
			done.ExpiredDeliveries = append(done.ExpiredDeliveries, webhook.Delivery{
				ID: d.ID, Tenant: d.Tenant, EndpointID: d.EndpointID, EventID: ev.id, EventType: ev.kind,
			})
		}
		n, err := c.Exec(ctx, `
			DELETE FROM postrider_attempts
			WHERE tenant = ?
			AND delivery = ?`, d.Tenant, d.ID)
		if err != nil {
			return false, err
		}
		done.Attempts += int(n)
	}
	n, err := c.Exec(ctx, `
		DELETE FROM postrider_payloads
		WHERE seq = ?`, ev.seq)
	done.Payloads += int(n)
	return err == nil, err
}

// eventDeliveries returns the deliveries of an event, unless one of them is leased.
func (s *Store) eventDeliveries(ctx context.Context, c Conn, ev oldEvent) (list []webhook.Delivery, leased bool, err error) {
	if list, err = s.deliveriesOf(ctx, c, ev); err != nil {
		return nil, false, err
	}
	for _, d := range list {
		if d.Status != webhook.DeliveryPending {
			continue
		}
		var one int
		free, err := queryOne(ctx, c, `
			SELECT 1
			FROM postrider_queue
			WHERE owner = 0
			AND delivery = ?`, []any{d.ID}, &one)
		if err != nil {
			return nil, false, err
		}
		if !free {
			return nil, true, nil
		}
	}
	return list, false, nil
}

// deliveriesOf returns id, endpoint and status of the deliveries of an event.
func (s *Store) deliveriesOf(ctx context.Context, c Conn, ev oldEvent) (list []webhook.Delivery, err error) {
	err = c.Query(ctx, `
		SELECT id, endpoint, status
		FROM postrider_deliveries`+s.index("postrider_deliveries_event")+`
		WHERE tenant = ?
		AND event = ?`, []any{ev.tenant, ev.id}, func(r Row) error {
		d := webhook.Delivery{Tenant: ev.tenant}
		err := r.Scan(&d.ID, &d.EndpointID, (*string)(&d.Status))
		list = append(list, d)
		return err
	})
	return list, err
}

func (p *pruning) cancel(ctx context.Context, c Conn, d webhook.Delivery) error {
	batch := ""
	if _, err := queryOne(ctx, c, `
		SELECT batch
		FROM postrider_queue
		WHERE owner = 0
		AND delivery = ?`, []any{d.ID}, &batch); err != nil {
		return err
	}
	if batch != "" {
		if err := dissolve(ctx, c, store.BatchKey{Tenant: d.Tenant, ID: batch}); err != nil {
			return err
		}
	}
	if _, err := c.Exec(ctx, `
		DELETE FROM postrider_queue
		WHERE owner = 0
		AND delivery = ?`, d.ID); err != nil {
		return err
	}
	_, err := c.Exec(ctx, `
		UPDATE postrider_deliveries
		SET status = ?, reason = ?, next_at = NULL, updated_at = ?
		WHERE tenant = ?
		AND id = ?`, string(webhook.DeliveryCanceled), string(webhook.ReasonExpired), p.now.UnixMicro(), d.Tenant, d.ID)
	return err
}

// forget removes an event with all that belongs to it, unless a delivery is
// leased. It reports whether it did.
func (p *pruning) forget(ctx context.Context, c Conn, done *store.Pruned, ev oldEvent) (bool, error) {
	if ok, err := p.expire(ctx, c, done, ev); err != nil || !ok {
		return false, err
	}
	n, err := c.Exec(ctx, `
		DELETE FROM postrider_deliveries`+p.store.index("postrider_deliveries_event")+`
		WHERE tenant = ?
		AND event = ?`, ev.tenant, ev.id)
	if err != nil {
		return false, err
	}
	done.Deliveries += int(n)
	n, err = c.Exec(ctx, `
		DELETE FROM postrider_events
		WHERE seq = ?`, ev.seq)
	done.Events += int(n)
	return err == nil, err
}
