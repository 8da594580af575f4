package webhooktest_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/webhooktest"
)

// The first test in five lines.
func TestHarness(t *testing.T) {
	t.Parallel()
	h := webhooktest.Start(t, webhook.Endpoint{Tenant: "acme"})
	r := h.Publish("invoice.paid", invoice{"inv_1", 4200})
	if got := h.Receiver.WaitFor(1)[0]; got.ID != r.EventID || got.Type != "invoice.paid" {
		t.Errorf("the receiver got %v; want %s", got, r.EventID)
	}
	webhooktest.RequireDelivered(t, h.Dispatcher, webhooktest.Want{Tenant: "acme", Type: "invoice.paid"})
}

// Over a database, where the code under test has its own transaction.
func TestHarnessOverADatabase(t *testing.T) {
	t.Parallel()
	db := databases["sqlite"](t)
	h := webhooktest.StartWith(t, webhooktest.Config{
		Store: db.Store, Endpoint: webhook.Endpoint{Tenant: "acme"}, Dispatcher: dispatcher.Config{Keyring: newKeyring(t)},
	})
	tx := db.begin(t)
	_, err := h.Dispatcher.PublishTx(t.Context(), tx.Tx, event(t, "invoice.paid", 1))
	must(t, err)
	want := webhooktest.Want{Tenant: "acme"}
	webhooktest.RequirePublishedTx(t, h.Dispatcher, tx.Tx, want)
	must(t, tx.commit())
	webhooktest.RequireDelivered(t, h.Dispatcher, want)
}

// life is what became of an event that is never accepted.
type life struct {
	ids   []string
	times []time.Time
}

// wholeSchedule lets a receiver refuse an event until nobody tries any more.
func wholeSchedule(t *testing.T, seed uint64) (l life) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := webhooktest.StartWith(t, webhooktest.Config{
			Endpoint: webhook.Endpoint{Tenant: "acme"}, Script: []http.Handler{webhooktest.Status(500)},
			Dispatcher: dispatcher.Config{Entropy: webhooktest.Entropy(seed)},
		})
		r := h.Publish("invoice.paid", 1)
		h.Finish()
		l.ids = []string{h.Endpoint.ID, r.EventID}
		for _, req := range h.Receiver.Requests() {
			l.times = append(l.times, req.Time)
		}
		_, err := webhooktest.Delivered(t.Context(), h.Dispatcher, webhooktest.Want{Tenant: "acme"})
		if err == nil || !strings.Contains(err.Error(), "attempt 10") {
			t.Errorf("Delivered after the whole schedule = %v; want an error that says what became of attempt 10", err)
		}
		// It runs on, and there is nothing more to come.
		h.Receiver.Answer()
		h.Finish()
		next := h.Publish("invoice.paid", 2)
		h.Finish()
		if got := h.Receiver.WaitFor(len(l.times) + 1); len(got) != len(l.times)+1 || got[len(l.times)].ID != next.EventID {
			t.Errorf("after the schedule the receiver got %v; want one more, %s", got, next.EventID)
		}
	})
	return l
}

// The default schedule takes three days, and milliseconds here; a seed makes it the same
// again, to the id and the microsecond.
func TestFinishRunsTheWholeSchedule(t *testing.T) {
	first := wholeSchedule(t, 1)
	if len(first.times) != len(webhook.DefaultSchedule) {
		t.Fatalf("%d attempts; want %d", len(first.times), len(webhook.DefaultSchedule))
	}
	for i, planned := range webhook.DefaultSchedule {
		if i == 0 {
			continue
		}
		// A second for the poll, since nothing tells the engine that it is time.
		wait, share := first.times[i].Sub(first.times[i-1]), float64(planned)*webhook.DefaultJitter
		if low, high := planned-time.Duration(share), planned+time.Duration(share)+time.Second; wait < low || wait > high {
			t.Errorf("attempt %d came %v after the one before; want %v to %v", i+1, wait, low, high)
		}
	}
	if again := wholeSchedule(t, 1); !slices.Equal(again.ids, first.ids) || !slices.Equal(again.times, first.times) {
		t.Errorf("the same seed gave\n%v; the first time\n%v", again, first)
	}
	if other := wholeSchedule(t, 2); slices.Equal(other.ids, first.ids) || slices.Equal(other.times, first.times) {
		t.Errorf("another seed gave the same ids or times: %v", other)
	}
}

