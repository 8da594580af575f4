package memstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// endpoint is an endpoint or its tombstone, with what hangs on it.
type endpoint struct {
	store.EndpointRecord
	secrets []store.SecretRecord // the present one first
	health  webhook.Health
	notable time.Time // when something notable happened to the health
	gone    bool      // also the tombstone
}

func (ep *endpoint) id() string { return ep.ID }

// CreateEndpoint implements store.Endpoints.
func (s *Store) CreateEndpoint(ctx context.Context, now time.Time, rec store.EndpointRecord, secret store.SecretRecord, c store.Creation, audit ...webhook.AuditRecord) (store.EndpointRecord, error) {
	if err := s.beginChange(ctx, "create endpoint", audit); err != nil {
		return store.EndpointRecord{}, err
	}
	defer s.mu.Unlock()
	key := store.Lane{Tenant: rec.Tenant, Endpoint: rec.ID}
	if s.endpoints[key] != nil {
		return store.EndpointRecord{}, errors.New("create endpoint: the id is in use")
	}
	if first, err := s.createdBy(rec.Tenant, instant(now), &c); err != nil || first != nil {
		if err != nil {
			return store.EndpointRecord{}, fmt.Errorf("create endpoint: %w", err)
		}
		return first.Clone(), nil
	}
	if c.Most > 0 && s.countEndpoints(rec.Tenant) >= c.Most {
		return store.EndpointRecord{}, fmt.Errorf("create endpoint: %w", store.ErrTooMany)
	}
	now = instant(now)
	ep := &endpoint{
		EndpointRecord: rec.Clone(),
		secrets:        []store.SecretRecord{cloneSecret(secret)},
		health:         webhook.Health{Tenant: rec.Tenant, EndpointID: rec.ID},
	}
	ep.Endpoint = ep.WithoutSecrets()
	ep.Revision, ep.Version, ep.CreatedAt, ep.DeletedAt = 0, 0, now, time.Time{}
	s.endpoints[key] = ep
	s.tenant(ep.Tenant).endpoints.add(ep)
	s.changed(ep, now)
	if c.Key != "" {
		s.creations[keyName{ep.Tenant, c.Key}] = creation{bytes.Clone(c.ContentHash), ep.ID, instant(c.KeyExpires)}
	}
	s.audit(now, audit)
	return ep.Clone(), nil
}

// creation is what a key stands for by which an endpoint was created.
type creation struct {
	hash     []byte
	endpoint string
	expires  time.Time
}

// createdBy returns the endpoint that a key stands for, or nil if it is free.
func (s *Store) createdBy(tenant string, now time.Time, c *store.Creation) (*endpoint, error) {
	first, known := s.creations[keyName{tenant, c.Key}]
	switch {
	case !known || !first.expires.After(now):
		return nil, nil
	case !bytes.Equal(first.hash, c.ContentHash):
		return nil, webhook.ErrIdempotencyConflict
	}
	return s.live(tenant, first.endpoint)
}

// creations removes keys of creations that have expired.
func (p *pruning) creations() {
	n := 0
	for name, c := range p.store.creations {
		if c.expires.After(p.now) {
			continue
		}
		if n++; n > p.limit {
			p.done.More = true
			return
		}
		delete(p.store.creations, name)
		p.done.IdempotencyKeys++
	}
}

// changed gives an endpoint its next revision and makes its lane due.
func (s *Store) changed(ep *endpoint, now time.Time) {
	t := s.tenant(ep.Tenant)
	s.change++
	fresh := ep.Revision == 0
	ep.Revision, t.revision = s.change, s.change
	ep.Version++
	ep.UpdatedAt = now
	s.changes.add(ep, fresh)
	t.changes.add(ep, fresh)
	key := store.Lane{Tenant: ep.Tenant, Endpoint: ep.ID}
	s.earlier(key, now, store.Gate{Next: now})
}

// live returns an endpoint that is not deleted.
func (s *Store) live(tenant, id string) (*endpoint, error) {
	ep := s.endpoints[store.Lane{Tenant: tenant, Endpoint: id}]
	if ep == nil || ep.Deleted() {
		return nil, store.ErrNotFound
	}
	return ep, nil
}

// UpdateEndpoint implements store.Endpoints.
func (s *Store) UpdateEndpoint(ctx context.Context, now time.Time, rec store.EndpointRecord, audit ...webhook.AuditRecord) (store.EndpointRecord, error) {
	if err := s.beginChange(ctx, "update endpoint", audit); err != nil {
		return store.EndpointRecord{}, err
	}
	defer s.mu.Unlock()
	ep, err := s.live(rec.Tenant, rec.ID)
	if err == nil && ep.Version != rec.Version {
		err = store.ErrVersion
	}
	if err != nil {
		return store.EndpointRecord{}, fmt.Errorf("update endpoint: %w", err)
	}
	if ep.Status == webhook.EndpointPaused && rec.Status == webhook.EndpointActive {
		ep.health.Failures, ep.health.Trips, ep.health.RecoveringSince = 0, 0, instant(now)
		s.noteHealth(ep, instant(now))
	}
	old := ep.Endpoint
	if old.Order != rec.Order {
		s.unblockAll(store.Lane{Tenant: ep.Tenant, Endpoint: ep.ID})
	}
	ep.EndpointRecord = rec.Clone()
	ep.Endpoint = ep.WithoutSecrets()
	ep.Revision, ep.CreatedAt, ep.DeletedAt = old.Revision, old.CreatedAt, time.Time{}
	s.changed(ep, instant(now))
	s.audit(now, audit)
	return ep.Clone(), nil
}

// DeleteEndpoint implements store.Endpoints.
func (s *Store) DeleteEndpoint(ctx context.Context, now time.Time, tenant, id string, audit ...webhook.AuditRecord) error {
	if err := s.beginChange(ctx, "delete endpoint", audit); err != nil {
		return err
	}
	defer s.mu.Unlock()
	ep, err := s.live(tenant, id)
	if err != nil {
		return fmt.Errorf("delete endpoint: %w", err)
	}
	now = instant(now)
	ep.DeletedAt, ep.Sealed, ep.secrets = now, nil, nil
	s.unblockAll(store.Lane{Tenant: tenant, Endpoint: id})
	s.deleted.push(ep)
	s.changed(ep, now)
	s.audit(now, audit)
	return nil
}

// Endpoint implements store.Endpoints.
func (s *Store) Endpoint(ctx context.Context, tenant, id string) (store.EndpointRecord, error) {
	if err := s.begin(ctx, "read endpoint"); err != nil {
		return store.EndpointRecord{}, err
	}
	defer s.mu.Unlock()
	ep, err := s.live(tenant, id)
	if err != nil {
		return store.EndpointRecord{}, fmt.Errorf("read endpoint: %w", err)
	}
	return ep.Clone(), nil
}

// ListEndpoints implements store.Endpoints.
func (s *Store) ListEndpoints(ctx context.Context, tenant string, page store.Page) ([]store.EndpointRecord, error) {
	if err := s.begin(ctx, "list endpoints"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	t := s.tenants[tenant]
	if t == nil {
		return nil, nil
	}
	var list []store.EndpointRecord
	t.endpoints.before(page.After, func(ep *endpoint) bool {
		if !ep.Deleted() {
			list = append(list, ep.Clone())
		}
		return len(list) < page.Size()
	})
	return list, nil
}
