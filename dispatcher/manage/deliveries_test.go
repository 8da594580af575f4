package manage_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

func TestDeliveries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		stop := w.run()
		defer stop()
		ep := newEndpoint()
		ep.Retry = webhook.RetryPolicy{Schedule: []time.Duration{0, time.Minute}, Jitter: -1}
		ep, _, err := w.CreateEndpoint(t.Context(), ep)
		w.must(err, "CreateEndpoint")
		delivered := w.publish()
		time.Sleep(time.Millisecond) // ids of one millisecond have no order
		w.answers(status(500))
		failed := w.publish()
		time.Sleep(2 * time.Minute)
		synctest.Wait()

		if got, err := w.Delivery(t.Context(), acme, delivered.ID); err != nil || got.Status != webhook.DeliveryDelivered || got.Attempts != 1 {
			t.Errorf("Delivery = %+v, %v; want delivered by 1 attempt", got, err)
		}
		letters, err := w.Deliveries(t.Context(), acme, store.DeliveryFilter{Endpoint: ep.ID, Status: webhook.DeliveryFailed}, store.Page{})
		if err != nil || len(letters) != 1 || letters[0].ID != failed.ID || letters[0].Reason != webhook.ReasonAttemptsUsedUp {
			t.Errorf("failed Deliveries = %+v, %v; want the dead letter %s alone", letters, err, failed.ID)
		}
		attempts, err := w.Attempts(t.Context(), acme, failed.ID)
		if err != nil || len(attempts) != 2 || attempts[0].N != 1 || attempts[1].StatusCode != 500 {
			t.Errorf("Attempts = %+v, %v; want 2, oldest first", attempts, err)
		}
		ev, err := w.Event(t.Context(), acme, failed.EventID)
		if err != nil || string(ev.Data) != `{"total":4200}` || ev.Type != "invoice.paid" {
			t.Errorf("Event = %+v, %v; want it with its payload", ev, err)
		}
		events, err := w.Events(t.Context(), acme, store.Page{Limit: 1})
		if err != nil || len(events) != 1 || events[0].ID != failed.EventID || len(events[0].Data) != 0 {
			t.Errorf("Events = %+v, %v; want the newest, without its payload", events, err)
		}
		h, err := w.Health(t.Context(), acme, ep.ID)
		if err != nil || h.Failures != 2 || h.Breaker != "closed" || h.EndpointID != ep.ID || h.LastSuccessAt.IsZero() {
			t.Errorf("Health = %+v, %v; want 2 failures after a success and a closed breaker", h, err)
		}

		answer := make(chan struct{}) // until then the delivery is pending
		w.answers(func(ctx context.Context, req *transport.Request) (*transport.Response, error) {
			<-answer
			return status(200)(ctx, req)
		})
		w.must(w.Redeliver(t.Context(), acme, failed.ID), "Redeliver")
		w.must(w.Redeliver(t.Context(), acme, failed.ID), "Redeliver of a pending one")
		close(answer)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got, err := w.Delivery(t.Context(), acme, failed.ID); err != nil || got.Status != webhook.DeliveryDelivered || got.Attempts != 3 {
			t.Errorf("Delivery after Redeliver = %+v, %v; want delivered by attempt 3", got, err)
		}
	})
}

func TestDeliveriesRefuses(t *testing.T) {
	w := newWorld(t)
	at := time.Now()
	for _, tt := range []struct {
		name   string
		filter store.DeliveryFilter
		page   store.Page
		want   []string
	}{
		{"status", store.DeliveryFilter{Status: "canary"}, store.Page{}, []string{"status invalid_field"}},
		{"empty span", store.DeliveryFilter{From: at, To: at}, store.Page{}, []string{"to invalid_field"}},
		{"reversed span", store.DeliveryFilter{From: at, To: at.Add(-1)}, store.Page{}, []string{"to invalid_field"}},
		{"after", store.DeliveryFilter{}, store.Page{After: "canary"}, []string{"after invalid_field"}},
		{"all", store.DeliveryFilter{Status: "canary", From: at, To: at}, store.Page{After: "\x00"}, []string{"status invalid_field", "to invalid_field", "after invalid_field"}},
	} {
		_, err := w.Deliveries(t.Context(), acme, tt.filter, tt.page)
		wantFields(t, "Deliveries: "+tt.name, err, tt.want...)
	}
	_, err := w.Events(t.Context(), acme, store.Page{After: "canary"})
	wantFields(t, "Events", err, "after invalid_field")
	for _, filter := range []store.DeliveryFilter{{Endpoint: "\x00"}, {Event: "\xff"}} {
		if got, err := w.Deliveries(t.Context(), acme, filter, store.Page{}); err != nil || len(got) != 0 {
			t.Errorf("Deliveries by what is no id = %v, %v; want nothing, as for an unknown one", got, err)
		}
	}
}

