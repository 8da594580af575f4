package sqlstore

import (
	"context"
	"fmt"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Event implements store.Events.
func (s *Store) Event(ctx context.Context, tenant, id string) (webhook.Event, error) {
	return OneEvent(s.EventsByKey(ctx, []store.EventKey{{Tenant: tenant, ID: id}}))
}

// OneEvent is the answer of Event, given that of EventsByKey for its one key.
func OneEvent(events []webhook.Event, err error) (webhook.Event, error) {
	switch {
	case err != nil:
		return webhook.Event{}, err
	case len(events) == 0:
		return webhook.Event{}, fmt.Errorf("read event: %w", store.ErrNotFound)
	}
	return events[0], nil
}

// EventsByKey implements store.Events.
func (s *Store) EventsByKey(ctx context.Context, keys []store.EventKey) ([]webhook.Event, error) {
	var events []webhook.Event
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) error {
		return eachTenant(keys, func(tenant string, ids []string) error {
			found, err := selectEvents(ctx, c, withData, tenant, ids, func(r Row, ev *webhook.Event) error {
				return scanEvent(r, ev, (*[]byte)(&ev.Data))
			})
			events = append(events, found...)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return events, nil
}

// selectEvents returns a tenant's events of a list, each once.
func selectEvents(ctx context.Context, c Conn, query *multi, tenant string, ids []string, scan func(Row, *webhook.Event) error) (events []webhook.Event, err error) {
	seen := make(map[string]bool, len(ids))
	err = query.query(ctx, c, []any{tenant}, len(ids), func(args []any, i int) []any {
		return append(args, ids[i])
	}, func(r Row) error {
		ev := webhook.Event{Tenant: tenant}
		err := scan(r, &ev)
		if !seen[ev.ID] {
			seen[ev.ID] = true
			events = append(events, ev)
		}
		return err
	})
	return events, err
}

var withData = newMulti(`
	SELECT e.id, e.type, e.source, e.subject, e.idempotency_key, e.meta, e.attrs, e.occurred_at, p.data
	FROM postrider_events e
	LEFT JOIN postrider_payloads p ON p.seq = e.seq
	WHERE e.tenant = ?
	AND e.id IN (`, `?`, `)`)

// scanEvent reads the columns of an event, and those of more.
func scanEvent(r Row, ev *webhook.Event, more ...any) error {
	var meta, attrs string
	dest := append([]any{&ev.ID, &ev.Type, &ev.Source, &ev.Subject, &ev.IdempotencyKey, &meta, &attrs, &ev.Timestamp}, more...)
	err := r.Scan(dest...)
	if err != nil {
		return err
	}
	if ev.Metadata, err = FromJSON(meta); err != nil {
		return err
	}
	return SetEventAttributes(attrs, ev)
}

// ListEvents implements store.Events.
func (s *Store) ListEvents(ctx context.Context, tenant string, page store.Page) ([]webhook.Event, error) {
	var events []webhook.Event
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) error {
		return c.Query(ctx, `
			SELECT id, type, source, subject, idempotency_key, meta, attrs, occurred_at
			FROM postrider_events
			WHERE tenant = ?
			AND id < ?
			ORDER BY id DESC
			LIMIT ? + 0`, []any{tenant, before(page), page.Size()}, func(r Row) error {
			ev := webhook.Event{Tenant: tenant}
			err := scanEvent(r, &ev)
			events = append(events, ev)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	return events, nil
}

// before returns what the ids of a page are smaller than.
func before(page store.Page) string {
	if page.After == "" {
		return "~" // greater than any id: prefixes are letters
	}
	return page.After
}
