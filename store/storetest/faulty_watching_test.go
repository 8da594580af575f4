package storetest_test

import (
	"context"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// tailsOnce shows what is new, and never again.
type tailsOnce struct{ store.Store }

func (s *tailsOnce) TailDeliveries(ctx context.Context, now, since time.Time, asks []store.TailAsk) (store.Tailed, error) {
	fresh := make([]store.TailAsk, len(asks))
	for i, ask := range asks {
		fresh[i] = store.TailAsk{Tenant: ask.Tenant, Endpoint: ask.Endpoint}
	}
	return s.Store.TailDeliveries(ctx, now, since, fresh)
}

// tailsForAll shows acme's to all.
type tailsForAll struct{ store.Store }

func (s *tailsForAll) TailDeliveries(ctx context.Context, now, since time.Time, asks []store.TailAsk) (store.Tailed, error) {
	got, err := s.Store.TailDeliveries(ctx, now, since, asks)
	for i := range asks {
		theirs := asks[i]
		theirs.Tenant = "acme"
		more, _ := s.Store.TailDeliveries(ctx, now, since, []store.TailAsk{theirs})
		for _, d := range more.Deliveries[0] {
			got.Add(i, d)
		}
	}
	return got, err
}

// lateWhenShut takes what an endpoint holds up for late.
type lateWhenShut struct{ store.Store }

func (s *lateWhenShut) Lag(ctx context.Context, now time.Time) (time.Duration, error) {
	pending, err := s.ListDeliveries(ctx, "acme", store.DeliveryFilter{Status: webhook.DeliveryPending}, store.Page{Limit: 1, Oldest: true})
	if err != nil || len(pending) == 0 {
		return 0, err
	}
	return now.Sub(pending[0].CreatedAt), nil
}
