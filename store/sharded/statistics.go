package sharded

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
)

// Stats implements store.Statistics.
func (s *Store) Stats(ctx context.Context, tenant string, scope store.StatScope, from, to time.Time) ([]store.Stat, error) {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return nil, fmt.Errorf("read statistics: %w", err)
	}
	return sh.Stats(ctx, tenant, scope, from, to)
}

// CountFilters implements store.Statistics.
func (s *Store) CountFilters(ctx context.Context, now time.Time, tenant string, counts []store.FilterCount) error {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return fmt.Errorf("count filters: %w", err)
	}
	return sh.CountFilters(ctx, now, tenant, counts)
}
