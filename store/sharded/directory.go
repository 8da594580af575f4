package sharded

import (
	"cmp"
	"context"
	"fmt"

	"github.com/postrider/postrider/store"
)

// TenantEndpoints implements store.Directory.
func (s *Store) TenantEndpoints(ctx context.Context, tenant string, after int64) ([]store.EndpointRecord, int64, error) {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return nil, 0, fmt.Errorf("read endpoints of tenant: %w", err)
	}
	return sh.TenantEndpoints(ctx, tenant, after)
}

// EngineEndpoints implements store.Directory.
func (s *Store) EngineEndpoints(ctx context.Context, keys []store.Lane) ([]store.EngineEndpoint, error) {
	return gather(ctx, s, keys, tenantOfLane, func(sh *shard, own []store.Lane) ([]store.EngineEndpoint, error) {
		return sh.EngineEndpoints(ctx, own)
	})
}

// LatestChange implements store.Directory.
func (s *Store) LatestChange(ctx context.Context) (int64, error) {
	latest := make([]int64, len(s.shards))
	for i, sh := range s.shards {
		var err error
		if latest[i], err = sh.LatestChange(ctx); err != nil {
			return 0, err
		}
	}
	return s.cursors.cursor(latest), nil
}

// ChangedEndpoints implements store.Directory. Changes on different shards are in
// the order of their times, and those of one time in the order in which this
// process made them.
func (s *Store) ChangedEndpoints(ctx context.Context, cursor int64, limit int) ([]store.EndpointRecord, int64, error) {
	from := s.cursors.of(cursor, len(s.shards))
	next := make([]int64, len(s.shards))
	lists := make([][]store.EndpointRecord, len(s.shards))
	read := func(i, limit int) (err error) {
		lists[i], next[i], err = s.shards[i].ChangedEndpoints(ctx, from[i], limit)
		return err
	}
	for i := range s.shards {
		if err := read(i, limit); err != nil {
			return nil, cursor, err
		}
	}
	_, taken := s.merge(lists, limit)
	for i, n := range taken {
		switch {
		case n == len(lists[i]):
		case n == 0:
			lists[i], next[i] = nil, from[i]
		default: // a shard alone knows its cursor after n of its changes
			if err := read(i, n); err != nil {
				return nil, cursor, err
			}
		}
	}
	merged, _ := s.merge(lists, limit)
	return merged, s.cursors.cursor(next), nil
}

// merge puts the changes of shards in one order, at most limit of them, and
// returns how many are of each shard.
func (s *Store) merge(lists [][]store.EndpointRecord, limit int) (merged []store.EndpointRecord, taken []int) {
	taken = make([]int, len(lists))
	for len(merged) < limit {
		first := -1
		for i, list := range lists {
			if taken[i] < len(list) && (first < 0 || s.earlier(&list[taken[i]], &lists[first][taken[first]])) {
				first = i
			}
		}
		if first < 0 {
			break
		}
		merged = append(merged, lists[first][taken[first]])
		taken[first]++
	}
	return merged, taken
}

// earlier reports whether a was changed before b.
func (s *Store) earlier(a, b *store.EndpointRecord) bool {
	return cmp.Or(a.UpdatedAt.Compare(b.UpdatedAt), cmp.Compare(s.order.of(a), s.order.of(b)), cmp.Compare(a.ID, b.ID)) < 0
}
