package sharded

import (
	"context"
	"time"

	"github.com/postrider/postrider/store"
)

// Prune implements store.Maintenance. Each shard gets an even part of the limit.
func (s *Store) Prune(ctx context.Context, now time.Time, r store.Retention, limit int) (store.Pruned, error) {
	part := (limit + len(s.shards) - 1) / len(s.shards)
	var sum store.Pruned
	for i, sh := range s.shards {
		p, err := sh.Prune(ctx, now, r, part)
		if err != nil {
			return store.Pruned{}, partly(err, i > 0)
		}
		sum.Add(p)
	}
	return sum, nil
}
