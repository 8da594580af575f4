package storetest_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// unfenced settles whatever it is given under the fence that the row has.
type unfenced struct{ store.Store }

func (s *unfenced) Settle(ctx context.Context, now time.Time, st store.Settlement) (store.SettleResult, error) {
	result, err := s.Store.Settle(ctx, now, st)
	if err != nil {
		return result, err
	}
	result.Lost = slices.DeleteFunc(result.Lost, func(lost store.Held) bool {
		i := slices.IndexFunc(st.Items, func(it store.Settled) bool { return it.Delivery == lost.Delivery && it.Claim == lost.Claim })
		item := st.Items[i]
		for epoch := range int64(epochs) {
			held, _ := s.Held(ctx, epoch, "", store.MaxPage)
			for _, h := range held {
				if item.Claim = h.Claim; h.Delivery == item.Delivery {
					again, err := s.Store.Settle(ctx, now, store.Settlement{Epoch: epoch, Items: []store.Settled{item}})
					result.Health = append(result.Health, again.Health...)
					return err == nil && len(again.Lost) == 0
				}
			}
		}
		return false
	})
	return result, nil
}

// claimsTwice selects and updates in two transactions.
type claimsTwice struct {
	store.Store
	mu   sync.Mutex
	last []store.Claimed
}

func (s *claimsTwice) Poll(ctx context.Context, now time.Time, epoch int64, limit int, admit func(store.Waiting) store.Admission) ([]store.Claimed, time.Time, error) {
	claimed, next, err := s.Store.Poll(ctx, now, epoch, limit, admit)
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.last
	s.last = slices.Clone(claimed)
	return append(claimed, last...), next, err
}

// unorderedPoll has no ORDER BY.
type unorderedPoll struct{ store.Store }

func (s *unorderedPoll) Poll(ctx context.Context, now time.Time, epoch int64, limit int, admit func(store.Waiting) store.Admission) ([]store.Claimed, time.Time, error) {
	var rows []store.Waiting
	claimed, next, err := s.Store.Poll(ctx, now, epoch, limit, func(w store.Waiting) store.Admission {
		rows = append(rows, w)
		return store.Admission{Lease: true}
	})
	parked := map[string]store.Gate{}
	for _, row := range slices.Backward(rows) {
		if a := admit(row); !a.Lease {
			parked[row.Delivery] = a.Gate
		}
	}
	slices.Reverse(claimed)
	claimed = slices.DeleteFunc(claimed, func(c store.Claimed) bool {
		gate, ok := parked[c.Delivery]
		if ok {
			item := store.Settled{Tenant: c.Tenant, Delivery: c.Delivery, Claim: c.Claim, Status: webhook.DeliveryPending, Due: now, Park: true}
			_, err = s.Settle(ctx, now, store.Settlement{Epoch: epoch, Items: []store.Settled{item}, Gates: []store.Gate{gate}})
		}
		return ok
	})
	return claimed, next, err
}

// oldGates does not look at the revision of gates.
type oldGates struct{ store.Store }

func (s *oldGates) Poll(ctx context.Context, now time.Time, epoch int64, limit int, admit func(store.Waiting) store.Admission) ([]store.Claimed, time.Time, error) {
	return s.Store.Poll(ctx, now, epoch, limit, func(w store.Waiting) store.Admission {
		a := admit(w)
		a.Gate.Revision = 0
		return a
	})
}

// hastyReaper does not ask how long the caller's lease was valid.
type hastyReaper struct{ store.Store }

func (s *hastyReaper) Reap(ctx context.Context, now time.Time, epoch int64, _ time.Duration, limit int) (int, error) {
	return s.Store.Reap(ctx, now, epoch, 0, limit)
}

// blamesAll counts a crash for all that a dead process had leased.
type blamesAll struct{ store.Store }

func (s *blamesAll) Reap(ctx context.Context, now time.Time, epoch int64, ttl time.Duration, limit int) (int, error) {
	for owner := range int64(epochs) {
		held, err := s.Held(ctx, owner, "", store.MaxPage)
		if err != nil {
			return 0, err
		}
		if _, err := s.Start(ctx, owner, held); err != nil {
			return 0, err
		}
	}
	return s.Store.Reap(ctx, now, epoch, ttl, limit)
}