// The sentences of Why as an administrator meets them; each state of the engine
// is a case of the table test of package manage.
func TestWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		stop := w.run()
		defer stop()
		ep := w.endpoint()
		why := func(d webhook.Delivery, want string) {
			t.Helper()
			if got, err := w.Why(t.Context(), acme, d.ID); err != nil || got != want {
				t.Errorf("Why = %q, %v; want %q", got, err, want)
			}
		}
		w.answers(status(204))
		why(w.publish(), "Delivered: attempt 1 was answered with status 204.")

		w.answers(func(context.Context, *transport.Request) (*transport.Response, error) {
			return &transport.Response{StatusCode: 503, Body: []byte("<script>canary</script>")}, nil
		})
		d := w.publish()
		why(d, "Pending: attempt 1 was answered with status 503, which slows down what is sent to the endpoint, and the next one is due at "+d.NextAttemptAt.Format(time.RFC3339)+".")

		for range 4 {
			d = w.publish()
		}
		h, err := w.Health(t.Context(), acme, ep.ID)
		w.must(err, "Health")
		if h.Breaker != "open" || h.Failures != 5 || h.NextProbeAt != time.Now().Add(5*time.Second).UTC() {
			t.Errorf("Health after five failures = %+v; want an open breaker and a probe in 5s", h)
		}
		held := w.publish()
		why(held, "Pending: the endpoint failed 5 times in a row and is given a rest; the next probe is at "+h.NextProbeAt.Format(time.RFC3339)+".")

		_, err = w.Pause(t.Context(), acme, ep.ID)
		w.must(err, "Pause")
		why(held, "Pending: the endpoint is paused by hand.")
		w.must(w.DeleteEndpoint(t.Context(), acme, ep.ID), "DeleteEndpoint")
		at := time.Now().UTC().Format(time.RFC3339)
		time.Sleep(time.Minute)
		synctest.Wait()
		why(held, "Canceled: at "+at+" the endpoint was found to be deleted.")
		if _, err := w.Why(t.Context(), globex, held.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Why of another tenant's delivery: error %v; want ErrNotFound", err)
		}
	})
}

func TestWhyOfWhatMovedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		stop := w.run()
		defer stop()
		w.endpoint()
		w.answers(status(503))
		d := w.publish()
		w.answers(status(500))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if now, err := w.Delivery(t.Context(), acme, d.ID); err != nil || now.Attempts != 2 {
			t.Fatalf("Delivery = %+v, %v; want 2 attempts by now", now, err)
		}
		w.store.earlier = d
		const want = "Pending: attempt 1 was answered with status 503, which slows down what is sent to the endpoint, and the next one is due now."
		if got, err := w.Why(t.Context(), acme, d.ID); err != nil || got != want {
			t.Errorf("Why while attempt 2 is written = %q, %v; want %q: the parts must fit together", got, err, want)
		}
	})
}

// What only the queue and the event know decides too.
func TestWhyOfWhatIsInHandOrNotWantedYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		stop := w.run()
		defer stop()
		w.endpoint()
		w.answers(hang)
		d := w.publish()
		if got, err := w.Why(t.Context(), acme, d.ID); err != nil || got != "Pending: a process has it in hand; attempt 1 is under way or about to begin." {
			t.Errorf("Why during an attempt = %q, %v; want that it is in hand", got, err)
		}
		_, err := w.Cancel(t.Context(), acme, d.ID)
		w.must(err, "Cancel")
		if got, err := w.Why(t.Context(), acme, d.ID); err != nil || got != "Pending: it is canceled unless attempt 1, which a process has in hand, delivers it." {
			t.Errorf("Why after Cancel during an attempt = %q, %v; want that it is to be canceled", got, err)
		}
		ev, err := webhook.NewEvent(acme, "invoice.paid", 1)
		w.must(err, "NewEvent")
		ev.DeliverAt = time.Now().Add(time.Hour)
		receipt, err := w.d.Publish(t.Context(), ev)
		w.must(err, "Publish")
		list, err := w.Deliveries(t.Context(), acme, store.DeliveryFilter{Event: receipt.EventID}, store.Page{})
		w.must(err, "Deliveries")
		want := "Pending: its event asks not to be delivered before " + ev.DeliverAt.UTC().Format(time.RFC3339) + " (deliver_at)."
		if got, err := w.Why(t.Context(), acme, list[0].ID); err != nil || got != want {
			t.Errorf("Why before deliver_at = %q, %v; want %q", got, err, want)
		}
	})
}

func TestWhyBeforeTheEngineKnows(t *testing.T) {
	w := newWorld(t)
	ep := w.endpoint()
	ev, err := webhook.NewEvent(acme, "invoice.paid", 1)
	w.must(err, "NewEvent")
	_, err = w.d.Publish(t.Context(), ev)
	w.must(err, "Publish")
	list, err := w.Deliveries(t.Context(), acme, store.DeliveryFilter{}, store.Page{})
	w.must(err, "Deliveries")
	why := func(want string) {
		t.Helper()
		if got, err := w.Why(t.Context(), acme, list[0].ID); err != nil || got != want {
			t.Errorf("Why = %q, %v; want %q", got, err, want)
		}
	}
	why("Pending: it waits for its first attempt, due now.")
	w.must(w.DeleteEndpoint(t.Context(), acme, ep.ID), "DeleteEndpoint")
	why("Pending: the endpoint was deleted, and this delivery is about to be canceled.")
}
