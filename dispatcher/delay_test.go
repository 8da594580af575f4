package dispatcher_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// An event with a time to be delivered at goes out then, by whichever process,
// and not a moment earlier.
func TestDeliverAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		w := newWorld(t, st, dispatcher.Config{})
		ep := w.endpoint("ok", status(200))
		defer w.run()()
		elsewhere := newWorld(t, st, dispatcher.Config{}) // publishes and delivers nothing
		began := time.Now()
		due := map[string]time.Time{}
		for i, after := range []time.Duration{
			-time.Hour, time.Nanosecond, 700 * time.Millisecond, 10*time.Second + 1, time.Minute, 3 * time.Hour,
		} {
			for _, p := range []*world{w, elsewhere} {
				ev := event("a.b", i)
				ev.DeliverAt = began.Add(after)
				r, err := p.Publish(t.Context(), ev)
				if err != nil {
					t.Fatalf("Publish for %v from now = %v", after, err)
				}
				due[r.EventID] = ev.DeliverAt
				if d := p.only(r); after > time.Second && d.NextAttemptAt.Before(ev.DeliverAt) {
					t.Errorf("for %v from now the delivery is due at %v, want %v or a little later", after, d.NextAttemptAt, ev.DeliverAt)
				}
			}
		}
		wait(3*time.Hour + time.Second)
		got := w.net.to(ep.URL)
		want(t, "arrivals", len(got), len(due))
		for _, a := range got {
			at := due[a.id]
			if at.Before(began) {
				at = began
			}
			if late := a.at.Sub(at); late < 0 || late > time.Second {
				t.Errorf("an event for %v from now arrived %v after its time, want 0 to 1 s", at.Sub(began), late)
			}
		}
	})
}

func TestDeliverAtIsBoundedByRetention(t *testing.T) {
	w := newWorld(t, nil, dispatcher.Config{Retention: dispatcher.Retention{Payloads: 10 * 24 * time.Hour}})
	for after, allowed := range map[time.Duration]bool{
		5*24*time.Hour - time.Minute: true, 5*24*time.Hour + time.Minute: false, 1e6 * time.Hour: false, -1e6 * time.Hour: true,
	} {
		ev := event("a.b", 1)
		ev.DeliverAt = time.Now().Add(after)
		_, err := w.Publish(t.Context(), ev)
		inv, refused := errors.AsType[*webhook.InvalidError](err)
		if refused == allowed || refused && inv.Fields[0].Field != "deliver_at" {
			t.Errorf("Publish for %v from now = %v; want it allowed: %v, else an error about deliver_at", after, err, allowed)
		}
	}
}

// A delayed event in the host's transaction is due at its time as well.
func TestDeliverAtInATransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		w := newWorld(t, st, dispatcher.Config{})
		ep := w.endpoint("ok", status(200))
		defer w.run()()
		tx := st.Begin()
		ev := event("a.b", 1)
		ev.DeliverAt = time.Now().Add(90 * time.Second)
		if _, err := w.PublishTx(t.Context(), tx, ev); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		wait(90*time.Second - 1)
		want(t, "arrivals before the time", len(w.net.to(ep.URL)), 0)
		wait(time.Second)
		want(t, "arrivals a second after it", len(w.net.to(ep.URL)), 1)
	})
}
