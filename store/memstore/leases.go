package memstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/store"
)

// lease is a process's right to hold rows.
type lease struct {
	process store.Process
	// since is when it began to be valid without a gap.
	since, expires time.Time
}

func (l *lease) valid(now time.Time) bool { return l != nil && !now.After(l.expires) }

// Acquire implements store.Leases. Any number of processes may hold a lease.
func (s *Store) Acquire(ctx context.Context, now time.Time, p store.Process, ttl time.Duration) (int64, error) {
	if err := s.begin(ctx, "acquire lease"); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	now = instant(now)
	s.epoch++
	s.leases[s.epoch] = &lease{process: p, since: now, expires: now.Add(ttl)}
	return s.epoch, nil
}

// Renew implements store.Leases.
func (s *Store) Renew(ctx context.Context, now time.Time, epoch int64, ttl time.Duration) error {
	if err := s.begin(ctx, "renew lease"); err != nil {
		return err
	}
	defer s.mu.Unlock()
	now = instant(now)
	l := s.leases[epoch]
	if l == nil {
		return fmt.Errorf("renew lease: %w", store.ErrLeaseLost)
	}
	if !l.valid(now) {
		l.since = now
	}
	l.expires = now.Add(ttl)
	return nil
}

// Resign implements store.Leases.
func (s *Store) Resign(ctx context.Context, now time.Time, epoch int64) error {
	if err := s.begin(ctx, "resign lease"); err != nil {
		return err
	}
	defer s.mu.Unlock()
	s.endLease(epoch)
	for _, r := range s.rowsOf(epoch) {
		s.wait(r)
	}
	s.freeLanes(epoch, instant(now))
	return nil
}

func (s *Store) endLease(epoch int64) {
	delete(s.leases, epoch)
	if len(s.owners[epoch]) == 0 {
		delete(s.owners, epoch)
	}
}

// Held implements store.Leases.
func (s *Store) Held(ctx context.Context, epoch int64, after string, limit int) ([]store.Held, error) {
	if err := s.begin(ctx, "read leased rows"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var held []store.Held
	for id, r := range s.owners[epoch] {
		if id > after {
			held = append(held, store.Held{Tenant: r.delivery.Tenant, Delivery: id, Claim: r.claims, Canceled: r.canceled})
		}
	}
	slices.SortFunc(held, func(a, b store.Held) int { return strings.Compare(a.Delivery, b.Delivery) })
	return held[:min(len(held), max(limit, 0))], nil
}

// Reap implements store.Leases.
func (s *Store) Reap(ctx context.Context, now time.Time, epoch int64, ttl time.Duration, limit int) (int, error) {
	if err := s.begin(ctx, "reap"); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	now = instant(now)
	if own := s.leases[epoch]; !own.valid(now) || now.Sub(own.since) < ttl {
		return 0, nil
	}
	reaped := 0
	for _, owner := range slices.Sorted(maps.Keys(s.owners)) {
		if len(s.owners[owner]) == 0 || s.leases[owner].valid(now) {
			continue
		}
		for _, r := range s.rowsOf(owner) {
			if reaped == limit {
				break
			}
			if r.started || r.crashes == 0 {
				r.crashes++
			}
			s.wait(r)
			reaped++
		}
		s.endLease(owner)
	}
	for _, owner := range s.laneOwners() {
		if !s.leases[owner].valid(now) {
			s.endLease(owner)
			s.freeLanes(owner, now)
		}
	}
	return reaped, nil
}
