package manage_test

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// faultyStore fails where a test asks for it, and where PostgreSQL would.
type faultyStore struct {
	store.Store
	createFails, rotateFails, engineFails error
	// beforeUpdate runs once, before an update; afterRotate after a rotation.
	beforeUpdate, afterRotate func()
	// earlier is what Delivery returns of a delivery that has moved on since.
	earlier webhook.Delivery
}

func (s *faultyStore) CreateEndpoint(ctx context.Context, now time.Time, ep store.EndpointRecord, secret store.SecretRecord, most int) (store.EndpointRecord, error) {
	if s.createFails != nil {
		return store.EndpointRecord{}, s.createFails
	}
	return s.Store.CreateEndpoint(ctx, now, ep, secret, most)
}

func (s *faultyStore) UpdateEndpoint(ctx context.Context, now time.Time, ep store.EndpointRecord) (store.EndpointRecord, error) {
	if f := s.beforeUpdate; f != nil {
		s.beforeUpdate = nil
		f()
	}
	return s.Store.UpdateEndpoint(ctx, now, ep)
}

func (s *faultyStore) RotateSecret(ctx context.Context, now time.Time, secret store.SecretRecord, oldUntil time.Time) error {
	if s.rotateFails != nil {
		return s.rotateFails
	}
	if s.afterRotate != nil {
		defer s.afterRotate()
	}
	return s.Store.RotateSecret(ctx, now, secret, oldUntil)
}

func (s *faultyStore) EngineEndpoints(ctx context.Context, keys []store.Lane) ([]store.EngineEndpoint, error) {
	if s.engineFails != nil {
		return nil, s.engineFails
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, key := range keys {
		if err := badText(key.Tenant, key.Endpoint); err != nil {
			return nil, err
		}
	}
	return s.Store.EngineEndpoints(ctx, keys)
}

func (s *faultyStore) Endpoint(ctx context.Context, tenant, id string) (store.EndpointRecord, error) {
	if err := badText(tenant, id); err != nil {
		return store.EndpointRecord{}, err
	}
	return s.Store.Endpoint(ctx, tenant, id)
}

func (s *faultyStore) DeleteEndpoint(ctx context.Context, now time.Time, tenant, id string) error {
	if err := badText(tenant, id); err != nil {
		return err
	}
	return s.Store.DeleteEndpoint(ctx, now, tenant, id)
}

func (s *faultyStore) ListEndpoints(ctx context.Context, tenant string, page store.Page) ([]store.EndpointRecord, error) {
	if err := badText(tenant, page.After); err != nil {
		return nil, err
	}
	return s.Store.ListEndpoints(ctx, tenant, page)
}

func (s *faultyStore) Event(ctx context.Context, tenant, id string) (webhook.Event, error) {
	if err := badText(tenant, id); err != nil {
		return webhook.Event{}, err
	}
	return s.Store.Event(ctx, tenant, id)
}

func (s *faultyStore) ListEvents(ctx context.Context, tenant string, page store.Page) ([]webhook.Event, error) {
	if err := badText(tenant, page.After); err != nil {
		return nil, err
	}
	return s.Store.ListEvents(ctx, tenant, page)
}

func (s *faultyStore) Delivery(ctx context.Context, tenant, id string) (webhook.Delivery, error) {
	if err := badText(tenant, id); err != nil {
		return webhook.Delivery{}, err
	}
	if s.earlier.ID == id {
		return s.earlier, nil
	}
	return s.Store.Delivery(ctx, tenant, id)
}

func (s *faultyStore) ListDeliveries(ctx context.Context, tenant string, filter store.DeliveryFilter, page store.Page) ([]webhook.Delivery, error) {
	if err := badText(tenant, filter.Endpoint, filter.Event, string(filter.Status), page.After); err != nil {
		return nil, err
	}
	return s.Store.ListDeliveries(ctx, tenant, filter, page)
}

func (s *faultyStore) Cancel(ctx context.Context, now time.Time, tenant string, deliveries []string) ([]store.Cancellation, error) {
	if err := badText(append(deliveries, tenant)...); err != nil {
		return nil, err
	}
	return s.Store.Cancel(ctx, now, tenant, deliveries)
}

func (s *faultyStore) Redeliver(ctx context.Context, now time.Time, tenant, delivery string) error {
	if err := badText(tenant, delivery); err != nil {
		return err
	}
	return s.Store.Redeliver(ctx, now, tenant, delivery)
}

// badText is what PostgreSQL says to text that it does not take.
func badText(texts ...string) error {
	for _, s := range texts {
		if !utf8.ValidString(s) || strings.Contains(s, "\x00") {
			return errors.New("invalid byte sequence for encoding UTF8")
		}
	}
	return nil
}
