package dispatcher_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// proven makes endpoints that have answered once, and then answer like h.
func (w *world) proven(n int, h receiver) []webhook.Endpoint {
	w.t.Helper()
	eps := make([]webhook.Endpoint, n)
	for i := range eps {
		eps[i] = w.endpoint(fmt.Sprintf("p%d", i), status(200), fmt.Sprintf("p%d", i))
	}
	for range 3 {
		for i := range eps {
			w.publish(1, fmt.Sprintf("p%d", i))
		}
		wait(time.Second)
	}
	w.net.mu.Lock()
	defer w.net.mu.Unlock()
	for _, ep := range eps {
		w.net.handlers[ep.URL] = h
	}
	return eps
}

// Endpoints that answer, but slowly, must not take what a fast one needs.
func TestSlowNeighboursLeaveTheFastOneAlone(t *testing.T) {
	for _, slowOnes := range []int{4, 60} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil, dispatcher.Config{})
			fast := w.endpoint("fast", after(5*time.Millisecond, 200), "fast")
			defer w.run()()
			w.publish(1, "fast")
			w.proven(slowOnes, after(5*time.Second, 200))
			for i := range slowOnes {
				w.publish(300, fmt.Sprintf("p%d", i))
			}
			wait(3 * time.Second)
			start := time.Now()
			w.publish(1000, "fast")
			for len(w.net.to(fast.URL)) < 1001 && time.Since(start) < time.Hour {
				wait(100 * time.Millisecond)
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("beside %d slow endpoints a fast one needs %v for 1,000 deliveries", slowOnes, took)
			}
		})
	}
}

// Many good endpoints that begin to hang at the same moment leave something for
// one that does not.
func TestManyThatBeginToHangLeaveSomething(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		ok := w.endpoint("ok", after(5*time.Millisecond, 200), "ok")
		defer w.run()()
		w.publish(1, "ok")
		w.proven(64, after(10*time.Millisecond, 200))
		for i := range 64 { // their windows grow
			w.publish(100, fmt.Sprintf("p%d", i))
		}
		wait(5 * time.Second)
		w.net.mu.Lock()
		for url := range w.net.handlers {
			if url != ok.URL {
				w.net.handlers[url] = hang
			}
		}
		w.net.mu.Unlock()
		for i := range 64 {
			w.publish(100, fmt.Sprintf("p%d", i))
		}
		wait(100 * time.Millisecond)
		w.publish(20, "ok")
		wait(2 * time.Second)
		want(t, "arrivals at the good endpoint two seconds into the outage of 64 others", len(w.net.to(ok.URL)), 21)
	})
}

// A tenant with very many endpoints, all of which answer, takes no more than its
// share from a tenant with few.
func TestTenantWithManyEndpointsLeavesTheOthersTheirShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		crowd := func(n int, eventType string) {
			for range n {
				ev := event(eventType, nil)
				ev.Tenant = "crowd"
				if _, err := w.Publish(t.Context(), ev); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i := range 600 {
			ep := webhook.Endpoint{Tenant: "crowd", URL: fmt.Sprintf("https://c%d.example/", i)}
			w.create(ep, after(800*time.Millisecond, 200))
		}
		var few []webhook.Endpoint
		for i := range 10 {
			few = append(few, w.endpoint(fmt.Sprintf("f%d", i), after(5*time.Millisecond, 200)))
		}
		defer w.run()()
		w.publish(1, "first")
		crowd(1, "first")
		wait(5 * time.Second)
		crowd(8, "flood") // 4,800 deliveries, 7.5 s of work
		start := time.Now()
		w.publish(100, "few")
		done := func() (n int) {
			for _, ep := range few {
				n += len(w.net.to(ep.URL))
			}
			return n
		}
		for done() < 1010 && time.Since(start) < time.Hour {
			wait(50 * time.Millisecond)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("beside a tenant with 600 endpoints 1,000 deliveries to 10 endpoints took %v, want 2s at most", took)
		}
	})
}

// What a process died with must hold up neither other endpoints nor fresh
// events.
func TestCrashedDeliveriesHoldUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		cut := &faultyStore{Store: st}
		dying := newWorld(t, cut, dispatcher.Config{Lease: 3 * time.Second, DrainTimeout: time.Second})
		ok := dying.endpoint("ok", after(10*time.Millisecond, 200), "ok")
		stop := dying.run()
		dying.publish(1, "ok")
		hanging := dying.proven(4, hang)
		for i := range hanging {
			dying.publish(50, fmt.Sprintf("p%d", i))
		}
		cutAt := len(dying.net.to(ok.URL))
		cut.down.Store(true)
		stop()

		next := newWorld(t, st, dispatcher.Config{Lease: 3 * time.Second, Transport: dying.net})
		defer next.run()()
		wait(5 * time.Second) // the dead process's lease ends
		next.publish(20, "ok")
		wait(time.Second)
		want(t, "fresh deliveries a second after their publish", len(dying.net.to(ok.URL))-cutAt, 20)
	})
}

// Endpoints whose secret cannot be opened must not hold what others need.
func TestUnloadableEndpointsHoldUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		w := newWorld(t, st, dispatcher.Config{})
		ok := w.endpoint("ok", status(200), "ok")
		for i := range 600 {
			ep := w.endpoint(fmt.Sprintf("e%d", i), status(200), "bad")
			rec, err := st.Endpoint(t.Context(), "acme", ep.ID)
			if err != nil {
				t.Fatal(err)
			}
			rec.Sealed = []byte("sealed by a key that is gone")
			if _, err := st.UpdateEndpoint(t.Context(), time.Now(), rec); err != nil {
				t.Fatal(err)
			}
		}
		defer w.run()()
		w.publish(20, "bad")
		wait(time.Minute)
		w.publish(1, "ok")
		wait(2 * time.Second)
		want(t, "arrivals at the endpoint that can be loaded", len(w.net.to(ok.URL)), 1)
	})
}
