package dispatcher_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// failing answers 500 while the event is in bad.
func failing(bad map[string]bool, mu *sync.Mutex) receiver {
	return func(_ context.Context, _ int, req *transport.Request) (*transport.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		if bad[req.Header.Get("Webhook-Id")] {
			return &transport.Response{StatusCode: 500}, nil
		}
		return &transport.Response{StatusCode: 200}, nil
	}
}

// headFails publishes three events of key k to an endpoint that is stopped, makes
// the first fail for good, and one of another key. It returns their receipts.
func headFails(t *testing.T, f webhook.OnOrderFailure, check func(w *world, ep webhook.Endpoint, bad func(webhook.Receipt, bool), k []webhook.Receipt)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		var mu sync.Mutex
		refused := map[string]bool{}
		ep := w.ordered("head", f, failing(refused, &mu))
		bad := func(r webhook.Receipt, is bool) {
			mu.Lock()
			defer mu.Unlock()
			refused[r.EventID] = is
		}
		k := []webhook.Receipt{w.keyed("k"), w.keyed("k"), w.keyed("k")}
		bad(k[0], true)
		stop := w.run()
		wait(10 * time.Second)
		check(w, ep, bad, k)
		stop()
	})
}

func TestOrderBlocks(t *testing.T) {
	headFails(t, webhook.OrderBlock, func(w *world, ep webhook.Endpoint, bad func(webhook.Receipt, bool), k []webhook.Receipt) {
		wantArrivals(t, "the first fails twice, and the others wait", w.net.eventIDs(ep.URL), k[0], k[0])
		other := w.keyed("other")
		wait(time.Second)
		wantArrivals(t, "another key goes on", w.net.eventIDs(ep.URL), k[0], k[0], other)
		later := w.keyed("k")
		wait(time.Minute)
		want(t, "pending", w.deliveries(ep.ID)[webhook.DeliveryPending], 3)
		bad(k[0], false)
		if err := w.Redeliver(t.Context(), "acme", w.only(k[0]).ID); err != nil {
			t.Fatal(err)
		}
		wait(2 * time.Second)
		wantArrivals(t, "redelivered, the first keeps its place", w.net.eventIDs(ep.URL), k[0], k[0], other, k[0], k[1], k[2], later)
		want(t, "delivered", w.deliveries(ep.ID)[webhook.DeliveryDelivered], 5)
	})
}

func TestOrderGoesOnWhenTheBlockIsCanceled(t *testing.T) {
	headFails(t, webhook.OrderBlock, func(w *world, ep webhook.Endpoint, _ func(webhook.Receipt, bool), k []webhook.Receipt) {
		answers, err := w.store.Cancel(t.Context(), time.Now(), "acme", []string{w.only(k[0]).ID})
		if err != nil || len(answers) != 1 || answers[0].Outcome != webhook.CancelUnblocked {
			t.Fatalf("Cancel = %+v, %v; want unblocked", answers, err)
		}
		wait(2 * time.Second)
		wantArrivals(t, "the failed one stays failed, the others go on", w.net.eventIDs(ep.URL), k[0], k[0], k[1], k[2])
		want(t, "failed", w.deliveries(ep.ID)[webhook.DeliveryFailed], 1)
	})
}

func TestOrderSkips(t *testing.T) {
	headFails(t, webhook.OrderSkip, func(w *world, ep webhook.Endpoint, _ func(webhook.Receipt, bool), k []webhook.Receipt) {
		wantArrivals(t, "the first fails twice, then the others go", w.net.eventIDs(ep.URL), k[0], k[0], k[1], k[2])
		want(t, "failed", w.deliveries(ep.ID)[webhook.DeliveryFailed], 1)
	})
}

func TestOrderPauses(t *testing.T) {
	headFails(t, webhook.OrderPause, func(w *world, ep webhook.Endpoint, _ func(webhook.Receipt, bool), k []webhook.Receipt) {
		wantArrivals(t, "the first fails twice, and nothing else is sent", w.net.eventIDs(ep.URL), k[0], k[0])
		got, err := w.store.Endpoint(t.Context(), "acme", ep.ID)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "status", got.Status, webhook.EndpointPaused)
		want(t, "pause cause", got.PauseCause, webhook.PausedByOrder)
		want(t, "failed", w.deliveries(ep.ID)[webhook.DeliveryFailed], 1)
		w.keyed("other")
		wait(time.Minute)
		want(t, "requests while it is paused", len(w.net.to(ep.URL)), 2)
		if _, err := w.UpdateEndpoint(t.Context(), "acme", ep.ID, func(r *store.EndpointRecord) error {
			r.Status, r.PauseCause, r.StatusReason = webhook.EndpointActive, "", ""
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		wait(2 * time.Second)
		want(t, "delivered after it was resumed", w.deliveries(ep.ID)[webhook.DeliveryDelivered], 3)
		if got := w.net.eventIDs(ep.URL); len(got) != 5 || slices.Index(got, k[1].EventID) > slices.Index(got, k[2].EventID) {
			t.Errorf("arrived %v; want the second before the third", got)
		}
	})
}

// TestOrderPausesBeforeTheFailureIsWritten lets the process die between the two.
func TestOrderPausesBeforeTheFailureIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		w := newWorld(t, db, dispatcher.Config{Lease: 6 * time.Second})
		ep := w.ordered("head", webhook.OrderPause, status(500))
		w.keyed("k")
		w.keyed("k")
		db.setFault(func(call string, after bool) error {
			if got, err := db.memory.Endpoint(t.Context(), "acme", ep.ID); err == nil && got.Status == webhook.EndpointPaused {
				db.down.Store(true) // dead
				return fmt.Errorf("%s: %w", call, store.ErrUnavailable)
			}
			return nil
		})
		ctx, kill := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.Run(ctx) }()
		wait(10 * time.Second)
		kill()
		if err := <-done; err != nil {
			t.Errorf("Run of a process that dies = %v", err)
		}
		db.setFault(nil)
		db.down.Store(false)
		if got := w.deliveries(ep.ID); got[webhook.DeliveryFailed] != 0 || len(w.net.to(ep.URL)) != 2 {
			t.Fatalf("deliveries = %v after %d requests; the process was to die before it wrote the second failure", got, len(w.net.to(ep.URL)))
		}
		next := newWorld(t, db, dispatcher.Config{Lease: 6 * time.Second})
		next.net = w.net
		stop := next.run()
		wait(time.Minute)
		want(t, "requests after the process died", len(w.net.to(ep.URL)), 2)
		stop()
	})
}
