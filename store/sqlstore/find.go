package sqlstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// What no index leads to is looked for in a bounded range of ids: that of the rows which
// are looked at for a page. Its end is found first, in an index alone.

// walk is the part of an index that a list goes through, by descending ids.
type walk struct {
	// from is the FROM clause, id the column of the ids, and where the conditions
	// that lead to them. The last of these is the least id.
	from, id, where string
	args            []any
}

// end returns the least id of the newest rows of a walk, as many as a page looks at, or
// "" if it has no more than those.
func (w *walk) end(ctx context.Context, c Conn, page store.Page) (end string, err error) {
	rows := 0
	err = c.Query(ctx, `
		SELECT `+w.id+`
		FROM `+w.from+`
		WHERE `+w.where+`
		ORDER BY `+w.id+` DESC
		LIMIT 2
		OFFSET ? + 0`, append(w.args[:len(w.args):len(w.args)], page.Most()-1), func(r Row) error {
		if rows++; rows == 1 {
			return r.Scan(&end)
		}
		return nil
	})
	if rows < 2 {
		end = ""
	}
	return end, err
}

// PageOf makes a page of what was found: as many as it has room for, or if there are no
// more all down to an end, which is "" at the end of the list.
func PageOf[T any](items []T, page store.Page, end string, id func(*T) string) store.Found[T] {
	if size := page.Size(); len(items) > size {
		items = items[:size]
		end = id(&items[size-1])
	}
	return store.Found[T]{Items: items, Next: end}
}

// FindEvents implements store.History.
func (s *Store) FindEvents(ctx context.Context, tenant string, filter store.EventFilter, page store.Page) (found store.Found[webhook.Event], err error) {
	err = s.db.Read(ctx, func(ctx context.Context, c Conn) error {
		w := s.eventWalk(tenant, filter, page)
		end := ""
		if !filter.Direct() {
			if end, err = w.end(ctx, c, page); err != nil {
				return err
			}
		}
		query, args := w.events(filter, page, end)
		var events []webhook.Event
		if err := c.Query(ctx, query, args, func(r Row) error {
			ev := webhook.Event{Tenant: tenant}
			err := scanEvent(r, &ev)
			events = append(events, ev)
			return err
		}); err != nil {
			return err
		}
		found = PageOf(events, page, end, func(ev *webhook.Event) string { return ev.ID })
		return nil
	})
	if err != nil {
		return store.Found[webhook.Event]{}, fmt.Errorf("find events: %w", err)
	}
	return found, nil
}

// eventWalk returns the walk that leads to what a filter asks for: events about a
// subject, or else all.
func (s *Store) eventWalk(tenant string, filter store.EventFilter, page store.Page) *walk {
	from, below := filter.IDs(page)
	if filter.Subject != "" {
		return &walk{
			from: "postrider_events" + s.index("postrider_events_subject"), id: "id",
			where: `tenant = ?
			AND subject = ?
			AND id < ?
			AND id >= ?`,
			args: []any{tenant, filter.Subject, below, from},
		}
	}
	return &walk{
		from: "postrider_events", id: "id",
		where: `tenant = ?
			AND id < ?
			AND id >= ?`,
		args: []any{tenant, below, from},
	}
}

// events returns the query of a page of events of a walk, and one more, down to an end.
func (w *walk) events(filter store.EventFilter, page store.Page, end string) (string, []any) {
	last := len(w.args) - 1
	where, args := w.where, append(w.args[:last:last], max(end, w.args[last].(string)))
	if filter.Type != "" {
		where, args = where+`
			AND type = ?`, append(args, filter.Type)
	}
	if filter.TypePrefix != "" {
		where, args = where+`
			AND substr(type, 1, ?) = ?`, append(args, len(filter.TypePrefix), filter.TypePrefix)
	}
	if filter.Source != "" {
		where, args = where+`
			AND source = ?`, append(args, filter.Source)
	}
	return `
		SELECT id, type, source, subject, idempotency_key, meta, attrs, occurred_at
		FROM ` + w.from + `
		WHERE ` + where + `
		ORDER BY id DESC
		LIMIT ? + 0`, append(args, page.Size()+1)
}

