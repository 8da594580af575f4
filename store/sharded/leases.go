package sharded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/postrider/postrider/store"
)

// lease names the setting of a shard that has its own epoch of a lease on all
// shards. It is "0" if somebody asked for an epoch before anyone had it.
func lease(epoch int64) string { return "sharded.lease:" + strconv.FormatInt(epoch, 10) }

// Acquire implements store.Leases. The epoch is the greatest that a shard gave,
// and so greater than any before, unless another process got the same greatest
// from another shard at the same time. Then one of the two tries again.
func (s *Store) Acquire(ctx context.Context, now time.Time, p store.Process, ttl time.Duration) (int64, error) {
	for {
		epochs, err := s.acquire(ctx, now, p, ttl)
		if err != nil {
			return 0, err
		}
		epoch := slices.Max(epochs)
		taken, err := s.claimEpoch(ctx, epoch, epochs)
		if err == nil && !taken {
			return epoch, nil
		}
		s.resign(ctx, now, epochs)
		if err != nil {
			return 0, err
		}
	}
}

// acquire begins a lease on each shard, or on none.
func (s *Store) acquire(ctx context.Context, now time.Time, p store.Process, ttl time.Duration) ([]int64, error) {
	var epochs []int64
	for _, sh := range s.shards {
		epoch, err := sh.Acquire(ctx, now, p, ttl)
		if err != nil {
			s.resign(ctx, now, epochs)
			return nil, err
		}
		epochs = append(epochs, epoch)
	}
	return epochs, nil
}

// resign ends leases of the first shards that nobody will know of. What cannot be
// ended expires.
func (s *Store) resign(ctx context.Context, now time.Time, epochs []int64) {
	for i, epoch := range epochs {
		_ = s.shards[i].Resign(ctx, now, epoch)
	}
}

// claimEpoch writes down on each shard what the epoch means there, and reports
// whether somebody else was faster.
func (s *Store) claimEpoch(ctx context.Context, epoch int64, epochs []int64) (taken bool, err error) {
	for i, sh := range s.shards {
		own := strconv.FormatInt(epochs[i], 10)
		value, err := sh.Setting(ctx, lease(epoch), []byte(own))
		if err != nil || string(value) != own {
			return err == nil, err
		}
		sh.epochs.Store(epoch, epochs[i])
	}
	return false, nil
}

// epoch returns the shard's epoch of a lease, or 0, which is nobody's, if there
// never was such a lease.
func (sh *shard) epoch(ctx context.Context, epoch int64) (int64, error) {
	if epoch <= 0 {
		return epoch, nil
	}
	if own, ok := sh.epochs.Load(epoch); ok {
		return own.(int64), nil
	}
	value, err := sh.Setting(ctx, lease(epoch), []byte("0"))
	if err != nil {
		return 0, fmt.Errorf("shard %q: find its epoch: %w", sh.name, err)
	}
	own, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("shard %q: find its epoch: %w", sh.name, err)
	}
	sh.epochs.Store(epoch, own)
	return own, nil
}

// mustEpoch is epoch for those that lease rows: an epoch that never was is an
// error.
func (sh *shard) mustEpoch(ctx context.Context, epoch int64) (int64, error) {
	own, err := sh.epoch(ctx, epoch)
	if err == nil && own == 0 && epoch != 0 {
		err = fmt.Errorf("there is no epoch %d", epoch)
	}
	return own, err
}

// Renew implements store.Leases.
func (s *Store) Renew(ctx context.Context, now time.Time, epoch int64, ttl time.Duration) error {
	return s.each(ctx, epoch, func(sh *shard, epoch int64) error { return sh.Renew(ctx, now, epoch, ttl) })
}

// Resign implements store.Leases.
func (s *Store) Resign(ctx context.Context, now time.Time, epoch int64) error {
	return s.each(ctx, epoch, func(sh *shard, epoch int64) error { return sh.Resign(ctx, now, epoch) })
}

// Held implements store.Leases.
func (s *Store) Held(ctx context.Context, epoch int64, after string, limit int) ([]store.Held, error) {
	var held []store.Held
	for _, sh := range s.shards {
		own, err := sh.epoch(ctx, epoch)
		if err != nil {
			return nil, fmt.Errorf("read leased rows: %w", err)
		}
		rows, err := sh.Held(ctx, own, after, limit)
		if err != nil {
			return nil, err
		}
		held = append(held, rows...)
	}
	slices.SortFunc(held, func(a, b store.Held) int { return cmp.Compare(a.Delivery, b.Delivery) })
	return held[:min(len(held), max(limit, 0))], nil
}

// Reap implements store.Leases.
func (s *Store) Reap(ctx context.Context, now time.Time, epoch int64, ttl time.Duration, limit int) (int, error) {
	reaped := 0
	err := s.each(ctx, epoch, func(sh *shard, epoch int64) error {
		if reaped >= limit {
			return nil
		}
		n, err := sh.Reap(ctx, now, epoch, ttl, limit-reaped)
		reaped += n
		return err
	})
	if err != nil {
		return 0, err
	}
	return reaped, nil
}

// each calls do on each shard with its own epoch of a lease. It goes on after an
// error, so that what can be done is done, and returns the first one.
func (s *Store) each(ctx context.Context, epoch int64, do func(*shard, int64) error) error {
	var first error
	committed := false
	for _, sh := range s.shards {
		own, err := sh.epoch(ctx, epoch)
		if err == nil {
			err = do(sh, own)
		}
		if err == nil {
			committed = true
		} else if first == nil {
			first = err
		}
	}
	if errors.Is(first, store.ErrUnavailable) {
		return partly(first, committed)
	}
	return first
}
