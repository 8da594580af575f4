package storetest_test

import (
	"context"
	"sync"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// endpointWriter changes what is written of endpoints before, and what is answered
// after.
type endpointWriter struct {
	store.Store
	before func(store.EndpointRecord) store.EndpointRecord
	after  func(given, kept store.EndpointRecord) store.EndpointRecord
}

func (s *endpointWriter) CreateEndpoint(ctx context.Context, now time.Time, ep store.EndpointRecord, secret store.SecretRecord, c store.Creation, audit ...webhook.AuditRecord) (store.EndpointRecord, error) {
	kept, err := s.Store.CreateEndpoint(ctx, now, s.before(ep.Clone()), secret, c, audit...)
	return s.after(ep, kept), err
}

func (s *endpointWriter) UpdateEndpoint(ctx context.Context, now time.Time, ep store.EndpointRecord, audit ...webhook.AuditRecord) (store.EndpointRecord, error) {
	kept, err := s.Store.UpdateEndpoint(ctx, now, s.before(ep.Clone()), audit...)
	return s.after(ep, kept), err
}

// forgetsAuth has no column for how requests are authenticated.
func forgetsAuth(st store.Store) store.Store {
	return &endpointWriter{
		Store:  st,
		before: func(ep store.EndpointRecord) store.EndpointRecord { ep.Auth = webhook.Auth{}; return ep },
		after:  func(_, kept store.EndpointRecord) store.EndpointRecord { return kept },
	}
}

// forgetsLists has no lists of where deliveries may go: everywhere.
func forgetsLists(st store.Store) store.Store {
	return &endpointWriter{
		Store: st,
		before: func(ep store.EndpointRecord) store.EndpointRecord {
			ep.AllowedIPs, ep.DeniedIPs = nil, nil
			return ep
		},
		after: func(_, kept store.EndpointRecord) store.EndpointRecord { return kept },
	}
}

// forgetsTLS has none for what is asked of connections.
func forgetsTLS(st store.Store) store.Store {
	return &endpointWriter{
		Store:  st,
		before: func(ep store.EndpointRecord) store.EndpointRecord { ep.TLS = webhook.TLS{}; return ep },
		after:  func(_, kept store.EndpointRecord) store.EndpointRecord { return kept },
	}
}

// keepsSecrets keeps whatever credentials it is given.
func keepsSecrets(st store.Store) store.Store {
	return &endpointWriter{
		Store:  st,
		before: func(ep store.EndpointRecord) store.EndpointRecord { return ep },
		after: func(given, kept store.EndpointRecord) store.EndpointRecord {
			kept.Headers, kept.Auth, kept.TLS = given.Headers, given.Auth, given.TLS
			return kept
		},
	}
}

// keepsSealed has tombstones with all that the endpoint had.
type keepsSealed struct {
	store.Store
	sealed sync.Map
}

func (s *keepsSealed) CreateEndpoint(ctx context.Context, now time.Time, ep store.EndpointRecord, secret store.SecretRecord, c store.Creation, audit ...webhook.AuditRecord) (store.EndpointRecord, error) {
	s.sealed.Store(ep.ID, ep.Sealed)
	return s.Store.CreateEndpoint(ctx, now, ep, secret, c, audit...)
}

func (s *keepsSealed) EngineEndpoints(ctx context.Context, keys []store.Lane) ([]store.EngineEndpoint, error) {
	eps, err := s.Store.EngineEndpoints(ctx, keys)
	for i := range eps {
		if sealed, ok := s.sealed.Load(eps[i].ID); ok {
			eps[i].Sealed = sealed.([]byte)
		}
	}
	return eps, err
}
