package webhooktest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/webhooktest"
)

// In the test's own transaction an event is seen before the commit, there alone, and
// not after a rollback; with payloads that are sealed as well.
func TestRequirePublishedInATransaction(t *testing.T) {
	t.Parallel()
	for name, open := range databases {
		for _, sealed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, sealed %t", name, sealed), func(t *testing.T) {
				t.Parallel()
				db := open(t)
				h := newHost(t, db, dispatcher.Config{Keyring: newKeyring(t), SealPayloads: sealed})
				want := webhooktest.Want{
					Tenant: "acme", Type: "invoice.paid", Subject: "customer 1", IdempotencyKey: "k",
					Data: webhooktest.Equal(invoice{"inv_1", 4200}),
				}
				ev := event(t, want.Type, invoice{"inv_1", 4200})
				ev.Subject, ev.IdempotencyKey = want.Subject, want.IdempotencyKey
				fake := &fakeTB{TB: t}

				tx := db.begin(t)
				fake.wants(func() { webhooktest.RequirePublishedTx(fake, h.Dispatcher, tx.Tx, want) }, "0 events", "want 1", "no events at all")
				r, err := h.PublishTx(t.Context(), tx.Tx, ev)
				must(t, err)
				got := webhooktest.RequirePublishedTx(t, h.Dispatcher, tx.Tx, want)
				if len(got) != 1 || got[0].ID != r.EventID || string(got[0].Data) != string(ev.Data) || got[0].Tenant != "acme" {
					t.Errorf("RequirePublishedTx = %+v; want %s", got, r.EventID)
				}
				webhooktest.RequireNotPublished(t, h.Dispatcher, want) // nobody else sees it
				fake.wants(func() { webhooktest.RequireNotPublishedTx(fake, h.Dispatcher, tx.Tx, want) }, "1 events", "want 0", r.EventID)
				other := want
				other.Type = "invoice.sent"
				fake.wants(func() { webhooktest.RequirePublishedTx(fake, h.Dispatcher, tx.Tx, other) }, `type "invoice.sent"`, r.EventID, "another type", "inv_1")
				must(t, tx.rollback())
				fake.wants(func() { webhooktest.RequirePublishedTx(fake, h.Dispatcher, tx.Tx, want) }, "look for events")
				webhooktest.RequireNotPublished(t, h.Dispatcher, want)

				tx = db.begin(t)
				_, err = h.PublishTx(t.Context(), tx.Tx, ev)
				must(t, err)
				webhooktest.RequirePublishedTx(t, h.Dispatcher, tx.Tx, want)
				must(t, tx.commit())
				webhooktest.RequirePublished(t, h.Dispatcher, want)
			})
		}
	}
}

func newKeyring(t *testing.T) *seal.Keyring {
	keyring, err := seal.NewKeyring(seal.NewKey())
	must(t, err)
	return keyring
}

// A transaction of somebody else's is not one's own.
func TestRequirePublishedInAnothersTransaction(t *testing.T) {
	t.Parallel()
	db := databases["memstore"](t)
	h := newHost(t, db, dispatcher.Config{})
	mine, its := db.begin(t), db.begin(t)
	_, err := h.PublishTx(t.Context(), its.Tx, event(t, "invoice.paid", 1))
	must(t, err)
	webhooktest.RequireNotPublishedTx(t, h.Dispatcher, mine.Tx, webhooktest.Want{Tenant: "acme"})
	webhooktest.RequirePublishedTx(t, h.Dispatcher, its.Tx, webhooktest.Want{Tenant: "acme"})
}

// Each field decides, and a failure says which did.
func TestWant(t *testing.T) {
	t.Parallel()
	h := newHost(t, nil, dispatcher.Config{})
	for n := range 2 {
		ev := event(t, "invoice.paid", invoice{fmt.Sprint("inv_", n), n})
		ev.Subject, ev.IdempotencyKey = fmt.Sprint("customer ", n), fmt.Sprint("key ", n)
		_, err := h.Publish(t.Context(), ev)
		must(t, err)
	}
	h.publish("invoice.sent", invoice{"inv_0", 0})
	fake := &fakeTB{TB: t}
	for _, c := range []struct {
		want webhooktest.Want
		says []string // nothing if there is to be no failure
	}{
		{want: webhooktest.Want{Tenant: "acme", Count: 3}},
		{want: webhooktest.Want{Tenant: "acme"}, says: []string{"3 events", "want 1", "(meant)"}},
		{want: webhooktest.Want{Tenant: "acme", Type: "invoice.paid", Count: 2}},
		{want: webhooktest.Want{Tenant: "acme", Type: "invoice"}, says: []string{"0 events", "another type"}},
		{want: webhooktest.Want{Tenant: "acme", Subject: "customer 1"}},
		{want: webhooktest.Want{Tenant: "acme", Subject: "customer 2"}, says: []string{"another subject", `about "customer 1"`}},
		{want: webhooktest.Want{Tenant: "acme", IdempotencyKey: "key 0"}},
		{want: webhooktest.Want{Tenant: "acme", IdempotencyKey: "key 2"}, says: []string{"another idempotency key", `with key "key 1"`}},
		{want: webhooktest.Want{Tenant: "acme", Data: webhooktest.Data(func(inv invoice) bool { return inv.Total == 1 })}},
		{want: webhooktest.Want{Tenant: "acme", Data: webhooktest.Data(func(int) bool { return true })}, says: []string{"other data", "inv_1"}},
		{want: webhooktest.Want{Tenant: "acme", Data: webhooktest.Equal(json.RawMessage(`{"total": 1, "id": "inv_1"}`))}},
		{want: webhooktest.Want{Tenant: "acme", Data: webhooktest.Equal(invoice{"inv_1", 2})}, says: []string{"other data"}},
		{want: webhooktest.Want{Tenant: "acme", Data: webhooktest.Equal(func() {})}, says: []string{"other data"}},
		{want: webhooktest.Want{Tenant: "globex"}, says: []string{`tenant "globex"`, "no events at all"}},
		{want: webhooktest.Want{}, says: []string{`tenant ""`, "no events at all"}},
	} {
		said := fake.failure(func() { webhooktest.RequirePublished(fake, h.Dispatcher, c.want) })
		if (said == "") != (c.says == nil) {
			t.Errorf("RequirePublished of %v: failure %q; want one that says %q", c.want, said, c.says)
		}
		for _, s := range c.says {
			if !strings.Contains(said, s) {
				t.Errorf("RequirePublished of %v: failure %q; want it to say %q", c.want, said, s)
			}
		}
	}
	fake.wants(func() {
		webhooktest.RequireNotPublished(fake, h.Dispatcher, webhooktest.Want{Tenant: "acme", Count: 5})
	}, "3 events", "want 0")
	webhooktest.RequireNotPublished(t, h.Dispatcher, webhooktest.Want{Tenant: "acme", Type: "invoice.lost", Count: 5})
}

