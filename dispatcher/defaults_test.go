package dispatcher_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

func TestPriorityPrecedence(t *testing.T) {
	w := newWorld(t, nil, dispatcher.Config{TypeDefaults: map[string]webhook.TypeDefaults{"bulk.mail": {Priority: webhook.PriorityLow}}})
	const high, normal, low = webhook.PriorityHigh, webhook.PriorityNormal, webhook.PriorityLow
	for _, tc := range []struct {
		event, endpoint webhook.Priority
		eventType       string
		want            webhook.Priority
	}{
		{"", "", "other", normal},
		{"", "", "bulk.mail", low},
		{"", high, "bulk.mail", high},
		{"", high, "other", high},
		{normal, high, "bulk.mail", normal},
		{high, low, "bulk.mail", high},
	} {
		ep := w.create(webhook.Endpoint{Tenant: "acme", URL: "https://a.example/", Priority: tc.endpoint}, status(200))
		ev := event(tc.eventType, 1)
		ev.Priority = tc.event
		r, err := w.Publish(t.Context(), ev)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.only(r).Priority; got != tc.want {
			t.Errorf("event %q, endpoint %q, type %s: priority %q, want %q", tc.event, tc.endpoint, tc.eventType, got, tc.want)
		}
		if err := w.manage.DeleteEndpoint(t.Context(), "acme", ep.ID); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRetryPrecedence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		two := webhook.RetryPolicy{Schedule: []time.Duration{0, time.Second}}
		three := webhook.RetryPolicy{Schedule: []time.Duration{0, time.Second, time.Second}}
		w := newWorld(t, nil, dispatcher.Config{TypeDefaults: map[string]webhook.TypeDefaults{"short": {Retry: two}}})
		bare := w.endpoint("bare", status(500))
		own := w.create(webhook.Endpoint{Tenant: "acme", URL: "https://own.example/", Retry: three}, status(500))
		defer w.run()()
		w.publish(1, "short")
		wait(time.Hour)
		want(t, "attempts by the type's policy", len(w.net.to(bare.URL)), 2)
		want(t, "attempts by the endpoint's policy", len(w.net.to(own.URL)), 3)
		w.publish(1, "other")
		wait(4 * time.Hour)
		want(t, "attempts by the library's policy after the type's", len(w.net.to(bare.URL)), 2+5)
	})
}

// An event's type says how long it is worth anything. Then it fails, also without
// an attempt, and somebody may still send it again.
func TestMaxAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, memstore.New(), dispatcher.Config{TypeDefaults: map[string]webhook.TypeDefaults{"price": {MaxAge: time.Minute}}})
		failing := w.endpoint("failing", status(500), "price", "keeps")
		defer w.run()()

		r := w.publish(1, "price")[0]
		wait(2 * time.Second) // the second attempt is after 5 s, the third after 5 min
		want(t, "status before the second attempt", w.only(r).Status, webhook.DeliveryPending)
		wait(8 * time.Second)
		d := w.only(r)
		if d.Status != webhook.DeliveryFailed || d.Reason != webhook.ReasonTooOld || d.Attempts != 2 || !d.NextAttemptAt.IsZero() {
			t.Errorf("after the last attempt within its age the delivery is %+v, want failed as too old after 2 attempts", d)
		}
		if err := w.Redeliver(t.Context(), "acme", d.ID); err != nil {
			t.Fatal(err)
		}
		wait(time.Second)
		if d := w.only(r); d.Status != webhook.DeliveryPending || d.Attempts != 3 {
			t.Errorf("redelivered, it is %+v, want it tried again whatever its age", d)
		}

		paused, err := w.manage.Pause(t.Context(), "acme", failing.ID)
		if err != nil {
			t.Fatal(err)
		}
		sent := len(w.net.to(failing.URL))
		held := w.publish(1, "price")[0]
		delayed := event("price", 2)
		delayed.DeliverAt = time.Now().Add(2*time.Minute - time.Second)
		later, err := w.Publish(t.Context(), delayed)
		if err != nil {
			t.Fatal(err)
		}
		wait(2 * time.Minute)
		if _, err := w.manage.Resume(t.Context(), "acme", paused.ID); err != nil {
			t.Fatal(err)
		}
		wait(3 * time.Second)
		if d := w.only(held); d.Status != webhook.DeliveryFailed || d.Reason != webhook.ReasonTooOld || d.Attempts != 0 {
			t.Errorf("held for longer than its age, the delivery is %+v, want failed as too old without an attempt", d)
		}
		if d := w.only(later); d.Attempts != 1 {
			t.Errorf("an event for later is %+v, want it tried: its age counts from then", d)
		}
		bodies := 0
		for _, a := range w.net.to(failing.URL)[sent:] {
			if strings.Contains(a.body, `"data":0`) && a.id == held.EventID {
				bodies++
			}
		}
		want(t, "requests for what was too old", bodies, 0)
	})
}

func TestTypeDefaultsAreChecked(t *testing.T) {
	for name, defaults := range map[string]map[string]webhook.TypeDefaults{
		"type":     {"a..b": {}},
		"priority": {"a": {Priority: "urgent"}},
		"retry":    {"a": {Retry: webhook.RetryPolicy{Initial: time.Millisecond}}},
		"age":      {"a": {MaxAge: -1}},
	} {
		if _, err := dispatcher.New(memstore.New(), dispatcher.Config{TypeDefaults: defaults}); err == nil {
			t.Errorf("New with defaults of a bad %s = nil, want an error", name)
		}
	}
}
