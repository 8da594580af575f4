package dispatcher_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

func batched(url string, most int, wait time.Duration) webhook.Endpoint {
	return webhook.Endpoint{Tenant: "acme", URL: url, Batch: webhook.Batch{MaxEvents: most, MaxWait: wait}}
}

func TestEventsGoTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		d := newDrawer(t, always(200))
		w.create(batched("https://b.example/", 10, time.Minute), d.receive)
		defer w.run()()
		receipts := w.publish(20, "a.b")
		synctest.Wait()
		d.once(20)
		if !slices.Equal(d.sizes, []int{10, 10}) {
			t.Errorf("20 events in batches of 10 went as %v", d.sizes)
		}
		var ids []string
		for _, r := range receipts {
			dl := w.only(r)
			as := w.attempts(dl)
			if dl.Status != webhook.DeliveryDelivered || len(as) != 1 || as[0].BatchID != dl.BatchID || as[0].N != 1 || d.bodies[dl.BatchID] == "" {
				t.Fatalf("%s is %s in batch %q with attempts %+v; want one of its own, with the id of a batch that arrived", dl.ID, dl.Status, dl.BatchID, as)
			}
			if len(as[0].ResponseBody) > 1024 || !as[0].Truncated {
				t.Errorf("an attempt of a batch keeps %d bytes of the answer, truncated %v; want at most 1 KiB", len(as[0].ResponseBody), as[0].Truncated)
			}
			if !slices.Contains(ids, as[0].ID) {
				ids = append(ids, as[0].ID)
			}
		}
		want(t, "attempts with ids of their own", len(ids), 20)
	})
}

func TestBatchWaitsNoLongerThanItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		d := newDrawer(t, always(200))
		w.create(batched("https://b.example/", 10, 5*time.Second), d.receive)
		defer w.run()()
		began := time.Now()
		w.publish(1, "a.b")
		wait(3 * time.Second)
		w.publish(2, "a.b")
		sizes, _ := d.requests()
		want(t, "requests before the wait is over", len(sizes), 0)
		wait(3 * time.Second)
		sizes, times := d.requests()
		if !slices.Equal(sizes, []int{3}) || times[0].Sub(began) != 5*time.Second {
			t.Errorf("3 events went as %v at %v; want together after the 5 s that the first may wait", sizes, times)
		}
		want(t, "what is pending", w.deliveries("")[webhook.DeliveryPending], 0)
	})
}

func TestLargeEventsCloseABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, handOver := range []bool{true, false} {
			w := newWorld(t, memstore.New(), dispatcher.Config{})
			d := newDrawer(t, always(200))
			w.create(batched("https://b.example/", 100, time.Second), d.receive)
			publish := func() {
				for range 10 {
					if _, err := w.Publish(t.Context(), event("a.b", strings.Repeat("x", 240<<10))); err != nil {
						t.Fatal(err)
					}
				}
			}
			if !handOver {
				publish()
			}
			stop := w.run()
			if handOver {
				publish()
			}
			wait(time.Minute)
			d.once(10)
			for id, body := range d.bodies {
				if len(body) > 1<<20+100 {
					t.Errorf("%s has %d bytes, want at most 1 MiB", id, len(body))
				}
			}
			if len(d.sizes) > 4 {
				t.Errorf("10 events of 240 KiB went as %v, want 4 to a request", d.sizes)
			}
			stop()
		}
	})
}

// TestBatchIsRepeatedAsItWas lets the first requests fail, while more is published
// and the process is replaced.
func TestBatchIsRepeatedAsItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		w := newWorld(t, st, dispatcher.Config{})
		d := newDrawer(t, func(n int) int {
			if n <= 3 {
				return 503
			}
			return 200
		})
		ep := batched("https://b.example/", 5, time.Second)
		ep.Retry = webhook.RetryPolicy{Initial: 10 * time.Second, MaxAttempts: 5}
		ep = w.create(ep, d.receive)
		stop := w.run()
		first := w.publish(5, "a.b")
		wait(time.Second)
		batch := w.only(first[0]).BatchID
		if batch == "" || w.only(first[4]).BatchID != batch {
			t.Fatalf("the first five are in batches %q and %q, want in one", batch, w.only(first[4]).BatchID)
		}
		stop()
		w2 := newWorld(t, st, dispatcher.Config{Transport: w.net})
		defer w2.run()()
		w2.publish(7, "a.b")
		wait(10 * time.Minute)
		d.once(12)
		for _, r := range first {
			dl := w.only(r)
			as := w.attempts(dl)
			if dl.BatchID != batch || dl.Attempts < 2 {
				t.Errorf("%s ended in batch %q after %d attempts, want %q and some", dl.ID, dl.BatchID, dl.Attempts, batch)
			}
			for i, a := range as {
				if a.BatchID != batch || a.N != i+1 {
					t.Errorf("attempt %d of %s is number %d of batch %q", i+1, dl.ID, a.N, a.BatchID)
				}
			}
		}
		want(t, "delivered", w.deliveries(ep.ID)[webhook.DeliveryDelivered], 12)
	})
}

