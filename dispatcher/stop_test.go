package dispatcher_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

func TestDrainFinishesWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		ep := w.endpoint("slow", after(10*time.Second, 200))
		stop := w.run()
		w.publish(100, "a")
		wait(time.Second)
		start := time.Now()
		stop()
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("drain took %v, want no longer than the 9 s that the attempts under way need", took)
		}
		under := len(w.net.to(ep.URL))
		want(t, "delivered by the drain", w.deliveries(ep.ID)[webhook.DeliveryDelivered], under)

		defer w.run()()
		wait(10 * time.Minute)
		want(t, "delivered in all", w.deliveries(ep.ID)[webhook.DeliveryDelivered], 100)
		want(t, "arrivals: a clean stop doubles nothing", len(w.net.to(ep.URL)), 100)
	})
}

func TestDrainBreaksOffAfterItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{DrainTimeout: 3 * time.Second})
		w.endpoint("slow", after(12*time.Second, 200))
		stop := w.run()
		r := w.publish(1, "a")[0]
		wait(time.Second)
		start := time.Now()
		stop()
		want(t, "drain", time.Since(start), 3*time.Second)
		d := w.only(r)
		want(t, "status", d.Status, webhook.DeliveryPending)
		want(t, "class", w.attempts(d)[0].Class, webhook.ClassCanceled)
		defer w.run()()
		wait(time.Minute)
		want(t, "status after the next start", w.only(r).Status, webhook.DeliveryDelivered)
	})
}

func TestRunTwiceIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		defer w.run()()
		if err := w.Run(t.Context()); !errors.Is(err, dispatcher.ErrRunning) {
			t.Errorf("second Run = %v, want ErrRunning", err)
		}
	})
}

// The store is down for a minute: Publish says so at once, nothing that was
// acknowledged is lost, and nothing is sent twice.
func TestStoreDownForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &faultyStore{Store: memstore.New()}
		w := newWorld(t, st, dispatcher.Config{})
		ep := w.endpoint("ok", after(100*time.Millisecond, 200))
		defer w.run()()
		w.publish(500, "a")
		wait(50 * time.Millisecond)
		st.down.Store(true)
		for range 60 {
			if _, err := w.Publish(t.Context(), event("a", 1)); !errors.Is(err, store.ErrUnavailable) {
				t.Fatalf("Publish while the store is down = %v, want ErrUnavailable", err)
			}
			wait(time.Second)
		}
		st.down.Store(false)
		wait(2 * time.Minute)
		want(t, "delivered", w.deliveries(ep.ID)[webhook.DeliveryDelivered], 500)
		want(t, "arrivals", len(w.net.to(ep.URL)), 500)
		w.publish(1, "a")
		wait(time.Second)
		want(t, "delivered after the outage", w.deliveries(ep.ID)[webhook.DeliveryDelivered], 501)
	})
}

// A process that dies leaves its deliveries to another within lease + 2 s, and
// a process that was only cut off finds its outcomes refused.
func TestTakeoverAfterTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		cut := &faultyStore{Store: st}
		a := newWorld(t, cut, dispatcher.Config{})
		b := newWorld(t, st, dispatcher.Config{})
		b.net = a.net
		ep := a.endpoint("ok", after(500*time.Millisecond, 200))
		b.Dispatcher, b.manage = newWorld(t, st, dispatcher.Config{Transport: a.net}).Dispatcher, nil
		stopA := a.run()
		a.publish(200, "a")
		wait(700 * time.Millisecond)
		cut.down.Store(true)
		gone := time.Now()
		defer b.run()()
		for time.Since(gone) < 5*time.Minute && b.deliveries(ep.ID)[webhook.DeliveryDelivered] < 200 {
			wait(time.Second)
		}
		want(t, "delivered after the takeover", b.deliveries(ep.ID)[webhook.DeliveryDelivered], 200)
		// Some time for a process whose lease began later than the other's
		// ended: it may reap only after a lease length of its own.
		if took := time.Since(gone); took > 75*time.Second {
			t.Errorf("takeover and delivery took %v", took)
		}
		twice := len(a.net.to(ep.URL)) - 200
		if twice < 0 || twice > 64 {
			t.Errorf("sent twice = %d, want at most what was under way", twice)
		}
		before := len(a.net.to(ep.URL))
		cut.down.Store(false)
		wait(2 * time.Minute)
		want(t, "arrivals after the cut-off process is back", len(a.net.to(ep.URL))-before, 0)
		for id, n := range arrivalsByID(a.net.to(ep.URL)) {
			if n > 2 {
				t.Errorf("%s arrived %d times", id, n)
			}
		}
		stopA()
	})
}

func arrivalsByID(as []arrival) map[string]int {
	n := map[string]int{}
	for _, a := range as {
		n[a.id]++
	}
	return n
}

// A delivery that kills every process that sends it is found out and ends; one
// that was only near does not.
func TestPoisonDeliveryFailsAfterFiveCrashes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		good := newWorld(t, st, dispatcher.Config{})
		ok := good.endpoint("ok", nil, "good")
		bad := good.endpoint("bad", nil, "bad")
		for _, ty := range []string{"bad", "good", "good", "good"} {
			good.publish(1, ty)
		}
		for crash := range 8 {
			// A process that "dies" the moment it sends to bad: its store is
			// cut off for good, so that nothing it knows is ever written.
			cut := &faultyStore{Store: st}
			dying := newWorld(t, cut, dispatcher.Config{Lease: 2 * time.Second, Transport: transport.TransportFunc(
				func(ctx context.Context, req *transport.Request) (*transport.Response, error) {
					if req.URL == bad.URL {
						cut.down.Store(true)
					}
					if cut.down.Load() {
						<-ctx.Done()
						return nil, &transport.Error{Class: webhook.ClassCanceled, Err: ctx.Err()}
					}
					return &transport.Response{StatusCode: 200}, nil
				})})
			stop := dying.run()
			wait(10 * time.Second)
			if !cut.down.Load() && crash < 5 {
				t.Fatalf("crash %d: the bad delivery was not sent", crash+1)
			}
			stop()
		}
		want(t, "good delivered", good.deliveries(ok.ID)[webhook.DeliveryDelivered], 3)
		want(t, "bad failed", good.deliveries(bad.ID)[webhook.DeliveryFailed], 1)
		ds, _ := st.ListDeliveries(t.Context(), "acme", store.DeliveryFilter{Endpoint: bad.ID}, store.Page{})
		want(t, "reason", ds[0].Reason, webhook.ReasonCrashed)
	})
}