// FindDeliveries implements store.History.
func (s *Store) FindDeliveries(ctx context.Context, tenant string, filter store.DeliveryFilter, page store.Page) (found store.Found[webhook.Delivery], err error) {
	page.Oldest = false
	err = s.db.Read(ctx, func(ctx context.Context, c Conn) error {
		end := ""
		if w := s.deliveryWalk(tenant, filter, page); w != nil {
			if end, err = w.end(ctx, c, page); err != nil {
				return err
			}
		}
		list, err := s.readDeliveries(ctx, c, tenant, filter, page, deliveryRange{from: end, limit: page.Size() + 1})
		found = PageOf(list, page, end, func(d *webhook.Delivery) string { return d.ID })
		return err
	})
	if err != nil {
		return store.Found[webhook.Delivery]{}, fmt.Errorf("find deliveries: %w", err)
	}
	return found, nil
}

// deliveryWalk returns the walk that leads to what a filter asks for, and to more than
// that; nil if it leads to nothing else. An event has no more deliveries than its tenant
// has endpoints.
func (s *Store) deliveryWalk(tenant string, filter store.DeliveryFilter, page store.Page) *walk {
	pending := filter.Status == webhook.DeliveryPending
	byType := filter.EventType != "" || filter.TypePrefix != ""
	byTime := !filter.From.IsZero() || !filter.To.IsZero() // of creation, which is not that of the id
	inOrder := filter.Status == "" || rare(filter.Status) || pending && filter.Endpoint == ""
	if filter.Event != "" || inOrder && !byType && !byTime {
		return nil
	}
	below, from := idsBelow(filter, page), idsFrom(filter)
	if pending { // those that are leased are few
		return &walk{
			from: "postrider_queue q" + s.index("postrider_queue_tenant"), id: "q.delivery",
			where: `q.owner = 0
			AND q.tenant = ?
			AND q.delivery < ?
			AND q.delivery >= ?`,
			args: []any{tenant, below, from},
		}
	}
	w := &walk{from: "postrider_deliveries d" + s.deliveryIndex(filter), id: "d.id", where: "d.tenant = ?", args: []any{tenant}}
	if filter.Endpoint != "" {
		w.where += `
			AND d.endpoint = ?`
		w.args = append(w.args, filter.Endpoint)
	}
	if rare(filter.Status) {
		w.where += `
			AND ` + statusCondition(filter.Status)
	}
	w.where += `
			AND d.id < ?
			AND d.id >= ?`
	w.args = append(w.args, below, from)
	return w
}

// EventsWithoutData implements store.History.
func (s *Store) EventsWithoutData(ctx context.Context, tenant string, ids []string) (events []webhook.Event, err error) {
	err = s.db.Read(ctx, func(ctx context.Context, c Conn) (err error) {
		events, err = selectEvents(ctx, c, withoutData, tenant, ids, func(r Row, ev *webhook.Event) error { return scanEvent(r, ev) })
		return err
	})
	return events, wrap("read events", err)
}

var withoutData = newMulti(`
	SELECT id, type, source, subject, idempotency_key, meta, attrs, occurred_at
	FROM postrider_events
	WHERE tenant = ?
	AND id IN (`, `?`, `)`)

// Outcomes implements store.History.
func (s *Store) Outcomes(ctx context.Context, tenant string, events []string) (map[string]webhook.Outcomes, error) {
	counts := make(map[string]webhook.Outcomes, len(events))
	events = slices.Compact(slices.Sorted(slices.Values(events))) // or one could be counted twice
	count := newMulti(`
		SELECT event, status, count(*)
		FROM postrider_deliveries`+s.index("postrider_deliveries_event")+`
		WHERE tenant = ?
		AND event IN (`, `?`, `)
		GROUP BY event, status`)
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) error {
		return count.query(ctx, c, []any{tenant}, len(events), func(args []any, i int) []any {
			return append(args, events[i])
		}, func(r Row) error {
			var event string
			var status webhook.DeliveryStatus
			var n int
			err := r.Scan(&event, (*string)(&status), &n)
			o := counts[event]
			o.Add(status, n)
			counts[event] = o
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("count deliveries: %w", err)
	}
	return counts, nil
}
