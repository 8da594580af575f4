package postgres

import (
	"cmp"
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
		SELECT `+eventColumns+data+`
		FROM unnest($1::text[], $2::text[]) k (tenant, id)
		JOIN postrider.events e ON e.tenant = k.tenant AND e.id = k.id`+join, []any{tenants, ids}, func(r row) error {
		ev, err := scanEvent(r)
		key := store.EventKey{Tenant: ev.Tenant, ID: ev.ID}
		if err != nil || seen[key] {
			return err
		}
		seen[key] = true
		events = append(events, ev)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read events: %w", classify(err))
	}
	return events, nil
}

// eventColumns are what scanEvent reads of an event, but for its data.
const eventColumns = `e.tenant, e.id, e.type, coalesce(e.source, ''), coalesce(e.subject, ''), coalesce(e.idempotency_key, ''), coalesce(e.meta, ''),
			coalesce(e.attrs, ''), e.occurred_at, `

func scanEvent(r row) (ev webhook.Event, err error) {
	var meta, attrs string
	var at int64
	if err := r.Scan(&ev.Tenant, &ev.ID, &ev.Type, &ev.Source, &ev.Subject, &ev.IdempotencyKey, &meta, &attrs, &at, (*[]byte)(&ev.Data)); err != nil {
		return ev, err
	}
	return ev, decodeEvent(&ev, meta, attrs, at)
}

// Events implements store.Tx. It is planned under the settings of the host's session;
// each payload is looked up by itself, in its one partition.
func (t hostTx) Events(ctx context.Context, tenant string, page store.Page) ([]webhook.Event, error) {
	var events []webhook.Event
	err := t.on.query(ctx, `
		SELECT `+eventColumns+`(SELECT p.data FROM postrider.payloads p WHERE p.tenant = e.tenant AND p.event = e.id LIMIT 1)
		FROM postrider.events e
		WHERE e.tenant = $1
		AND e.id < $2
		ORDER BY e.id DESC
		LIMIT $3`, []any{tenant, cmp.Or(page.After, "~"), page.Size()}, func(r row) error {
		ev, err := scanEvent(r)
		events = append(events, ev)
		return err
	})
	return events, err
}

// decodeEvent completes an event by what is kept as text and as a number.
func decodeEvent(ev *webhook.Event, meta, attrs string, at int64) (err error) {
	ev.Timestamp = fromMicros(&at)
	if ev.Metadata, err = sqlstore.FromJSON(meta); err != nil {
		return err
	}
	return sqlstore.SetEventAttributes(attrs, ev)
}
