package storetest_test

import (
	"context"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// looksAtAll looks at as many rows as it takes to fill a page.
type looksAtAll struct{ store.Store }

func (s *looksAtAll) FindEvents(ctx context.Context, tenant string, f store.EventFilter, page store.Page) (store.Found[webhook.Event], error) {
	page.Examined = 0
	return s.Store.FindEvents(ctx, tenant, f, page)
}

func (s *looksAtAll) FindDeliveries(ctx context.Context, tenant string, f store.DeliveryFilter, page store.Page) (store.Found[webhook.Delivery], error) {
	page.Examined = 0
	return s.Store.FindDeliveries(ctx, tenant, f, page)
}

// endsShort takes a page that is not full for the last one.
type endsShort struct{ store.Store }

func (s *endsShort) FindEvents(ctx context.Context, tenant string, f store.EventFilter, page store.Page) (store.Found[webhook.Event], error) {
	found, err := s.Store.FindEvents(ctx, tenant, f, page)
	if len(found.Items) < page.Size() {
		found.Next = ""
	}
	return found, err
}

func (s *endsShort) FindDeliveries(ctx context.Context, tenant string, f store.DeliveryFilter, page store.Page) (store.Found[webhook.Delivery], error) {
	found, err := s.Store.FindDeliveries(ctx, tenant, f, page)
	if len(found.Items) < page.Size() {
		found.Next = ""
	}
	return found, err
}

// countsEnded counts what has ended alone.
type countsEnded struct{ store.Store }

func (s *countsEnded) Outcomes(ctx context.Context, tenant string, events []string) (map[string]webhook.Outcomes, error) {
	counts, err := s.Store.Outcomes(ctx, tenant, events)
	for id, o := range counts {
		o.Pending = 0
		counts[id] = o
	}
	return counts, err
}

// countsLast forgets what was counted of filters before.
type countsLast struct{ store.Store }

func (s *countsLast) CountFilters(ctx context.Context, now time.Time, tenant string, counts []store.FilterCount) error {
	for i, c := range counts {
		stats, err := s.Stats(ctx, tenant, store.StatScope{Endpoint: c.Endpoint}, now.Truncate(time.Hour), now.Add(time.Hour))
		if err != nil {
			return err
		}
		for _, st := range stats {
			counts[i].Passed -= st.Counts.Passed
			counts[i].KeptBack -= st.Counts.KeptBack
		}
	}
	return s.Store.CountFilters(ctx, now, tenant, counts)
}