// Retry-After, slow answers, batches and several endpoints pass in a bubble, too.
func TestFinishWithSlowReceivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		h := webhooktest.Start(t, webhook.Endpoint{Tenant: "acme"}, webhooktest.RetryAfter(429, 3*time.Hour), webhooktest.Hang(), webhooktest.OK())
		slow := h.Network.NewReceiver(t, webhooktest.SlowBody(time.Second), webhooktest.Delay(10*time.Second, webhooktest.OK()))
		slow.CreateEndpoint(h.Manage, webhook.Endpoint{Tenant: "globex"})
		h.Publish("invoice.paid", 1)
		ev, err := webhook.NewEvent("globex", "invoice.paid", 2)
		must(t, err)
		_, err = h.Dispatcher.Publish(t.Context(), ev)
		must(t, err)
		h.Finish()
		got := h.Receiver.Requests()
		if len(got) != 3 || got[1].Time.Sub(began) < 3*time.Hour || got[2].Status != 204 {
			t.Errorf("requests = %v; want three, the second not before three hours", got)
		}
		if late := slow.Requests(); len(late) != 2 || late[1].Status != 204 {
			t.Errorf("requests of the slow one = %v; want two, the second answered", late)
		}
		webhooktest.RequireDelivered(t, h.Dispatcher, webhooktest.Want{Tenant: "globex"})
	})
}

// A breaker opens for a receiver that is down, and closes after it.
func TestFinishWithManyEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := webhooktest.Start(t, webhook.Endpoint{Tenant: "acme"}, webhooktest.Status(503))
		for n := range 50 {
			h.Publish("invoice.paid", n)
		}
		time.Sleep(time.Hour)
		h.Receiver.Answer()
		h.Finish()
		webhooktest.RequireDelivered(t, h.Dispatcher, webhooktest.Want{Tenant: "acme", Count: 50})
		if again := h.Receiver.Duplicates(); len(again) != 0 {
			t.Errorf("Duplicates = %v; want none", again)
		}
	})
}

func TestHarnessIsMisused(t *testing.T) {
	fake := &fakeTB{TB: t}
	h := webhooktest.Start(fake, webhook.Endpoint{Tenant: "acme"})
	fake.wants(h.Finish, "outside of a synctest bubble")
	fake.wants(func() { h.Publish("no type", 1) }, "type")
	fake.wants(func() { h.Publish("a", func() {}) }, "encode event data")
	fake.wants(func() { webhooktest.Start(fake, webhook.Endpoint{URL: "no URL"}) }, "valid HTTPS URL")
	fake.wants(func() { webhooktest.StartWith(fake, webhooktest.Config{Dispatcher: dispatcher.Config{Slots: -1}}) }, "webhooktest: ")

	synctest.Test(t, func(t *testing.T) {
		fake := &fakeTB{TB: t}
		fake.wants(func() { webhooktest.NewReceiver(inBubble{fake, t}) }, "synctest bubble", "Network")
		h := webhooktest.Start(inBubble{fake, t}, webhook.Endpoint{Tenant: "acme"})
		_, err := h.Manage.Pause(t.Context(), "acme", h.Endpoint.ID)
		must(t, err)
		h.Publish("invoice.paid", 1)
		fake.wants(h.Finish, "1 pending", "paused")
	})
}

// inBubble is a fake that knows about its test's deadline.
type inBubble struct {
	*fakeTB
	t *testing.T
}

func (b inBubble) Deadline() (time.Time, bool) { return b.t.Deadline() }
