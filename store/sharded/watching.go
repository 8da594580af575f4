package sharded

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/postrider/postrider/store"
)

// TailDeliveries implements store.Watching. The shards are asked at once. The time is
// the earliest of theirs, so that nobody takes what is yet to come for known.
func (s *Store) TailDeliveries(ctx context.Context, now, since time.Time, asks []store.TailAsk) (store.Tailed, error) {
	answer := store.NewTailed(len(asks), now)
	parts := make([][]int, len(s.shards))
	errs := make([]error, len(s.shards)+1)
	for i := range asks {
		sh, err := s.at(ctx, asks[i].Tenant)
		if err != nil {
			errs[len(s.shards)] = fmt.Errorf("tail deliveries: %w", err)
			continue
		}
		parts[sh.at] = append(parts[sh.at], i)
	}
	var wg sync.WaitGroup
	answers := make([]store.Tailed, len(s.shards))
	for at, part := range parts {
		if len(part) == 0 {
			continue
		}
		own := make([]store.TailAsk, len(part))
		for n, i := range part {
			own[n] = asks[i]
		}
		wg.Go(func() { answers[at], errs[at] = s.shards[at].TailDeliveries(ctx, now, since, own) })
	}
	wg.Wait()
	first := true
	for at, part := range parts {
		if len(part) == 0 || answers[at].Deliveries == nil {
			continue
		}
		for n, i := range part {
			answer.Deliveries[i] = answers[at].Deliveries[n]
		}
		if first || answers[at].At.Before(answer.At) {
			answer.At = answers[at].At
		}
		first = false
	}
	return answer, errors.Join(errs...)
}

// Lag implements store.Watching: the longest of any shard's.
func (s *Store) Lag(ctx context.Context, now time.Time) (time.Duration, error) {
	var longest time.Duration
	for _, sh := range s.shards {
		lag, err := sh.Lag(ctx, now)
		if err != nil {
			return 0, fmt.Errorf("shard %q: %w", sh.name, err)
		}
		longest = max(longest, lag)
	}
	return longest, nil
}
