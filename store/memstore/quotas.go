package memstore

import (
	"context"
	"time"

	"github.com/postrider/postrider/store"
)

// quota names what is counted, and since when.
type quota struct {
	tenant, name string
	window       time.Time
}

// ReserveQuota implements store.Quotas.
func (s *Store) ReserveQuota(ctx context.Context, _ time.Time, req store.QuotaRequest) (int64, error) {
	if err := s.begin(ctx, "reserve quota"); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	key := quota{req.Tenant, req.Name, instant(req.Window)}
	given, used := req.Grant(s.quotas[key])
	s.quotas[key] = used
	return given, nil
}

// QuotaUsed implements store.Quotas.
func (s *Store) QuotaUsed(ctx context.Context, tenant, name string, window time.Time) (int64, error) {
	if err := s.begin(ctx, "read quota"); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	return s.quotas[quota{tenant, name, instant(window)}], nil
}

// CountEndpoints implements store.Quotas.
func (s *Store) CountEndpoints(ctx context.Context, tenant string) (int, error) {
	if err := s.begin(ctx, "count endpoints"); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	return s.countEndpoints(tenant), nil
}

func (s *Store) countEndpoints(tenant string) int {
	t := s.tenants[tenant]
	if t == nil {
		return 0
	}
	n := 0
	for _, ep := range t.endpoints.items {
		if !ep.Deleted() {
			n++
		}
	}
	return n
}

// quotas removes the counts of times that are long over.
func (p *pruning) quotas(cutoff time.Time) {
	for key := range p.store.quotas {
		if key.window.Before(cutoff) {
			delete(p.store.quotas, key)
		}
	}
}
