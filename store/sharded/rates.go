package sharded

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
)

// ReserveRates implements store.Rates. Names on one shard are one transaction.
func (s *Store) ReserveRates(ctx context.Context, now time.Time, reqs []store.RateRequest) ([]store.RateGrant, error) {
	if err := store.CheckRates(reqs); err != nil {
		return nil, fmt.Errorf("reserve rates: %w", err)
	}
	parts, err := s.split(len(reqs),
		func(i int) string { return reqs[i].Tenant },
		func(tenant string) (*shard, error) { return s.at(ctx, tenant) })
	if err != nil {
		return nil, fmt.Errorf("reserve rates: %w", err)
	}
	grants := make([]store.RateGrant, len(reqs))
	committed := false
	for at, part := range parts {
		if len(part) == 0 {
			continue
		}
		own := make([]store.RateRequest, len(part))
		for n, i := range part {
			own[n] = reqs[i]
		}
		given, err := s.shards[at].ReserveRates(ctx, now, own)
		if err != nil {
			return nil, partly(err, committed)
		}
		committed = true
		for n, i := range part {
			grants[i] = given[n]
		}
	}
	return grants, nil
}
