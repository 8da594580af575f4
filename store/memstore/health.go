package memstore

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// changeHealth applies changes and returns what became of them, by key.
func (s *Store) changeHealth(now time.Time, changes map[store.Lane]store.HealthChange) []webhook.Health {
	if len(changes) == 0 {
		return nil
	}
	lanes := slices.SortedFunc(maps.Keys(changes), func(a, b store.Lane) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Endpoint, b.Endpoint))
	})
	result := make([]webhook.Health, 0, len(lanes))
	for _, key := range lanes {
		h := webhook.Health{Tenant: key.Tenant, EndpointID: key.Endpoint}
		ep := s.endpoints[key]
		if ep != nil {
			h = ep.health
		}
		h = changes[key].Apply(now, h)
		h.LastSuccessAt, h.LastFailureAt = instant(h.LastSuccessAt), instant(h.LastFailureAt)
		if ep != nil {
			ep.health = h
			if changes[key].Notable {
				s.noteHealth(ep, now)
			}
		}
		result = append(result, h)
	}
	return result
}

// noteHealth makes ChangedHealth tell of an endpoint.
func (s *Store) noteHealth(ep *endpoint, now time.Time) {
	ep.notable = now
	s.notable[ep] = true
}

// ChangedHealth implements store.Lanes.
func (s *Store) ChangedHealth(ctx context.Context, now time.Time, within time.Duration) ([]webhook.Health, error) {
	if err := s.begin(ctx, "read changed health"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	now = instant(now)
	var eps []*endpoint
	for ep := range s.notable {
		switch {
		case ep.gone || ep.notable.Before(now.Add(-time.Hour)):
			delete(s.notable, ep)
		case !ep.notable.Before(now.Add(-within)):
			eps = append(eps, ep)
		}
	}
	slices.SortFunc(eps, func(a, b *endpoint) int {
		return cmp.Or(b.notable.Compare(a.notable), cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.ID, b.ID))
	})
	var list []webhook.Health
	for _, ep := range eps[:min(len(eps), store.MaxPage)] {
		list = append(list, ep.health)
	}
	return list, nil
}
