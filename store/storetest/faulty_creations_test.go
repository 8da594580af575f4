package storetest_test

import (
	"context"
	"sync"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// remembersItself knows the keys by which this process has created endpoints, and not those
// of others.
type remembersItself struct {
	store.Store
	mu   sync.Mutex
	made map[string]string
}

func newRemembersItself(st store.Store) store.Store {
	return &remembersItself{Store: st, made: make(map[string]string)}
}

func (s *remembersItself) CreateEndpoint(ctx context.Context, now time.Time, ep store.EndpointRecord, secret store.SecretRecord, c store.Creation, audit ...webhook.AuditRecord) (store.EndpointRecord, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := c.Key
	if first := s.made[key]; key != "" && first != "" {
		return s.Endpoint(ctx, ep.Tenant, first)
	}
	c.Key = ""
	ep, err := s.Store.CreateEndpoint(ctx, now, ep, secret, c, audit...)
	if err == nil && key != "" {
		s.made[key] = ep.ID
	}
	return ep, err
}
