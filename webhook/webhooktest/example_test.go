package webhooktest_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/webhooktest"
)

// The first test: what the code under test publishes arrives. In your test, t is the
// test's.
func ExampleStart() {
	inTest(func(t *testing.T) {
		h := webhooktest.Start(t, webhook.Endpoint{Tenant: "acme"})
		h.Publish("invoice.paid", invoice{ID: "inv_1", Total: 4200}) // or your code, given h.Dispatcher
		got := h.Receiver.WaitFor(1)[0]
		fmt.Printf("%s %s\n", got.Type, got.Data)
	})
	// Output: invoice.paid {"id":"inv_1","total":4200}
}

// pay is code under test: it publishes in its caller's transaction.
func pay(ctx context.Context, d *dispatcher.Dispatcher, tx store.Tx, id string) error {
	ev, err := webhook.NewEvent("acme", "invoice.paid", invoice{ID: id, Total: 4200})
	if err != nil {
		return err
	}
	ev.Subject = "customer 1"
	_, err = d.PublishTx(ctx, tx, ev)
	return err
}

// What was published is seen in the test's own transaction, which is then rolled back.
// With a database, tx is st.Tx(tx) of the host's transaction.
func ExampleRequirePublishedTx() {
	inTest(func(t *testing.T) {
		st := memstore.New()
		d, err := dispatcher.New(st, dispatcher.Config{})
		if err != nil {
			t.Fatal(err)
		}
		tx := st.Begin()
		if err := pay(t.Context(), d, tx, "inv_1"); err != nil {
			t.Fatal(err)
		}
		events := webhooktest.RequirePublishedTx(t, d, tx, webhooktest.Want{
			Tenant: "acme", Type: "invoice.paid", Subject: "customer 1",
			Data: webhooktest.Data(func(inv invoice) bool { return inv.ID == "inv_1" && inv.Total > 0 }),
		})
		fmt.Printf("%s\n", events[0].Data)
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		webhooktest.RequireNotPublished(t, d, webhooktest.Want{Tenant: "acme"})
	})
	// Output: {"id":"inv_1","total":4200}
}

// A test fails with a list of what was published instead.
func ExamplePublished() {
	inTest(func(t *testing.T) {
		h := webhooktest.Start(t, webhook.Endpoint{Tenant: "acme"})
		h.Publish("invoice.paid", invoice{ID: "inv_1", Total: 4200})
		events, err := webhooktest.Published(t.Context(), h.Dispatcher, webhooktest.Want{
			Tenant: "acme", Type: "invoice.paid", Data: webhooktest.Equal(invoice{ID: "inv_1", Total: 1}),
		})
		fmt.Println(len(events), err != nil)
	})
	// Output: 0 true
}

// Delivered says that the receiver has accepted it, after however many attempts.
func ExampleRequireDelivered() {
	inTest(func(t *testing.T) {
		h := webhooktest.Start(t, webhook.Endpoint{
			Tenant: "acme", Retry: webhook.RetryPolicy{Schedule: []time.Duration{0, 0}},
		}, webhooktest.Reset(), webhooktest.OK())
		h.Publish("invoice.paid", invoice{ID: "inv_1", Total: 4200})
		deliveries := webhooktest.RequireDelivered(t, h.Dispatcher, webhooktest.Want{Tenant: "acme", Type: "invoice.paid"})
		fmt.Println(deliveries[0].Status, "by attempt", deliveries[0].Attempts)
	})
	// Output: delivered by attempt 2
}

// Three days of retries pass in milliseconds in a synctest bubble.
func ExampleHarness_Finish() {
	inTest(func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := webhooktest.Start(t, webhook.Endpoint{Tenant: "acme"}, webhooktest.Status(http.StatusInternalServerError))
			h.Publish("invoice.paid", invoice{ID: "inv_1", Total: 4200})
			h.Finish()

			attempts := h.Receiver.Requests()
			took := attempts[len(attempts)-1].Time.Sub(attempts[0].Time)
			fmt.Println(len(attempts), "attempts in about three days:", took > 60*time.Hour && took < 91*time.Hour)
		})
	})
	// Output: 10 attempts in about three days: true
}

// Ids are the same in every run of a test, for the same seed.
func ExampleEntropy() {
	inTest(func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d, err := dispatcher.New(memstore.New(), dispatcher.Config{Entropy: webhooktest.Entropy(7)})
			if err != nil {
				t.Fatal(err)
			}
			ev, err := webhook.NewEvent("acme", "invoice.paid", invoice{ID: "inv_1", Total: 4200})
			if err != nil {
				t.Fatal(err)
			}
			r, err := d.Publish(t.Context(), ev)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Println(r.EventID)
		})
	})
	// Output: evt_00VHNCZB000H17S42KV6K6FFJM
}
