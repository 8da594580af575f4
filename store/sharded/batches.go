package sharded

import (
	"context"
	"fmt"

	"github.com/postrider/postrider/store"
)

// Bind implements store.Batches. Batches on one shard are one transaction.
func (s *Store) Bind(ctx context.Context, epoch int64, batches []store.Binding) ([]string, error) {
	return gather(ctx, s, batches, func(b store.Binding) string { return b.Tenant }, func(sh *shard, batches []store.Binding) ([]string, error) {
		own, err := sh.epoch(ctx, epoch)
		if err != nil {
			return nil, fmt.Errorf("bind batches: %w", err)
		}
		return sh.Bind(ctx, own, batches)
	})
}