// TestBatchIsOneAttemptOfTheEndpoint fails batches until the breaker opens and the
// endpoint is paused: both count requests, not events.
func TestBatchIsOneAttemptOfTheEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		d := newDrawer(t, always(500))
		ep := batched("https://b.example/", 50, 10*time.Millisecond)
		ep.AutoPauseAfter = 8
		ep.Retry = webhook.RetryPolicy{Initial: time.Second, MaxInterval: time.Second, MaxAttempts: 50}
		ep = w.create(ep, d.receive)
		defer w.run()()
		w.publish(50, "a.b")
		wait(2 * time.Second)
		got, err := w.manage.Endpoint(t.Context(), "acme", ep.ID)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(d.sizes); n == 0 || n > 5 || got.Status == webhook.EndpointPaused || w.failures(ep.ID) != n {
			t.Errorf("after %d failed batches of 50 the endpoint is %s with %d failures; want active, a failure each", n, got.Status, w.failures(ep.ID))
		}
		wait(time.Hour)
		if got, err = w.manage.Endpoint(t.Context(), "acme", ep.ID); err != nil {
			t.Fatal(err)
		}
		want(t, "requests until the endpoint is paused", len(d.sizes), 8)
		want(t, "status", got.Status, webhook.EndpointPaused)
		want(t, "batches", len(d.bodies), 1)
	})
}

func TestGoneCountsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		d := newDrawer(t, always(410))
		ep := w.create(batched("https://b.example/", 10, time.Second), d.receive)
		defer w.run()()
		w.publish(10, "a.b")
		wait(time.Minute)
		got, err := w.manage.Endpoint(t.Context(), "acme", ep.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got.Status != webhook.EndpointPaused || got.PauseCause != webhook.PausedByGone || w.failures(ep.ID) != 1 {
			t.Errorf("after a batch was answered 410 the endpoint is %s (%s) with %d failures, want paused by that with 1", got.Status, got.PauseCause, w.failures(ep.ID))
		}
		want(t, "requests", len(d.sizes), 1)
	})
}

func TestRedeliveredLeavesItsBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		d := newDrawer(t, always(200))
		w.create(batched("https://b.example/", 5, time.Second), d.receive)
		defer w.run()()
		receipts := w.publish(5, "a.b")
		wait(time.Second)
		before := w.only(receipts[2])
		if err := w.Redeliver(t.Context(), "acme", before.ID); err != nil {
			t.Fatal(err)
		}
		wait(time.Minute)
		after := w.only(receipts[2])
		if after.BatchID == before.BatchID || after.BatchID == "" || !slices.Equal(d.sizes, []int{5, 1}) {
			t.Errorf("a redelivered event went from batch %s to %s, requests %v; want a batch of its own", before.BatchID, after.BatchID, d.sizes)
		}
		want(t, "its attempts", after.Attempts, 2)
	})
}

// failures returns how many attempts at an endpoint failed in a row.
func (w *world) failures(endpoint string) int {
	w.t.Helper()
	eps, err := w.store.EngineEndpoints(w.t.Context(), []store.Lane{{Tenant: "acme", Endpoint: endpoint}})
	if err != nil || len(eps) != 1 {
		w.t.Fatalf("EngineEndpoints = %v, %v", eps, err)
	}
	return eps[0].Health.Failures
}

