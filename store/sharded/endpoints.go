package sharded

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// CreateEndpoint implements store.Endpoints. It gives its tenant a shard.
func (s *Store) CreateEndpoint(ctx context.Context, now time.Time, ep store.EndpointRecord, secret store.SecretRecord, c store.Creation, audit ...webhook.AuditRecord) (store.EndpointRecord, error) {
	sh, err := s.place(ctx, ep.Tenant)
	if err != nil {
		return store.EndpointRecord{}, fmt.Errorf("create endpoint: %w", err)
	}
	if ep, err = sh.CreateEndpoint(ctx, now, ep, secret, c, audit...); err == nil {
		s.order.note(ep.Tenant, ep.ID)
	}
	return ep, err
}

// UpdateEndpoint implements store.Endpoints.
func (s *Store) UpdateEndpoint(ctx context.Context, now time.Time, ep store.EndpointRecord, audit ...webhook.AuditRecord) (store.EndpointRecord, error) {
	sh, err := s.at(ctx, ep.Tenant)
	if err != nil {
		return store.EndpointRecord{}, fmt.Errorf("update endpoint: %w", err)
	}
	if ep, err = sh.UpdateEndpoint(ctx, now, ep, audit...); err == nil {
		s.order.note(ep.Tenant, ep.ID)
	}
	return ep, err
}

// DeleteEndpoint implements store.Endpoints.
func (s *Store) DeleteEndpoint(ctx context.Context, now time.Time, tenant, id string, audit ...webhook.AuditRecord) error {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return fmt.Errorf("delete endpoint: %w", err)
	}
	if err = sh.DeleteEndpoint(ctx, now, tenant, id, audit...); err == nil {
		s.order.note(tenant, id)
	}
	return err
}

// Endpoint implements store.Endpoints.
func (s *Store) Endpoint(ctx context.Context, tenant, id string) (store.EndpointRecord, error) {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return store.EndpointRecord{}, fmt.Errorf("read endpoint: %w", err)
	}
	return sh.Endpoint(ctx, tenant, id)
}

// ListEndpoints implements store.Endpoints.
func (s *Store) ListEndpoints(ctx context.Context, tenant string, page store.Page) ([]store.EndpointRecord, error) {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return nil, fmt.Errorf("list endpoints: %w", err)
	}
	return sh.ListEndpoints(ctx, tenant, page)
}
