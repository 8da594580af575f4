package memstore

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// event is an event with its deliveries.
type event struct {
	webhook.Event
	published  time.Time
	deliveries ordered[*delivery]
	expired    bool // the payload is gone
	removed    bool // all of it is gone
}

func (ev *event) id() string { return ev.ID }

// Event implements store.Events.
func (s *Store) Event(ctx context.Context, tenant, id string) (webhook.Event, error) {
	if err := s.begin(ctx, "read event"); err != nil {
		return webhook.Event{}, err
	}
	defer s.mu.Unlock()
	ev := s.events[store.EventKey{Tenant: tenant, ID: id}]
	if ev == nil {
		return webhook.Event{}, fmt.Errorf("read event: %w", store.ErrNotFound)
	}
	return ev.Clone(), nil
}

// EventsByKey implements store.Events.
func (s *Store) EventsByKey(ctx context.Context, keys []store.EventKey) ([]webhook.Event, error) {
	if err := s.begin(ctx, "read events"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	list := make([]webhook.Event, 0, len(keys))
	for _, key := range keys {
		if ev := s.events[key]; ev != nil {
			list = append(list, ev.Clone())
		}
	}
	return list, nil
}

// ListEvents implements store.Events.
func (s *Store) ListEvents(ctx context.Context, tenant string, page store.Page) ([]webhook.Event, error) {
	if err := s.begin(ctx, "list events"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	t := s.tenants[tenant]
	if t == nil {
		return nil, nil
	}
	var list []webhook.Event
	t.events.before(page.After, func(ev *event) bool {
		list = append(list, ev.bare())
		return len(list) < page.Size()
	})
	return list, nil
}
