package webhooktest_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/webhooktest"
)

// A real server on this machine verifies and records what a dispatcher delivers. In
// your test, t is the test's.
func ExampleNewReceiver() {
	inTest(func(t *testing.T) {
		rc := webhooktest.NewReceiver(t, webhooktest.Status(http.StatusServiceUnavailable), webhooktest.OK())
		d, err := dispatcher.New(memstore.New(), dispatcher.Config{HTTP: webhooktest.Loopback()})
		if err != nil {
			t.Fatal(err)
		}
		rc.CreateEndpoint(manage.New(d), webhook.Endpoint{
			Tenant: "acme", Retry: webhook.RetryPolicy{Schedule: []time.Duration{0, 0}},
		})
		ctx, stop := context.WithCancel(t.Context())
		stopped := make(chan error)
		go func() { stopped <- d.Run(ctx) }()

		ev, err := webhook.NewEvent("acme", "invoice.paid", invoice{ID: "inv_1", Total: 4200})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Publish(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
		for _, r := range rc.WaitFor(2) {
			fmt.Printf("%s %s, attempt %d\n", r.Type, r.Data, r.Attempt)
		}
		stop()
		if err := <-stopped; err != nil {
			t.Fatal(err)
		}
	})
	// Output:
	// invoice.paid {"id":"inv_1","total":4200}, attempt 1
	// invoice.paid {"id":"inv_1","total":4200}, attempt 2
}

// Every event fails the first time, in whatever order they come.
func ExamplePerEvent() {
	inTest(func(t *testing.T) {
		h := webhooktest.Start(t, webhook.Endpoint{
			Tenant: "acme", Retry: webhook.RetryPolicy{Schedule: []time.Duration{0, 0}},
		}, webhooktest.PerEvent(webhooktest.Status(500), webhooktest.OK()))
		for n := range 3 {
			h.Publish("invoice.paid", n)
		}
		fmt.Println(len(h.Receiver.WaitFor(6)), "requests")
	})
	// Output: 6 requests
}

// A receiver in memory, for whoever has a dispatcher of their own.
func ExampleNetwork() {
	inTest(func(t *testing.T) {
		network := new(webhooktest.Network)
		d, err := dispatcher.New(memstore.New(), dispatcher.Config{Transport: network})
		if err != nil {
			t.Fatal(err)
		}
		m := manage.New(d)
		rc := network.NewReceiver(t)
		ep := rc.CreateEndpoint(m, webhook.Endpoint{Tenant: "acme"})
		ev, err := webhook.NewEvent("acme", "invoice.paid", 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.TestSend(t.Context(), "acme", ep.ID, ev); err != nil { // needs no Run
			t.Fatal(err)
		}
		fmt.Println(rc.URL, rc.WaitFor(1)[0].Type)
	})
	// Output: https://receiver-1.example invoice.paid
}
