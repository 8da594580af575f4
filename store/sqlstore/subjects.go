package sqlstore

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
	condition, bound := "id < ?", before(page)
	if page.Oldest {
		condition, bound = "id > ?", page.After
	}
	var events []webhook.Event
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) error {
		return c.Query(ctx, `
			SELECT id, type, source, subject, idempotency_key, meta, attrs, occurred_at
			FROM postrider_events`+s.index("postrider_events_subject")+`
			WHERE tenant = ?
			AND subject = ?
			AND `+condition+`
			ORDER BY id`+direction(page)+`
			LIMIT ? + 0`, []any{tenant, subject, bound, page.Size()}, func(r Row) error {
			ev := webhook.Event{Tenant: tenant}
			err := scanEvent(r, &ev)
			events = append(events, ev)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list events of a subject: %w", err)
	}
	return events, nil
}

// EraseSubject implements store.Subjects.
func (s *Store) EraseSubject(ctx context.Context, now time.Time, tenant, subject string, limit int) (store.Erased, error) {
	var found []erasable
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) error {
		return c.Query(ctx, `
			SELECT seq, id, idempotency_key
			FROM postrider_events`+s.index("postrider_events_subject")+`
			WHERE tenant = ?
			AND subject = ?
			ORDER BY id
			LIMIT ? + 0`, []any{tenant, subject, limit}, func(r Row) error {
			ev := erasable{oldEvent: oldEvent{tenant: tenant}}
			err := r.Scan(&ev.seq, &ev.id, &ev.key)
			found = append(found, ev)
			return err
		})
	})
	p := pruning{store: s, now: now, limit: limit}
	p.reached(len(found))
	if err == nil {
		err = p.inSteps(ctx, len(found), func(ctx context.Context, c Conn, done *store.Pruned, i int) error {
			return s.erase(ctx, c, now.UnixMicro(), done, found[i])
		})
	}
	return p.erased(), wrap("erase subject", err)
}

// erased returns what was removed.
func (p *pruning) erased() store.Erased {
	return store.Erased{
		Events: p.done.Events, Payloads: p.done.Payloads, Deliveries: p.done.Deliveries, Attempts: p.done.Attempts,
		IdempotencyKeys: p.done.IdempotencyKeys, Pending: p.done.Expired, More: p.done.More,
	}
}

// PruneTenant implements store.Maintenance.
func (s *Store) PruneTenant(ctx context.Context, now time.Time, tenant string, before time.Time, limit int) (store.Erased, error) {
	p := pruning{store: s, now: now, limit: limit}
	after := ""
	for seen := 0; p.done.Events < limit && seen < store.PassedBy*limit; {
		page, err := s.tenantEvents(ctx, tenant, after, before, min(limit-p.done.Events, store.MaxPage))
		if err == nil {
			err = p.inSteps(ctx, len(page), func(ctx context.Context, c Conn, done *store.Pruned, i int) error {
				deliveries, err := s.deliveriesOf(ctx, c, page[i].oldEvent)
				if err != nil || slices.ContainsFunc(deliveries, func(d webhook.Delivery) bool { return d.Status == webhook.DeliveryPending }) {
					return err
				}
				return s.erase(ctx, c, now.UnixMicro(), done, page[i])
			})
		}
		if err != nil {
			return p.erased(), wrap("prune tenant", err)
		}
		if len(page) == 0 {
			break
		}
		after = page[len(page)-1].id
		seen += len(page)
	}
	p.reached(p.done.Events)
	return p.erased(), nil
}

// tenantEvents returns events of a tenant that were published before a time, those
// after an id.
func (s *Store) tenantEvents(ctx context.Context, tenant, after string, before time.Time, limit int) (page []erasable, err error) {
	err = s.db.Read(ctx, func(ctx context.Context, c Conn) error {
		return c.Query(ctx, `
			SELECT seq, id
			FROM postrider_events`+s.index("postrider_events_id")+`
			WHERE tenant = ?
			AND id > ?
			AND id < ?
			AND published_at < ?
			ORDER BY id
			LIMIT ? + 0`, []any{tenant, after, webhook.PrefixEvent.Floor(before.Add(clockSlack)), before.UnixMicro(), limit}, func(r Row) error {
			ev := erasable{oldEvent: oldEvent{tenant: tenant}}
			err := r.Scan(&ev.seq, &ev.id)
			page = append(page, ev)
			return err
		})
	})
	return page, err
}

// erasable is an event that is to be erased.
type erasable struct {
	oldEvent
	key string
}

// erase removes an event with all that belongs to it, whoever has it.
func (s *Store) erase(ctx context.Context, c Conn, now int64, done *store.Pruned, ev erasable) error {
	if ev.key != "" {
		n, err := c.Exec(ctx, `
			DELETE FROM postrider_idempotency
			WHERE tenant = ?
			AND key = ?
			AND event = ?`, ev.tenant, ev.key, ev.id)
		if done.IdempotencyKeys += int(n); err != nil {
			return err
		}
	}
	deliveries, err := s.deliveriesOf(ctx, c, ev.oldEvent)
	if err != nil {
		return err
	}
	var owners []int64
	for _, d := range deliveries {
		if d.Status == webhook.DeliveryPending && owners == nil {
			if owners, err = rowOwners(ctx, c); err != nil {
				return err
			}
		}
		if err := eraseRow(ctx, c, now, done, owners, d); err != nil {
			return err
		}
	}
	// What no delivery is pending of has none that is leased.
	p := pruning{store: s}
	_, err = p.forget(ctx, c, done, ev.oldEvent)
	return err
}

// eraseRow removes a delivery, if it is pending, with its row in the queue, whoever
// of the owners has it. Those that it was bound to a batch with are in none any more,
// and those that it held up by its ordering key may go.
func eraseRow(ctx context.Context, c Conn, now int64, done *store.Pruned, owners []int64, d webhook.Delivery) error {
	lane := store.Lane{Tenant: d.Tenant, Endpoint: d.EndpointID}
	if d.Status != webhook.DeliveryPending {
		_, err := unblock(ctx, c, now, lane, d.ID)
		return err
	}
	for _, owner := range owners {
		var batch, okey string
		found, err := queryOne(ctx, c, `
			SELECT batch, okey
			FROM postrider_queue
			WHERE owner = ?
			AND delivery = ?`, []any{owner, d.ID}, &batch, &okey)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		if batch != "" {
			if err := dissolve(ctx, c, store.BatchKey{Tenant: d.Tenant, ID: batch}); err != nil {
				return err
			}
		}
		if _, err := c.Exec(ctx, `
			DELETE FROM postrider_queue
			WHERE owner = ?
			AND delivery = ?`, owner, d.ID); err != nil {
			return err
		}
		if okey != "" {
			if err := reopen(ctx, c, now, lane); err != nil {
				return err
			}
		}
		break
	}
	done.Expired++
	n, err := c.Exec(ctx, `
		DELETE FROM postrider_attempts
		WHERE tenant = ?
		AND delivery = ?`, d.Tenant, d.ID)
	if done.Attempts += int(n); err != nil {
		return err
	}
	n, err = c.Exec(ctx, `
		DELETE FROM postrider_deliveries
		WHERE tenant = ?
		AND id = ?`, d.Tenant, d.ID)
	done.Deliveries += int(n)
	return err
}
