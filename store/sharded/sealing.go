package sharded

import (
	"context"
	"fmt"
	"slices"

	"github.com/postrider/postrider/store"
)

// SealedValues implements store.Sealing. Settings of one name are on several shards,
// each with a value of its own; such a list may be longer than asked for by as many.
func (s *Store) SealedValues(ctx context.Context, kind store.SealedKind, after store.SealedValue, limit int) ([]store.SealedValue, error) {
	var all []store.SealedValue
	for _, sh := range s.shards {
		own, err := sh.SealedValues(ctx, kind, after, limit)
		if err != nil {
			return nil, fmt.Errorf("shard %q: %w", sh.name, err)
		}
		all = append(all, own...)
	}
	slices.SortStableFunc(all, store.ComparePlaces)
	n := min(len(all), max(limit, 0))
	for n > 0 && n < len(all) && store.ComparePlaces(all[n-1], all[n]) == 0 {
		n++
	}
	return all[:n], nil
}

// ReplaceSealed implements store.Sealing. Where a value is found by what it was.
func (s *Store) ReplaceSealed(ctx context.Context, changes []store.SealedChange) (int, error) {
	sum := 0
	for _, sh := range s.shards {
		n, err := sh.ReplaceSealed(ctx, changes)
		if sum += n; err != nil {
			return sum, partly(err, sum > 0)
		}
	}
	return sum, nil
}
