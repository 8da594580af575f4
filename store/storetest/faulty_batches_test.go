package storetest_test

import (
	"context"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// noShares goes by priority alone.
type noShares struct{ store.Store }

func (s *noShares) Take(ctx context.Context, now time.Time, epoch int64, limit int, asking []store.Lane, turn func(store.Lane) store.Turn) ([]store.Claimed, error) {
	return s.Store.Take(ctx, now, epoch, limit, asking, func(l store.Lane) store.Turn {
		t := turn(l)
		t.Max += t.Shares.Sum()
		t.Shares = store.Ranks{}
		return t
	})
}

// bindsSome binds what can be bound of a batch.
type bindsSome struct{ store.Store }

func (s *bindsSome) Bind(ctx context.Context, epoch int64, batches []store.Binding) ([]string, error) {
	var bound []string
	for _, b := range batches {
		for _, m := range b.Members {
			one, err := s.Store.Bind(ctx, epoch, []store.Binding{{ID: b.ID, Tenant: b.Tenant, Members: []store.Held{m}}})
			if err != nil {
				return nil, err
			}
			bound = append(bound, one...)
		}
	}
	return slices.Compact(bound), nil
}

// splitsBatches leases no more rows than a lane has room for.
type splitsBatches struct{ store.Store }

func (s *splitsBatches) Take(ctx context.Context, now time.Time, epoch int64, limit int, asking []store.Lane, turn func(store.Lane) store.Turn) ([]store.Claimed, error) {
	room := map[string]int{}
	claimed, err := s.Store.Take(ctx, now, epoch, limit, asking, func(l store.Lane) store.Turn {
		t := turn(l)
		room[l.Endpoint] = t.Max + t.Shares.Sum()
		return t
	})
	st := store.Settlement{Epoch: epoch}
	claimed = slices.DeleteFunc(claimed, func(c store.Claimed) bool {
		if room[c.Endpoint]--; room[c.Endpoint] >= 0 {
			return false
		}
		st.Items = append(st.Items, store.Settled{Tenant: c.Tenant, Delivery: c.Delivery, Claim: c.Claim, Status: webhook.DeliveryPending, Due: now})
		return true
	})
	if err == nil && len(st.Items) > 0 {
		_, err = s.Settle(ctx, now, st)
	}
	return claimed, err
}

// settlesMembers does not look at what was sent together.
type settlesMembers struct{ store.Store }

func (s *settlesMembers) Settle(ctx context.Context, now time.Time, st store.Settlement) (store.SettleResult, error) {
	var sum store.SettleResult
	for i := range st.Items {
		result, err := s.Store.Settle(ctx, now, store.Settlement{Epoch: st.Epoch, Items: st.Items[i : i+1], Gates: st.Gates})
		if err != nil {
			return sum, err
		}
		sum.Lost = append(sum.Lost, result.Lost...)
		sum.Health = append(sum.Health, result.Health...)
	}
	return sum, nil
}
