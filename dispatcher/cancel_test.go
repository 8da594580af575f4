package dispatcher_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// canceled checks what became of a delivery that was canceled.
func (w *world) canceled(what string, r webhook.Receipt, attempts int) {
	w.t.Helper()
	if d := w.only(r); d.Status != webhook.DeliveryCanceled || d.Reason != webhook.ReasonCanceledByHand || d.Attempts != attempts {
		w.t.Errorf("%s is %+v; want it canceled after %d attempts", what, d, attempts)
	}
}

func (w *world) cancelOne(r webhook.Receipt, want webhook.CancelOutcome) {
	w.t.Helper()
	if got, err := w.manage.Cancel(w.t.Context(), "acme", w.only(r).ID); err != nil || got != want {
		w.t.Errorf("Cancel = %q, %v; want %q", got, err, want)
	}
}

func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		ep := w.create(webhook.Endpoint{Tenant: "acme", URL: "https://slow.example/", MaxInFlight: 1}, after(5*time.Second, 500))
		defer w.run()()

		ev := event("a.b", 1)
		ev.DeliverAt = time.Now().Add(time.Hour)
		delayed, err := w.Publish(t.Context(), ev)
		if err != nil {
			t.Fatal(err)
		}
		w.cancelOne(delayed, webhook.CancelDone)
		w.canceled("a delayed delivery", delayed, 0)

		rs := w.publish(3, "a.b") // one is under way, the others are in memory
		wait(time.Second)
		w.cancelOne(rs[0], webhook.CancelRequested)
		w.cancelOne(rs[1], webhook.CancelRequested)
		wait(20 * time.Second)
		w.canceled("a delivery whose attempt was under way and failed", rs[0], 1)
		w.canceled("a delivery that waited in memory", rs[1], 0)
		want(t, "status of what nobody canceled", w.only(rs[2]).Status, webhook.DeliveryPending)
		w.cancelOne(rs[1], webhook.CancelEnded)
		arrived := map[string]int{}
		for _, a := range w.net.to(ep.URL) {
			arrived[a.id]++
		}
		want(t, "requests for what was under way", arrived[rs[0].EventID], 1)
		want(t, "requests for what waited in memory", arrived[rs[1].EventID], 0)

		if err := w.Redeliver(t.Context(), "acme", w.only(rs[1]).ID); err != nil {
			t.Fatal(err)
		}
		wait(20 * time.Second)
		want(t, "attempts after it was asked for again", w.only(rs[1]).Attempts > 0, true)
	})
}

// The attempt that is under way may deliver what is canceled.
func TestCancelTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		w.endpoint("slow", after(5*time.Second, 200))
		defer w.run()()
		r := w.publish(1, "a.b")[0]
		wait(time.Second)
		w.cancelOne(r, webhook.CancelRequested)
		wait(10 * time.Second)
		want(t, "status of a delivery that was delivered all the same", w.only(r).Status, webhook.DeliveryDelivered)
		w.cancelOne(r, webhook.CancelEnded)
	})
}

// What another process has in memory is not sent once it has heard of it.
func TestCancelElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		w := newWorld(t, st, dispatcher.Config{})
		ep := w.create(webhook.Endpoint{Tenant: "acme", URL: "https://slow.example/", MaxInFlight: 1, Timeout: 40 * time.Second}, after(30*time.Second, 200))
		defer w.run()()
		rs := w.publish(2, "a.b")
		wait(time.Second)
		elsewhere := newWorld(t, st, dispatcher.Config{})
		elsewhere.cancelOne(rs[1], webhook.CancelRequested)
		wait(time.Minute)
		w.canceled("a delivery in another process's memory", rs[1], 0)
		want(t, "requests", len(w.net.to(ep.URL)), 1)
	})
}

// A process that dies with a canceled delivery in hand leaves it to be ended by
// another, whatever its endpoint looks like.
func TestCancelOutlivesAProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &faultyStore{Store: memstore.New()}
		w := newWorld(t, st, dispatcher.Config{})
		ep := w.endpoint("slow", after(20*time.Second, 500))
		stop := w.run()
		r := w.publish(1, "a.b")[0]
		wait(time.Second)
		w.cancelOne(r, webhook.CancelRequested)
		if _, err := w.manage.Pause(t.Context(), "acme", ep.ID); err != nil {
			t.Fatal(err)
		}
		st.down.Store(true)
		stop()
		st.down.Store(false)
		next := newWorld(t, st, dispatcher.Config{})
		defer next.run()()
		wait(2 * time.Minute)
		w.canceled("a delivery whose process died", r, 0)
	})
}

// What a turn brings that was canceled takes no place in its lane: a breaker that is half
// open would wait for it for ever.
func TestCanceledTakesNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &faultyStore{Store: memstore.New()}
		w := newWorld(t, st, dispatcher.Config{})
		ep := w.ordered("hangs", webhook.OrderSkip, hang)
		stop := w.run()
		r := w.keyed("k")
		wait(time.Second)
		w.cancelOne(r, webhook.CancelRequested)
		st.down.Store(true)
		stop()
		st.down.Store(false)
		next := newWorld(t, st, dispatcher.Config{Transport: w.net})
		defer next.run()()
		wait(time.Minute)
		w.canceled("a delivery whose process died", r, 0)
		w.answers(ep, status(500))
		for i := range 5 { // as many failures in a row open the breaker
			next.keyed(string(rune('a' + i)))
		}
		wait(time.Minute)
		w.answers(ep, status(200))
		later := next.keyed("later")
		wait(10 * time.Minute)
		want(t, "status of what was published before the endpoint came back", next.only(later).Status, webhook.DeliveryDelivered)
	})
}

func TestCancelEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		w.endpoint("ok", status(200))
		w.endpoint("failing", status(500))
		w.endpoint("slow", after(5*time.Second, 500))
		defer w.run()()
		r := w.publish(1, "a.b")[0]
		wait(time.Second)
		answers, err := w.manage.CancelEvent(t.Context(), "acme", r.EventID)
		if err != nil {
			t.Fatal(err)
		}
		got := map[webhook.CancelOutcome]int{}
		for _, a := range answers {
			got[a.Outcome]++
		}
		if len(answers) != 2 || got[webhook.CancelDone] != 1 || got[webhook.CancelRequested] != 1 {
			t.Errorf("CancelEvent = %+v; want one canceled and one requested: the third was delivered", answers)
		}
		wait(time.Minute)
		ds, err := w.store.ListDeliveries(t.Context(), "acme", store.DeliveryFilter{Event: r.EventID, Status: webhook.DeliveryCanceled}, store.Page{})
		if err != nil || len(ds) != 2 {
			t.Errorf("canceled deliveries of the event = %v, %v; want 2", ds, err)
		}
		if again, err := w.manage.CancelEvent(t.Context(), "acme", r.EventID); err != nil || len(again) != 0 {
			t.Errorf("CancelEvent again = %v, %v; want nothing to cancel", again, err)
		}
		for _, id := range []string{webhook.NewID(webhook.PrefixEvent), "evt_\x00"} {
			if _, err := w.manage.CancelEvent(t.Context(), "acme", id); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("CancelEvent(%q) = %v; want ErrNotFound", id, err)
			}
		}
		for _, id := range []string{webhook.NewID(webhook.PrefixDelivery), "", "\xff"} {
			if _, err := w.manage.Cancel(t.Context(), "acme", id); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("Cancel(%q) = %v; want ErrNotFound", id, err)
			}
		}
	})
}
