package sharded

import (
	"context"
	"fmt"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Event implements store.Events.
func (s *Store) Event(ctx context.Context, tenant, id string) (webhook.Event, error) {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return webhook.Event{}, fmt.Errorf("read event: %w", err)
	}
	return sh.Event(ctx, tenant, id)
}

// EventsByKey implements store.Events.
func (s *Store) EventsByKey(ctx context.Context, keys []store.EventKey) ([]webhook.Event, error) {
	return gather(ctx, s, keys, tenantOfEvent, func(sh *shard, own []store.EventKey) ([]webhook.Event, error) {
		return sh.EventsByKey(ctx, own)
	})
}

// ListEvents implements store.Events.
func (s *Store) ListEvents(ctx context.Context, tenant string, page store.Page) ([]webhook.Event, error) {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	return sh.ListEvents(ctx, tenant, page)
}

// FindEvents implements store.History.
func (s *Store) FindEvents(ctx context.Context, tenant string, filter store.EventFilter, page store.Page) (found store.Found[webhook.Event], err error) {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return found, fmt.Errorf("find events: %w", err)
	}
	return sh.FindEvents(ctx, tenant, filter, page)
}

// FindDeliveries implements store.History.
func (s *Store) FindDeliveries(ctx context.Context, tenant string, filter store.DeliveryFilter, page store.Page) (found store.Found[webhook.Delivery], err error) {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return found, fmt.Errorf("find deliveries: %w", err)
	}
	return sh.FindDeliveries(ctx, tenant, filter, page)
}

// EventsWithoutData implements store.History.
func (s *Store) EventsWithoutData(ctx context.Context, tenant string, ids []string) ([]webhook.Event, error) {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return sh.EventsWithoutData(ctx, tenant, ids)
}

// Outcomes implements store.History.
func (s *Store) Outcomes(ctx context.Context, tenant string, events []string) (map[string]webhook.Outcomes, error) {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return nil, fmt.Errorf("count deliveries: %w", err)
	}
	return sh.Outcomes(ctx, tenant, events)
}

// Delivery implements store.Deliveries.
func (s *Store) Delivery(ctx context.Context, tenant, id string) (webhook.Delivery, error) {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return webhook.Delivery{}, fmt.Errorf("read delivery: %w", err)
	}
	return sh.Delivery(ctx, tenant, id)
}

// ListDeliveries implements store.Deliveries.
func (s *Store) ListDeliveries(ctx context.Context, tenant string, filter store.DeliveryFilter, page store.Page) ([]webhook.Delivery, error) {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return sh.ListDeliveries(ctx, tenant, filter, page)
}

// Attempts implements store.Deliveries.
func (s *Store) Attempts(ctx context.Context, tenant, delivery string) ([]webhook.Attempt, error) {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return nil, fmt.Errorf("read attempts: %w", err)
	}
	return sh.Attempts(ctx, tenant, delivery)
}

// Place implements store.Deliveries.
func (s *Store) Place(ctx context.Context, tenant, delivery string) (store.Place, error) {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return store.Place{}, fmt.Errorf("read place: %w", err)
	}
	return sh.Place(ctx, tenant, delivery)
}
