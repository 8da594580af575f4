package manage_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// once is a retry policy of one attempt.
var once = webhook.RetryPolicy{Schedule: []time.Duration{0}}

// The dead letters: what has failed for good, whatever was tried.
func ExampleManager_FindDeliveries() {
	ctx := context.Background()
	m, d := newManager()
	defer deliver(d)()
	down := receiver(func(*http.Request) bool { return false })
	defer down.Close()
	subscribe(m, webhook.Endpoint{URL: down.URL, Retry: once})
	receipt := publish(d, webhook.Event{Type: "invoice.paid", Data: []byte(`{}`)})
	await(m, receipt.EventID, webhook.DeliveryFailed)

	found, err := m.FindDeliveries(ctx, "acme", manage.DeliveryQuery{
		DeliveryFilter: store.DeliveryFilter{Status: webhook.DeliveryFailed, EventType: "invoice.*"},
	}, store.Page{Limit: 100})
	if err != nil {
		log.Fatal(err)
	}
	for _, dlv := range found.Items {
		fmt.Println(dlv.EventType, dlv.Status, dlv.Reason, dlv.Attempts)
	}
	fmt.Println("more:", found.Next != "") // the store.Page.After of the next page
	// Output:
	// invoice.paid failed attempts_used_up 1
	// more: false
}

// Once a receiver has been mended, what it has missed goes out again.
func ExampleManager_Redeliver() {
	ctx := context.Background()
	m, d := newManager()
	defer deliver(d)()
	var mended atomic.Bool
	srv := receiver(func(*http.Request) bool { return mended.Load() })
	defer srv.Close()
	subscribe(m, webhook.Endpoint{URL: srv.URL, Retry: once})
	receipt := publish(d, webhook.Event{Type: "invoice.paid", Data: []byte(`{}`)})
	dlv := await(m, receipt.EventID, webhook.DeliveryFailed)

	mended.Store(true)
	if err := m.Redeliver(ctx, "acme", dlv.ID); err != nil {
		log.Fatal(err)
	}
	again := await(m, receipt.EventID, webhook.DeliveryDelivered)
	fmt.Println("the same delivery:", again.ID == dlv.ID, "attempts:", again.Attempts)
	// Output: the same delivery: true attempts: 2
}

// The log of a delivery: what was sent, what was answered, and how long it took.
func ExampleManager_Attempts() {
	m, d := newManager()
	defer deliver(d)()
	srv := receiver(func(*http.Request) bool { return false })
	defer srv.Close()
	subscribe(m, webhook.Endpoint{
		URL: srv.URL, Retry: once,
		Headers: map[string]string{"X-Api-Version": "7"}, // might be a credential
	})
	receipt := publish(d, webhook.Event{Type: "invoice.paid", Data: []byte(`{}`)})
	dlv := await(m, receipt.EventID, webhook.DeliveryFailed)

	attempts, err := m.Attempts(context.Background(), "acme", dlv.ID)
	if err != nil {
		log.Fatal(err)
	}
	for _, a := range attempts {
		fmt.Println(a.N, a.Class, a.StatusCode, "measured:", a.Timings.Total > 0)
		fmt.Println(a.RequestHeaders["Webhook-Id"] == receipt.EventID, a.RequestHeaders["X-Api-Version"])
	}
	// Output:
	// 1 http_status 401 measured: true
	// true ***
}

// All deliveries, however many there are, with one page of them in memory.
func ExampleManager_ExportDeliveries() {
	m, d := newManager()
	subscribe(m, webhook.Endpoint{URL: "https://acme.example/hooks", Status: webhook.EndpointPaused})
	publish(d, webhook.Event{Type: "invoice.created", Data: []byte(`{}`)})
	publish(d, webhook.Event{Type: "invoice.paid", Data: []byte(`{}`)})

	query := manage.DeliveryQuery{DeliveryFilter: store.DeliveryFilter{From: time.Now().Add(-time.Hour)}}
	for dlv, err := range m.ExportDeliveries(context.Background(), "acme", query) {
		if err != nil {
			log.Fatal(err) // what was written before is not all
		}
		fmt.Println(dlv.EventType, dlv.Status)
	}
	// Unordered output:
	// invoice.paid pending
	// invoice.created pending
}

// Deliveries are followed live, whichever process makes them.
func ExampleManager_Tail() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	m, d := newManager()
	defer deliver(d)()
	srv := receiver(func(*http.Request) bool { return true })
	defer srv.Close()
	subscribe(m, webhook.Endpoint{URL: srv.URL})

	tail, err := m.Tail(ctx, "acme", manage.TailQuery{})
	if err != nil {
		log.Fatal(err)
	}
	defer tail.Close()
	publish(d, webhook.Event{Type: "invoice.paid", Data: []byte(`{}`)})
	for {
		batch, err := tail.Next(ctx)
		if err != nil {
			log.Fatal(err) // after manage.ErrTailSlow a new tail goes on from tail.Position()
		}
		for _, dlv := range batch.Deliveries {
			if dlv.Status == webhook.DeliveryDelivered {
				fmt.Println(dlv.EventType, dlv.Status)
				return
			}
		}
	}
	// Output: invoice.paid delivered
}

// The history of events, each with what became of it.
func ExampleManager_FindEvents() {
	ctx := context.Background()
	m, d := newManager()
	ep := subscribe(m, webhook.Endpoint{URL: "https://acme.example/hooks", Status: webhook.EndpointPaused})
	publish(d, webhook.Event{Type: "user.registered", Data: []byte(`{}`), Subject: "user/7"})
	publish(d, webhook.Event{Type: "user.registered", Data: []byte(`{}`), Subject: "user/8"})

	found, err := m.FindEvents(ctx, "acme", manage.EventQuery{Type: "user.*", Subject: "user/7"}, store.Page{})
	if err != nil {
		log.Fatal(err)
	}
	for _, ev := range found.Items {
		fmt.Println(ev.Type, ev.Subject, ev.Outcomes.Status(), ev.Outcomes.Pending)
	}

	// What matched one endpoint, with its delivery there.
	found, err = m.EndpointEvents(ctx, "acme", ep.ID, manage.EventQuery{}, store.Page{})
	if err != nil {
		log.Fatal(err)
	}
	for _, ev := range found.Items {
		fmt.Println(ev.Subject, ev.Delivery.Status)
	}
	// Unordered output:
	// user.registered user/7 pending 1
	// user/8 pending
	// user/7 pending
}

// What has not gone out is canceled; what a process has in hand may still arrive.
func ExampleManager_Cancel() {
	ctx := context.Background()
	m, d := newManager()
	subscribe(m, webhook.Endpoint{URL: "https://acme.example/hooks", Status: webhook.EndpointPaused})
	receipt := publish(d, webhook.Event{Type: "invoice.paid", Data: []byte(`{}`)})
	dlv := await(m, receipt.EventID, webhook.DeliveryPending)

	outcome, err := m.Cancel(ctx, "acme", dlv.ID)
	fmt.Println(outcome, err)
	outcome, err = m.Cancel(ctx, "acme", dlv.ID)
	fmt.Println(outcome, err)
	// Output:
	// canceled <nil>
	// ended <nil>
}