// TestCanceledIsNotSentInABatch cancels one that is collected, and one whose batch
// may have arrived.
func TestCanceledIsNotSentInABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		d := newDrawer(t, func(n int) int { return []int{503, 200}[min(n-1, 1)] })
		ep := batched("https://b.example/", 5, 10*time.Second)
		ep.Retry = webhook.RetryPolicy{Initial: time.Minute, MaxAttempts: 5}
		w.create(ep, d.receive)
		defer w.run()()
		receipts := w.publish(3, "a.b")
		if _, err := w.Cancel(t.Context(), "acme", w.only(receipts[0]).ID); err != nil {
			t.Fatal(err)
		}
		wait(20 * time.Second)
		if outcome, err := w.Cancel(t.Context(), "acme", w.only(receipts[1]).ID); err != nil || outcome != webhook.CancelBound {
			t.Errorf("canceling a member of a batch that was sent = %v, %v; want that it is bound", outcome, err)
		}
		wait(10 * time.Minute)
		d.once(2)
		want(t, "the canceled one", w.only(receipts[0]).Status, webhook.DeliveryCanceled)
		if !slices.Equal(d.sizes, []int{2, 2}) {
			t.Errorf("requests had %v events, want the two others, twice", d.sizes)
		}
	})
}

// TestBatchesKeepTheLimit counts events, not requests, against the endpoint's rate.
func TestBatchesKeepTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		d := newDrawer(t, always(200))
		ep := batched("https://b.example/", 10, 100*time.Millisecond)
		ep.RateLimit = webhook.RateLimit{PerSecond: 20}
		w.create(ep, d.receive)
		defer w.run()()
		began := time.Now()
		w.publish(200, "a.b")
		wait(30 * time.Second)
		d.once(200)
		perSecond := map[int]int{}
		for i, at := range d.times {
			perSecond[int(at.Sub(began)/time.Second)] += d.sizes[i]
		}
		for s, n := range perSecond {
			if n > 30 { // 20 and what one batch may be early
				t.Errorf("in second %d %d events went, want at most 20 and a batch", s, n)
			}
		}
		if took := d.times[len(d.times)-1].Sub(began); took < 9*time.Second || took > 13*time.Second {
			t.Errorf("200 events at 20 a second took %v, want about 10 s", took)
		}
		if len(d.sizes) > 30 {
			t.Errorf("200 events went in %d requests, want mostly batches of 10: %v", len(d.sizes), d.sizes)
		}
	})
}

// TestBatchSurvivesACrash lets the process die while batches are on their way.
func TestBatchSurvivesACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &faultyStore{Store: memstore.New()}
		w := newWorld(t, st, dispatcher.Config{Lease: 6 * time.Second})
		d := newDrawer(t, always(200))
		hung := make(chan struct{})
		w.create(batched("https://b.example/", 10, 10*time.Millisecond), func(ctx context.Context, n int, req *transport.Request) (*transport.Response, error) {
			select {
			case <-hung:
			default:
				if n > 2 {
					<-hung
					return nil, &transport.Error{Class: webhook.ClassConnect, Err: ctx.Err()}
				}
			}
			return d.receive(ctx, n, req)
		})
		ctx, kill := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- w.Run(ctx) }()
		synctest.Wait()
		w.publish(100, "a.b")
		wait(time.Second)
		st.down.Store(true)
		close(hung)
		kill()
		if err := <-done; err != nil {
			t.Errorf("Run of a process that dies = %v", err)
		}
		bound := map[string][]string{}
		ds, err := st.Store.ListDeliveries(t.Context(), "acme", store.DeliveryFilter{Status: webhook.DeliveryPending}, store.Page{Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for _, dl := range ds {
			if dl.BatchID != "" {
				bound[dl.BatchID] = append(bound[dl.BatchID], dl.ID)
			}
		}
		if len(bound) == 0 {
			t.Fatal("no batch was on its way when the process died")
		}
		w2 := newWorld(t, st.Store, dispatcher.Config{Transport: w.net, Lease: 6 * time.Second})
		defer w2.run()()
		wait(5 * time.Minute)
		for batch, members := range bound {
			want(t, fmt.Sprint("members of ", batch), len(members), 10)
			for _, id := range members {
				dl, err := st.Store.Delivery(t.Context(), "acme", id)
				if err != nil || dl.BatchID != batch || dl.Status != webhook.DeliveryDelivered {
					t.Errorf("%s ended %s in batch %q (%v), want delivered in %q", id, dl.Status, dl.BatchID, err, batch)
				}
			}
		}
		want(t, "pending in the end", w2.deliveries("")[webhook.DeliveryPending], 0)
		want(t, "events that arrived", len(d.events), 100)
	})
}
