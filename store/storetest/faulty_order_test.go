package storetest_test

import (
	"context"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// forgetsOrder does not keep the order of what is published.
type forgetsOrder struct{ store.Store }

func (s *forgetsOrder) Publish(ctx context.Context, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	for i := range pubs {
		for j := range pubs[i].Deliveries {
			pubs[i].Deliveries[j].Ordered = false
		}
	}
	return s.Store.Publish(ctx, now, pubs)
}

// byDue leases ordered rows as it finds them, if they are due.
type byDue struct{ store.Store }

func (s *byDue) Take(ctx context.Context, now time.Time, epoch int64, limit int, asking []store.Lane, turn func(store.Lane) store.Turn) ([]store.Claimed, error) {
	claimed, err := s.Store.Take(ctx, now, epoch, limit, asking, turn)
	if err != nil {
		return nil, err
	}
	more, _, err := s.Poll(ctx, now, epoch, store.MaxPage, func(w store.Waiting) store.Admission {
		return store.Admission{Lease: w.Ordered, Gate: store.Gate{Tenant: w.Tenant, Endpoint: w.Endpoint, Next: now}}
	})
	return append(claimed, more...), err
}

// beheads gives the first row of what it leased back.
type beheads struct{ store.Store }

func (s *beheads) Take(ctx context.Context, now time.Time, epoch int64, limit int, asking []store.Lane, turn func(store.Lane) store.Turn) ([]store.Claimed, error) {
	claimed, err := s.Store.Take(ctx, now, epoch, limit, asking, turn)
	if err != nil || len(claimed) < 2 || !claimed[0].Ordered {
		return claimed, err
	}
	head := claimed[0]
	_, err = s.Settle(ctx, now, store.Settlement{Epoch: epoch, Items: []store.Settled{{
		Tenant: head.Tenant, Delivery: head.Delivery, Claim: head.Claim, Status: webhook.DeliveryPending, Due: now,
	}}})
	return claimed[1:], err
}

// oneEpoch gives every process the lanes of the first.
type oneEpoch struct{ store.Store }

func (s *oneEpoch) Take(ctx context.Context, now time.Time, _ int64, limit int, asking []store.Lane, turn func(store.Lane) store.Turn) ([]store.Claimed, error) {
	return s.Store.Take(ctx, now, 1, limit, asking, turn)
}

// forgetsBlocks writes failures without what they hold up.
type forgetsBlocks struct{ store.Store }

func (s *forgetsBlocks) Settle(ctx context.Context, now time.Time, st store.Settlement) (store.SettleResult, error) {
	for i := range st.Items {
		st.Items[i].Block = false
	}
	return s.Store.Settle(ctx, now, st)
}

// spins says that something is due whenever any lane is, whoever owns it.
type spins struct{ store.Store }

func (s *spins) Poll(ctx context.Context, now time.Time, epoch int64, limit int, admit func(store.Waiting) store.Admission) ([]store.Claimed, time.Time, error) {
	claimed, next, err := s.Store.Poll(ctx, now, epoch, limit, admit)
	for other := range int64(epochs) {
		if _, due, err := s.Store.Poll(ctx, now, other, 0, admit); err == nil && !due.IsZero() && (next.IsZero() || due.Before(next)) {
			next = due
		}
	}
	return claimed, next, err
}
