package sharded

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Take implements store.Lanes. Lanes of one shard are one transaction, and get
// their turns longest due first; each call begins with another shard.
func (s *Store) Take(ctx context.Context, now time.Time, epoch int64, limit int, asking []store.Lane, turn func(store.Lane) store.Turn) ([]store.Claimed, error) {
	parts, err := s.split(len(asking),
		func(i int) string { return asking[i].Tenant },
		func(tenant string) (*shard, error) { return s.at(ctx, tenant) })
	if err != nil {
		return nil, fmt.Errorf("take: %w", err)
	}
	asks := make(map[store.Lane]bool, len(asking))
	for _, l := range asking {
		asks[l] = true
	}
	asked := 0
	ask := func(l store.Lane) store.Turn {
		if asked++; !asks[l] {
			limit--
		}
		return turn(l)
	}
	var claimed []store.Claimed
	first := int(s.takes.Add(1) % uint64(len(s.shards)))
	for n := range s.shards {
		sh := s.shards[(first+n)%len(s.shards)]
		var lanes []store.Lane
		for _, i := range parts[sh.at] {
			lanes = append(lanes, asking[i])
		}
		before := asked
		own, err := sh.take(ctx, now, epoch, max(limit, 0), lanes, ask)
		if err != nil {
			return nil, partly(err, before > 0)
		}
		claimed = append(claimed, own...)
	}
	return claimed, nil
}

func (sh *shard) take(ctx context.Context, now time.Time, epoch int64, limit int, asking []store.Lane, turn func(store.Lane) store.Turn) ([]store.Claimed, error) {
	if limit == 0 && len(asking) == 0 {
		return nil, nil
	}
	own, err := sh.mustEpoch(ctx, epoch)
	if err != nil {
		return nil, fmt.Errorf("take: %w", err)
	}
	return sh.Take(ctx, now, own, limit, asking, turn)
}

// ChangedHealth implements store.Lanes. It needs all shards.
func (s *Store) ChangedHealth(ctx context.Context, now time.Time, within time.Duration) ([]webhook.Health, error) {
	var list []webhook.Health
	for _, sh := range s.shards {
		own, err := sh.ChangedHealth(ctx, now, within)
		if err != nil {
			return nil, err
		}
		list = append(list, own...)
	}
	return list[:min(len(list), store.MaxPage)], nil
}