// What is redacted in an event type stays so in what a failure shows, and long
// payloads are cut; a predicate sees all of it.
func TestFailuresHideWhatIsRedacted(t *testing.T) {
	t.Parallel()
	h := newHost(t, nil, dispatcher.Config{EventTypes: []webhook.EventType{{Name: "card.charged", Redact: []string{"/number"}}}})
	type card struct {
		Number string `json:"number"`
		Note   string `json:"note"`
	}
	h.publish("card.charged", card{"4111-1111", strings.Repeat("long ", 100)})
	webhooktest.RequirePublished(t, h.Dispatcher, webhooktest.Want{
		Tenant: "acme", Data: webhooktest.Data(func(c card) bool { return c.Number == "4111-1111" }),
	})
	fake := &fakeTB{TB: t}
	said := fake.wants(func() { webhooktest.RequireNotPublished(fake, h.Dispatcher, webhooktest.Want{Tenant: "acme"}) }, "card.charged", "…")
	if strings.Contains(said, "4111") || strings.Count(said, "long") > 50 {
		t.Errorf("the failure is %s; want no number and a part of the note", said)
	}
}

// More events than a page, and than a failure lists.
func TestManyEvents(t *testing.T) {
	t.Parallel()
	h := newHost(t, nil, dispatcher.Config{})
	events := make([]webhook.Event, 250)
	for i := range events {
		events[i] = event(t, "invoice.paid", i)
	}
	for _, p := range h.PublishMany(t.Context(), events) {
		must(t, p.Err)
	}
	want := webhooktest.Want{Tenant: "acme", Data: webhooktest.Equal(0)}
	webhooktest.RequirePublished(t, h.Dispatcher, want)
	want.Count = 250
	fake := &fakeTB{TB: t}
	said := fake.wants(func() { webhooktest.RequirePublished(fake, h.Dispatcher, want) }, "newest 20 of 250 events")
	if n := strings.Count(said, "\n"); n != 20 {
		t.Errorf("a failure lists %d events; want 20", n)
	}
}

func TestRequireDelivered(t *testing.T) {
	t.Parallel()
	n := new(webhooktest.Network)
	h := newHost(t, nil, dispatcher.Config{Transport: n})
	h.run()
	fake := &fakeTB{TB: t}
	require := func(eventType string) func() {
		return func() {
			webhooktest.RequireDelivered(fake, h.Dispatcher, webhooktest.Want{Tenant: "acme", Type: eventType})
		}
	}
	endpoint := func(eventType string, rc *webhooktest.Receiver) webhook.Endpoint {
		ep := quickly
		ep.EventTypes = []string{eventType}
		return rc.CreateEndpoint(h.manage, ep)
	}
	good := n.NewReceiver(t, webhooktest.Status(500), webhooktest.OK())
	first, second := endpoint("a", good), endpoint("a", n.NewReceiver(t))
	h.publish("a", 1)
	got := webhooktest.RequireDelivered(t, h.Dispatcher, webhooktest.Want{Tenant: "acme", Type: "a"})
	to := map[string]bool{}
	for _, dl := range got {
		to[dl.EndpointID] = dl.Status == webhook.DeliveryDelivered
	}
	if len(got) != 2 || !to[first.ID] || !to[second.ID] {
		t.Errorf("RequireDelivered = %+v; want one to each endpoint, delivered", got)
	}

	fake.wants(require("b"), "0 events", "want 1")
	h.publish("b", 1)
	fake.wants(require("b"), "goes to no endpoint")

	bad := endpoint("c", n.NewReceiver(t, webhooktest.Status(500)))
	h.publish("c", 1)
	fake.wants(require("c"), "is not delivered everywhere", bad.ID, "500")

	later := endpoint("d", n.NewReceiver(t, webhooktest.RetryAfter(503, webhooktest.Patience*2)))
	h.publish("d", 1)
	fake.wants(require("d"), "is not delivered everywhere", later.ID, "503")

	_, err := h.manage.Pause(t.Context(), "acme", endpoint("e", n.NewReceiver(t)).ID)
	must(t, err)
	h.publish("e", 1)
	for wait := 50 * time.Millisecond; ; wait *= 2 { // it would never end; a busy machine needs longer to find that out
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		_, err := webhooktest.Delivered(ctx, h.Dispatcher, webhooktest.Want{Tenant: "acme", Type: "e"})
		cancel()
		if err == nil || wait > ample {
			t.Fatalf("Delivered of what waits for a paused endpoint = %v; want an error that says so", err)
		}
		if strings.Contains(err.Error(), "paused") {
			break
		}
	}
}
