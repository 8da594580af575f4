package postgres

import (
	"context"
	"fmt"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlstore"
	"github.com/postrider/postrider/webhook"
)

// Event implements store.Events.
func (s *Store) Event(ctx context.Context, tenant, id string) (webhook.Event, error) {
	return sqlstore.OneEvent(s.EventsByKey(ctx, []store.EventKey{{Tenant: tenant, ID: id}}))
}

// EventsByKey implements store.Events.
func (s *Store) EventsByKey(ctx context.Context, keys []store.EventKey) ([]webhook.Event, error) {
	return s.eventsByKey(ctx, keys, `p.data`, `
		LEFT JOIN postrider.payloads p ON p.tenant = k.tenant AND p.event = k.id`)
}

// EventsWithoutData implements store.History.
func (s *Store) EventsWithoutData(ctx context.Context, tenant string, ids []string) ([]webhook.Event, error) {
	keys := make([]store.EventKey, len(ids))
	for i, id := range ids {
		keys[i] = store.EventKey{Tenant: tenant, ID: id}
	}
	return s.eventsByKey(ctx, keys, `NULL::bytea`, ``)
}

// eventsByKey returns events with what is joined to them as data. Joined like this,
// each id leads to its one partition.
func (s *Store) eventsByKey(ctx context.Context, keys []store.EventKey, data, join string) ([]webhook.Event, error) {
	tenants, ids := eventKeys(keys)
	events := make([]webhook.Event, 0, len(keys))
	seen := make(map[store.EventKey]bool, len(keys))
	err := s.query(ctx, `
		SELECT e.tenant, e.id, e.type, coalesce(e.source, ''), coalesce(e.subject, ''), coalesce(e.idempotency_key, ''), coalesce(e.meta, ''),
			coalesce(e.attrs, ''), e.occurred_at, `+data+`
		FROM unnest($1::text[], $2::text[]) k (tenant, id)
		JOIN postrider.events e ON e.tenant = k.tenant AND e.id = k.id`+join, []any{tenants, ids}, func(r row) error {
		var ev webhook.Event
		var meta, attrs string
		var at int64
		if err := r.Scan(&ev.Tenant, &ev.ID, &ev.Type, &ev.Source, &ev.Subject, &ev.IdempotencyKey, &meta, &attrs, &at, (*[]byte)(&ev.Data)); err != nil {
			return err
		}
		key := store.EventKey{Tenant: ev.Tenant, ID: ev.ID}
		if seen[key] {
			return nil
		}
		seen[key] = true
		err := decodeEvent(&ev, meta, attrs, at)
		events = append(events, ev)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read events: %w", classify(err))
	}
	return events, nil
}

// decodeEvent completes an event by what is kept as text and as a number.
func decodeEvent(ev *webhook.Event, meta, attrs string, at int64) (err error) {
	ev.Timestamp = fromMicros(&at)
	if ev.Metadata, err = sqlstore.FromJSON(meta); err != nil {
		return err
	}
	return sqlstore.SetEventAttributes(attrs, ev)
}
