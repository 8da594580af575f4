package manage_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/webhook"
)

// What would make an endpoint work better, by what was seen of it.
func ExampleManager_Advice() {
	m, d := newManager()
	ep := subscribe(m, webhook.Endpoint{URL: "https://acme.example/hooks"})
	report := append(append([]byte{'"'}, bytes.Repeat([]byte("report "), 5000)...), '"')
	publish(d, webhook.Event{Type: "report.ready", Data: report})

	list, err := m.Advice(context.Background(), "acme", ep.ID)
	if err != nil {
		log.Fatal(err)
	}
	for _, a := range list {
		fmt.Println(a.Code, a.Evidence["largest_bytes"], a.Evidence["event_type"])
		fmt.Println(a.Text)
	}
	// Output:
	// large_payloads 35002 report.ready
	// 1 of the latest 1 events have payloads over 20 KiB: send a link to what is large.
}

// What became of the attempts of the last day, and of the day before it.
func ExampleManager_Analytics() {
	m, d := newManager()
	defer deliver(d)()
	srv := receiver(func(*http.Request) bool { return true })
	defer srv.Close()
	subscribe(m, webhook.Endpoint{URL: srv.URL})
	for range 3 {
		await(m, publish(d, webhook.Event{Type: "invoice.paid", Data: []byte(`{}`)}).EventID, webhook.DeliveryDelivered)
	}

	a, err := m.Analytics(context.Background(), "acme", manage.AnalyticsQuery{
		From: time.Now().Add(-24 * time.Hour), Interval: manage.IntervalHour,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(a.Totals.Delivered, "of", a.Totals.Attempts, "rate", manage.SuccessRate(&a.Totals))
	fmt.Println("p99 known:", a.Totals.Latency.Quantile(0.99) > 0, "errors:", a.Totals.Classes)
	charted := int64(0)
	for _, point := range a.Series { // one for each hour, also where nothing happened
		charted += point.Counts.Attempts
	}
	fmt.Println("charted:", charted, "the day before:", a.Previous.Attempts)
	// Output:
	// 3 of 3 rate 1
	// p99 known: true errors: map[]
	// charted: 3 the day before: 0
}

// How an endpoint answers, and whether its circuit breaker lets deliveries through.
func ExampleManager_Health() {
	ctx := context.Background()
	m, d := newManager()
	defer deliver(d)()
	srv := receiver(func(*http.Request) bool { return false })
	defer srv.Close()
	ep := subscribe(m, webhook.Endpoint{URL: srv.URL, Retry: once})
	await(m, publish(d, webhook.Event{Type: "invoice.paid", Data: []byte(`{}`)}).EventID, webhook.DeliveryFailed)

	h, err := m.Health(ctx, "acme", ep.ID)
	fmt.Println("failures in a row:", h.Failures, "breaker:", h.Breaker, err)
	// Output: failures in a row: 1 breaker: closed <nil>
}

// How the endpoints with a label are doing together.
func ExampleManager_Labels() {
	m, _ := newManager()
	subscribe(m, webhook.Endpoint{URL: "https://acme.example/books", Labels: []string{"finance"}})
	subscribe(m, webhook.Endpoint{URL: "https://acme.example/taxes", Labels: []string{"finance", "eu"}, Status: webhook.EndpointPaused})

	labels, err := m.Labels(context.Background(), "acme")
	if err != nil {
		log.Fatal(err)
	}
	for _, l := range labels {
		fmt.Println(l.Label, l.Endpoints, "active:", l.Active, "failing:", l.Failing, "rate:", l.SuccessRate())
	}
	// Output:
	// eu 1 active: 0 failing: 0 rate: 1
	// finance 2 active: 1 failing: 0 rate: 1
}

// What a tenant's plan allows, and how much of it is used.
func ExampleManager_Limits() {
	m, d := newManagerWith(dispatcher.Config{
		Limits: func(context.Context, string) (webhook.Limits, error) {
			return webhook.Limits{EventsPerMonth: 10, Endpoints: 5}, nil
		},
	})
	subscribe(m, webhook.Endpoint{URL: "https://acme.example/hooks"})
	publish(d, webhook.Event{Type: "invoice.paid", Data: []byte(`{}`)})

	l, err := m.Limits(context.Background(), "acme")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(l.EndpointsUsed, "of", l.Endpoints, "endpoints")
	fmt.Println(l.EventsUsed, "of", l.EventsPerMonth, "events since", l.Month.Day() == 1)
	// Output:
	// 1 of 5 endpoints
	// 1 of 10 events since true
}
