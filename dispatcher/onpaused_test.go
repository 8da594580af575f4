package dispatcher_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// While an endpoint is paused it holds what is published, or skips it: then that
// is recorded, is not in the receipt and is never sent, unless somebody asks for it.
func TestOnPaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		w := newWorld(t, st, dispatcher.Config{})
		holds := w.create(webhook.Endpoint{Tenant: "acme", URL: "https://holds.example/"}, status(200))
		skips := w.create(webhook.Endpoint{Tenant: "acme", URL: "https://skips.example/", OnPaused: webhook.OnPausedSkip}, status(200))
		defer w.run()()
		elsewhere := newWorld(t, st, dispatcher.Config{}) // has its own memory of the endpoints
		deliveries := func(p *world) int {
			t.Helper()
			r, err := p.Publish(t.Context(), event("a.b", 1))
			if err != nil {
				t.Fatal(err)
			}
			return r.Deliveries
		}
		want(t, "deliveries while both are active", deliveries(w)+deliveries(elsewhere), 4)
		wait(2 * time.Second)
		for _, ep := range []webhook.Endpoint{holds, skips} {
			if _, err := w.manage.Pause(t.Context(), "acme", ep.ID); err != nil {
				t.Fatal(err)
			}
		}
		want(t, "deliveries in receipts while both are paused", deliveries(w)+deliveries(elsewhere), 2)
		tx := st.Begin()
		r, err := w.PublishTx(t.Context(), tx, event("a.b", 1))
		if err != nil || r.Deliveries != 1 {
			t.Errorf("PublishTx while both are paused = %+v, %v; want 1 delivery", r, err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		wait(time.Minute)
		for _, ep := range []webhook.Endpoint{holds, skips} {
			want(t, "arrivals while paused", len(w.net.to(ep.URL)), 2)
			if _, err := w.manage.Resume(t.Context(), "acme", ep.ID); err != nil {
				t.Fatal(err)
			}
		}
		want(t, "deliveries in receipts after both were resumed", deliveries(w)+deliveries(elsewhere), 4)
		wait(time.Minute)
		want(t, "arrivals where they were held", len(w.net.to(holds.URL)), 7)
		want(t, "arrivals where they were skipped", len(w.net.to(skips.URL)), 4)

		list, err := w.store.ListDeliveries(t.Context(), "acme", store.DeliveryFilter{Endpoint: skips.ID, Status: webhook.DeliverySkipped}, store.Page{})
		if err != nil || len(list) != 3 {
			t.Fatalf("skipped deliveries = %v, %v; want 3", list, err)
		}
		for _, d := range list {
			want(t, "reason", d.Reason, webhook.ReasonEndpointPaused)
		}
		if err := w.Redeliver(t.Context(), "acme", list[0].ID); err != nil {
			t.Fatal(err)
		}
		wait(time.Minute)
		want(t, "arrivals after one was asked for", len(w.net.to(skips.URL)), 5)
	})
}
