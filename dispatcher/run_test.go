package dispatcher_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/webhook"
)

func TestPublishedEventArrivesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		ep := w.endpoint("ok", status(204))
		stop := w.run()
		r := w.publish(1, "invoice.paid")[0]
		synctest.Wait()
		stop()

		got := w.net.to(ep.URL)
		if len(got) != 1 {
			t.Fatalf("arrivals = %d, want 1", len(got))
		}
		want(t, "webhook-id", got[0].id, r.EventID)
		if !strings.HasPrefix(got[0].body, `{"type":"invoice.paid","timestamp":"`) || !strings.HasSuffix(got[0].body, `","data":0}`) {
			t.Errorf("body = %s, want the standard envelope around 0", got[0].body)
		}
		d := w.only(r)
		want(t, "status", d.Status, webhook.DeliveryDelivered)
		want(t, "attempts", d.Attempts, 1)
	})
}

func TestFanOutByType(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		for _, name := range []string{"a", "b", "c", "d"} {
			w.endpoint(name, status(200))
		}
		invoices := w.endpoint("invoices", status(200), "invoice.*")
		none := w.endpoint("none", status(200), []string{}...)
		defer w.run()()
		r := w.publish(1, "invoice.paid")[0]
		want(t, "Deliveries of invoice.paid", r.Deliveries, 5)
		r = w.publish(1, "user.created")[0]
		want(t, "Deliveries of user.created", r.Deliveries, 4)
		synctest.Wait()
		want(t, "arrivals at invoice.*", len(w.net.to(invoices.URL)), 1)
		want(t, "arrivals at an endpoint with an empty list of types", len(w.net.to(none.URL)), 0)
	})
}

// The whole life of a delivery that never succeeds: ten attempts over
// 75 h 35 m 5 s, give or take the jitter.
func TestRetryLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		ep := w.endpoint("down", status(500))
		stop := w.run()
		r := w.publish(1, "invoice.paid")[0]
		wait(8 * time.Hour)
		// The long waits that are left say nothing but cost processor time.
		for d := w.only(r); d.Status == webhook.DeliveryPending; d = w.only(r) {
			stop()
			made := w.attempts(d)
			wait(time.Until(made[len(made)-1].NextAt) - time.Minute)
			stop = w.run()
			wait(2 * time.Minute)
			if w.only(r).Attempts == d.Attempts {
				t.Fatalf("attempt %d is not made a minute after it was due", d.Attempts+1)
			}
		}
		wait(time.Hour)
		stop()

		d := w.only(r)
		want(t, "status", d.Status, webhook.DeliveryFailed)
		want(t, "reason", d.Reason, webhook.ReasonAttemptsUsedUp)
		attempts := w.attempts(d)
		if len(attempts) != 10 {
			t.Fatalf("attempts = %d, want 10", len(attempts))
		}
		for i, a := range attempts {
			want(t, "number", a.N, i+1)
			if i == 0 {
				continue
			}
			wait, planned := a.At.Sub(attempts[i-1].At), webhook.DefaultSchedule[i]
			// A second for the poll, and at most the breaker's longest wait,
			// which a lone delivery never meets.
			if low, high := planned*8/10, planned*12/10+time.Second; wait < low || wait > high {
				t.Errorf("attempt %d came %v after the one before, want %v to %v", i+1, wait, low, high)
			}
			if !a.At.Before(attempts[i-1].NextAt.Add(1100*time.Millisecond)) || a.At.Before(attempts[i-1].NextAt) {
				t.Errorf("attempt %d at %v, promised for %v: early, or over a second late", i+1, a.At, attempts[i-1].NextAt)
			}
		}
		want(t, "arrivals", len(w.net.to(ep.URL)), 10)
		first := w.net.to(ep.URL)[0]
		for _, a := range w.net.to(ep.URL) {
			if a.id != first.id || a.body != first.body {
				t.Errorf("attempts differ: id %s and %s", a.id, first.id)
			}
		}
	})
}

func TestFailsTwiceThenAccepts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		w.endpoint("flaky", func(_ context.Context, n int, _ *transport.Request) (*transport.Response, error) {
			if n < 3 {
				return &transport.Response{StatusCode: 503}, nil
			}
			return &transport.Response{StatusCode: 200}, nil
		})
		defer w.run()()
		r := w.publish(1, "a")[0]
		wait(10 * time.Minute)
		d := w.only(r)
		want(t, "status", d.Status, webhook.DeliveryDelivered)
		want(t, "attempts", d.Attempts, 3)
	})
}

// A dead endpoint with many waiting deliveries costs one attempt per probe, and
// the waiting ones keep their attempts.
func TestBreakerHoldsTheLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		ep := w.endpoint("dead", nil)
		defer w.run()()
		w.publish(1000, "a")
		wait(time.Minute)
		// Up to 8 in flight when the breaker opened, then probes after 5, 15
		// and 35 seconds, and retries of the first ones among them.
		if n := len(w.net.to(ep.URL)); n < 8 || n > 16 {
			t.Errorf("attempts at a dead endpoint in a minute = %d, want about a dozen", n)
		}
		before := len(w.net.to(ep.URL))
		wait(time.Hour)
		if n := len(w.net.to(ep.URL)) - before; n < 12 || n > 18 {
			t.Errorf("probes in an hour = %d, want one in about four to five minutes, and two more at its beginning", n)
		}
		want(t, "pending", w.deliveries(ep.ID)[webhook.DeliveryPending], 1000)

		w.net.mu.Lock()
		w.net.handlers[ep.URL] = status(200)
		w.net.mu.Unlock()
		wait(6 * time.Hour) // the ones that were tried have their own schedule
		want(t, "delivered after recovery", w.deliveries(ep.ID)[webhook.DeliveryDelivered], 1000)
	})
}

func TestAutoPauseAfterHundredFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		ep := w.endpoint("dead", nil)
		defer w.run()()
		start := time.Now()
		w.publish(500, "a")
		for range 24 * 60 {
			wait(time.Minute)
			got, err := w.manage.Endpoint(t.Context(), "acme", ep.ID)
			if err != nil {
				t.Fatal(err)
			}
			if got.Status == webhook.EndpointPaused {
				want(t, "reason", got.StatusReason, "Webhook paused after 100 consecutive failures.")
				want(t, "cause", got.PauseCause, webhook.PausedByFailures)
				break
			}
		}
		if took := time.Since(start); took < 11*time.Hour/2 || took > 9*time.Hour {
			t.Errorf("paused after %v, want 6 to 7.5 h of probes", took)
		}
		n := len(w.net.to(ep.URL))
		wait(6 * time.Hour) // after so few attempts, no retry is further away than 5
		want(t, "attempts while paused", len(w.net.to(ep.URL))-n, 0)
		want(t, "pending while paused", w.deliveries(ep.ID)[webhook.DeliveryPending], 500)

		w.net.mu.Lock()
		w.net.handlers[ep.URL] = status(200)
		w.net.mu.Unlock()
		if _, err := w.manage.Resume(t.Context(), "acme", ep.ID); err != nil {
			t.Fatal(err)
		}
		wait(time.Minute)
		// The schedule of one that was a probe again and again may be at its next
		// step, which is 10 hours, a fifth more at most.
		for range 12 {
			if w.deliveries(ep.ID)[webhook.DeliveryDelivered] < 500 {
				wait(time.Hour)
			}
		}
		want(t, "delivered after resume", w.deliveries(ep.ID)[webhook.DeliveryDelivered], 500)
	})
}

func TestGonePauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		ep := w.endpoint("gone", status(410))
		defer w.run()()
		w.publish(1, "a")
		synctest.Wait()
		got, _ := w.manage.Endpoint(t.Context(), "acme", ep.ID)
		want(t, "status", got.Status, webhook.EndpointPaused)
		want(t, "cause", got.PauseCause, webhook.PausedByGone)
		w.publish(10, "a")
		wait(time.Hour)
		want(t, "arrivals", len(w.net.to(ep.URL)), 1)
		want(t, "pending", w.deliveries(ep.ID)[webhook.DeliveryPending], 11)
	})
}

func TestPauseHoldsAndResumeSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		ep := w.endpoint("ok", status(200))
		defer w.run()()
		if _, err := w.manage.Pause(t.Context(), "acme", ep.ID); err != nil {
			t.Fatal(err)
		}
		w.publish(700, "a")
		wait(time.Hour)
		want(t, "arrivals while paused", len(w.net.to(ep.URL)), 0)
		if _, err := w.manage.Resume(t.Context(), "acme", ep.ID); err != nil {
			t.Fatal(err)
		}
		wait(40 * time.Second) // at a rate that rises to 50 a second
		want(t, "delivered after resume", w.deliveries(ep.ID)[webhook.DeliveryDelivered], 700)
	})
}

func TestDeleteCancelsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		ep := w.endpoint("dead", nil)
		defer w.run()()
		w.publish(300, "a")
		wait(time.Second)
		sent := len(w.net.to(ep.URL))
		if err := w.manage.DeleteEndpoint(t.Context(), "acme", ep.ID); err != nil {
			t.Fatal(err)
		}
		wait(10 * time.Minute)
		want(t, "attempts after the deletion", len(w.net.to(ep.URL))-sent, 0)
		want(t, "canceled", w.deliveries(ep.ID)[webhook.DeliveryCanceled], 300)
		want(t, "deliveries of an event published after", w.publish(1, "a")[0].Deliveries, 0)
	})
}

// One endpoint that never answers must not take the slots of the others.
func TestHangingEndpointLeavesTheOthersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{Slots: 16})
		w.endpoint("hangs", hang)
		ok := w.endpoint("ok", status(200))
		defer w.run()()
		w.publish(200, "a")
		wait(2 * time.Second)
		want(t, "arrivals at the healthy endpoint", len(w.net.to(ok.URL)), 200)
	})
}

func TestPanicInTransportIsInternal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		w.endpoint("panics", func(_ context.Context, n int, _ *transport.Request) (*transport.Response, error) {
			if n == 1 {
				panic("boom")
			}
			return &transport.Response{StatusCode: 200}, nil
		})
		defer w.run()()
		r := w.publish(1, "a")[0]
		wait(time.Minute)
		d := w.only(r)
		want(t, "status", d.Status, webhook.DeliveryDelivered)
		want(t, "class of the first attempt", w.attempts(d)[0].Class, webhook.ClassInternal)
	})
}

func TestRedeliverGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		ep := w.create(webhook.Endpoint{Tenant: "acme", URL: "https://x.example/", Retry: webhook.RetryPolicy{Schedule: []time.Duration{0, time.Second}}}, status(500))
		defer w.run()()
		r := w.publish(1, "a")[0]
		wait(time.Minute)
		d := w.only(r)
		want(t, "status", d.Status, webhook.DeliveryFailed)
		w.net.mu.Lock()
		w.net.handlers[ep.URL] = status(200)
		w.net.mu.Unlock()
		if err := w.Redeliver(t.Context(), "acme", d.ID); err != nil {
			t.Fatal(err)
		}
		wait(time.Minute)
		d = w.only(r)
		want(t, "status after redelivery", d.Status, webhook.DeliveryDelivered)
		want(t, "attempts in all", d.Attempts, 3)
		want(t, "number of the last attempt", w.attempts(d)[2].N, 3)
	})
}
