package sharded

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
)

// ReserveQuota implements store.Quotas. A quota is on its tenant's shard.
func (s *Store) ReserveQuota(ctx context.Context, now time.Time, req store.QuotaRequest) (int64, error) {
	sh, err := s.at(ctx, req.Tenant)
	if err != nil {
		return 0, fmt.Errorf("reserve quota: %w", err)
	}
	return sh.ReserveQuota(ctx, now, req)
}

// QuotaUsed implements store.Quotas.
func (s *Store) QuotaUsed(ctx context.Context, tenant, name string, window time.Time) (int64, error) {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return 0, fmt.Errorf("read quota: %w", err)
	}
	return sh.QuotaUsed(ctx, tenant, name, window)
}

// CountEndpoints implements store.Quotas.
func (s *Store) CountEndpoints(ctx context.Context, tenant string) (int, error) {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return 0, fmt.Errorf("count endpoints: %w", err)
	}
	return sh.CountEndpoints(ctx, tenant)
}
