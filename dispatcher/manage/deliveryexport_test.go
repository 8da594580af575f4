package manage_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

func TestExportDeliveriesHasAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ep := w.endpoint()
		var want []string
		for i := range 1203 { // three pages
			ev, err := webhook.NewEvent(acme, fmt.Sprint("t", i%2), i)
			w.must(err, "NewEvent")
			_, err = w.d.Publish(t.Context(), ev)
			w.must(err, "Publish")
		}
		for after := ""; ; {
			page, err := w.Deliveries(t.Context(), acme, store.DeliveryFilter{}, store.Page{After: after})
			w.must(err, "Deliveries")
			if len(page) == 0 {
				break
			}
			for _, d := range page {
				want = append(want, d.ID)
			}
			after = want[len(want)-1]
		}
		if got := w.exported(acme, manage.DeliveryQuery{}); !slices.Equal(got, want) || len(got) != 1203 {
			t.Errorf("ExportDeliveries = %d deliveries; want the %d of the list in its order", len(got), len(want))
		}
		for name, c := range map[string]struct {
			tenant string
			q      manage.DeliveryQuery
			want   int
		}{
			"of a type":               {acme, manage.DeliveryQuery{DeliveryFilter: store.DeliveryFilter{EventType: "t1"}}, 601},
			"of an endpoint":          {acme, manage.DeliveryQuery{DeliveryFilter: store.DeliveryFilter{Endpoint: ep.ID}}, 1203},
			"that has failed":         {acme, manage.DeliveryQuery{DeliveryFilter: store.DeliveryFilter{Status: webhook.DeliveryFailed}}, 0},
			"of another tenant":       {globex, manage.DeliveryQuery{}, 0},
			"of another's endpoint":   {globex, manage.DeliveryQuery{DeliveryFilter: store.DeliveryFilter{Endpoint: ep.ID}}, 0},
			"that is named by its id": {acme, manage.DeliveryQuery{Text: want[700]}, 1},
		} {
			if got := w.exported(c.tenant, c.q); len(got) != c.want {
				t.Errorf("ExportDeliveries of what is %s = %d; want %d", name, len(got), c.want)
			}
		}
	})
}

func (w *world) exported(tenant string, q manage.DeliveryQuery) (ids []string) {
	w.t.Helper()
	for d, err := range w.ExportDeliveries(w.t.Context(), tenant, q) {
		w.must(err, "ExportDeliveries")
		ids = append(ids, d.ID)
	}
	return ids
}

// breakingStore fails once it has found so many pages.
type breakingStore struct {
	store.Store
	pages int
}

func (s *breakingStore) FindDeliveries(ctx context.Context, tenant string, f store.DeliveryFilter, page store.Page) (store.Found[webhook.Delivery], error) {
	if s.pages--; s.pages < 0 {
		return store.Found[webhook.Delivery]{}, store.ErrUnavailable
	}
	return s.Store.FindDeliveries(ctx, tenant, f, page)
}

func TestExportDeliveriesBreaksOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		st := &breakingStore{Store: w.store, pages: 1}
		d, err := dispatcher.New(st, dispatcher.Config{AllowPlaintextSecrets: true})
		w.must(err, "New")
		w.d, w.Manager = d, manage.New(d)
		w.endpoint()
		for range 600 {
			ev, err := webhook.NewEvent(acme, "a", 1)
			w.must(err, "NewEvent")
			_, err = w.d.Publish(t.Context(), ev)
			w.must(err, "Publish")
		}
		n := 0
		var last error
		for _, err := range w.ExportDeliveries(t.Context(), acme, manage.DeliveryQuery{}) {
			if last = err; err == nil {
				n++
			}
		}
		if n != 500 || !errors.Is(last, store.ErrUnavailable) {
			t.Errorf("ExportDeliveries of a store that fails after a page = %d deliveries, then %v; want 500, then ErrUnavailable", n, last)
		}
		for _, err := range w.ExportDeliveries(t.Context(), acme, manage.DeliveryQuery{DeliveryFilter: store.DeliveryFilter{Status: "lost"}}) {
			wantFields(t, "ExportDeliveries", err, "status invalid_field")
		}
	})
}
