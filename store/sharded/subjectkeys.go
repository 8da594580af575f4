package sharded

import (
	"context"
	"fmt"

	"github.com/postrider/postrider/store"
)

// AddSubjectKeys implements store.SubjectKeys. A key is on the shard of its tenant.
func (s *Store) AddSubjectKeys(ctx context.Context, keys []store.SubjectKey) ([]store.SubjectKey, error) {
	at := make(map[*shard][]int)
	for i, k := range keys {
		sh, err := s.place(ctx, k.Tenant)
		if err != nil {
			return nil, fmt.Errorf("add subject keys: %w", err)
		}
		at[sh] = append(at[sh], i)
	}
	stored := make([]store.SubjectKey, len(keys))
	some := false
	for sh, own := range at {
		part := make([]store.SubjectKey, len(own))
		for i, n := range own {
			part[i] = keys[n]
		}
		added, err := sh.AddSubjectKeys(ctx, part)
		if err != nil {
			return nil, partly(err, some)
		}
		some = true
		for i, n := range own {
			stored[n] = added[i]
		}
	}
	return stored, nil
}

// SubjectKeys implements store.SubjectKeys.
func (s *Store) SubjectKeys(ctx context.Context, names []store.SubjectKeyName) ([]store.SubjectKey, error) {
	tenant := func(n store.SubjectKeyName) string { return n.Tenant }
	return gather(ctx, s, names, tenant, func(sh *shard, own []store.SubjectKeyName) ([]store.SubjectKey, error) {
		return sh.SubjectKeys(ctx, own)
	})
}

// DeleteSubjectKeys implements store.SubjectKeys.
func (s *Store) DeleteSubjectKeys(ctx context.Context, tenant, subject string) (int, error) {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return 0, fmt.Errorf("remove subject keys: %w", err)
	}
	return sh.DeleteSubjectKeys(ctx, tenant, subject)
}

// PruneSubjectKeys implements store.SubjectKeys.
func (s *Store) PruneSubjectKeys(ctx context.Context, before int64, limit int) (int, error) {
	sum := 0
	for _, sh := range s.shards {
		n, err := sh.PruneSubjectKeys(ctx, before, limit-sum)
		if sum += n; err != nil {
			return sum, partly(err, sum > 0)
		}
	}
	return sum, nil
}
