package memstore

import (
	"context"
	"maps"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// find fills a page with what passes of a list, whose ids are at least from and
// less than below.
func find[T identified](o *ordered[T], page store.Page, from, below string, passes func(T) bool) (items []T, next string) {
	examined, at := 0, ""
	o.before(below, func(entry T) bool {
		switch {
		case entry.id() < from:
			return false
		case examined == page.Most():
			next = at
			return false
		case !passes(entry):
		case len(items) == page.Size():
			next = items[len(items)-1].id()
			return false
		default:
			items = append(items, entry)
		}
		examined++
		at = entry.id()
		return true
	})
	return items, next
}

// FindEvents implements store.History.
func (s *Store) FindEvents(ctx context.Context, tenant string, filter store.EventFilter, page store.Page) (found store.Found[webhook.Event], err error) {
	if err := s.begin(ctx, "find events"); err != nil {
		return found, err
	}
	defer s.mu.Unlock()
	t := s.tenants[tenant]
	if t == nil {
		return found, nil
	}
	from, below := filter.IDs(page)
	items, next := find(&t.events, page, from, below, func(ev *event) bool { return filter.Passes(&ev.Event) })
	for _, ev := range items {
		found.Items = append(found.Items, ev.bare())
	}
	found.Next = next
	return found, nil
}

// bare returns an event without its payload.
func (ev *event) bare() webhook.Event {
	out := ev.Event
	out.Data, out.Metadata = nil, maps.Clone(ev.Metadata)
	return out
}

// FindDeliveries implements store.History.
func (s *Store) FindDeliveries(ctx context.Context, tenant string, filter store.DeliveryFilter, page store.Page) (found store.Found[webhook.Delivery], err error) {
	if err := s.begin(ctx, "find deliveries"); err != nil {
		return found, err
	}
	defer s.mu.Unlock()
	index := s.index(tenant, filter)
	if index == nil {
		return found, nil
	}
	items, next := find(index, page, "", page.After, func(d *delivery) bool { return filter.Passes(&d.Delivery) })
	for _, d := range items {
		found.Items = append(found.Items, d.Delivery)
	}
	found.Next = next
	return found, nil
}

// EventsWithoutData implements store.History.
func (s *Store) EventsWithoutData(ctx context.Context, tenant string, ids []string) ([]webhook.Event, error) {
	if err := s.begin(ctx, "read events"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var list []webhook.Event
	seen := make(map[string]bool, len(ids))
	for _, id := range ids {
		if ev := s.events[store.EventKey{Tenant: tenant, ID: id}]; ev != nil && !seen[id] {
			seen[id] = true
			list = append(list, ev.bare())
		}
	}
	return list, nil
}

// Outcomes implements store.History.
func (s *Store) Outcomes(ctx context.Context, tenant string, events []string) (map[string]webhook.Outcomes, error) {
	if err := s.begin(ctx, "count deliveries"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	counts := make(map[string]webhook.Outcomes, len(events))
	for _, id := range events {
		ev := s.events[store.EventKey{Tenant: tenant, ID: id}]
		if ev == nil || len(ev.deliveries.items) == 0 {
			continue
		}
		var o webhook.Outcomes
		for _, d := range ev.deliveries.items {
			o.Add(d.Status, 1)
		}
		counts[id] = o
	}
	return counts, nil
}
