package dispatcher_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// With an idempotency key Publish can be repeated after any error or crash: the event is
// sent once.
func ExampleDispatcher_Publish() {
	ctx := context.Background()
	d, m := newDispatcher(dispatcher.Config{})
	subscribe(m, webhook.Endpoint{URL: "https://acme.example/hooks", EventTypes: []string{"invoice.*"}})

	ev, err := webhook.NewEvent("acme", "invoice.paid", map[string]any{"id": "inv_1", "total": 4200})
	if err != nil {
		log.Fatal(err)
	}
	ev.IdempotencyKey = "invoice.paid/inv_1"
	first, err := d.Publish(ctx, ev)
	fmt.Println(first.Deliveries, "delivery, duplicate:", first.Duplicate, err)

	again, err := d.Publish(ctx, ev)
	fmt.Println("the same event:", again.EventID == first.EventID, "duplicate:", again.Duplicate, err)

	ev.Data = json.RawMessage(`{"id":"inv_1","total":4300}`) // a mistake: the key was used with other content
	_, err = d.Publish(ctx, ev)
	fmt.Println(errors.Is(err, webhook.ErrIdempotencyConflict), err)
	// Output:
	// 1 delivery, duplicate: false <nil>
	// the same event: true duplicate: true <nil>
	// true publish: idempotency key was used with a different event
}

// Events of one ordering key arrive in the order in which they were published, also when
// one has to be tried again. Those of other keys do not wait for them.
func ExampleDispatcher_Publish_ordering() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	d, m := newDispatcher(dispatcher.Config{})
	var tries atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := tries.Add(1)
		if n == 1 {
			w.WriteHeader(http.StatusInternalServerError) // the first attempt of all fails
			return
		}
		status, err := io.ReadAll(r.Body)
		fmt.Println(string(status), err)
		if n == 4 {
			stop()
		}
	}))
	defer srv.Close()

	subscribe(m, webhook.Endpoint{
		URL: srv.URL, Format: webhook.FormatRaw,
		Order: webhook.Order{Enabled: true, OnFailure: webhook.OrderBlock}, // what comes later waits
		Retry: webhook.RetryPolicy{Schedule: []time.Duration{0, 0}},
	})
	for _, status := range []string{`"placed"`, `"packed"`, `"shipped"`} {
		ev := webhook.Event{Tenant: "acme", Type: "order.changed", Data: []byte(status), OrderingKey: "order/7"}
		if _, err := d.Publish(ctx, ev); err != nil {
			log.Fatal(err)
		}
	}
	if err := d.Run(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// "placed" <nil>
	// "packed" <nil>
	// "shipped" <nil>
}

// An endpoint with batches gets many events in one request: a JSON array.
func ExampleDispatcher_Publish_batch() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	d, m := newDispatcher(dispatcher.Config{})
	srv := printer(1, stop)
	defer srv.Close()

	subscribe(m, webhook.Endpoint{
		URL: srv.URL, Format: webhook.FormatRaw, // without it, each has its id, type and timestamp
		Batch: webhook.Batch{MaxEvents: 3, MaxWait: time.Minute}, // whichever comes first
	})
	for range 3 {
		if _, err := d.Publish(ctx, webhook.Event{Tenant: "acme", Type: "meter.read", Data: []byte(`{"kWh":7}`)}); err != nil {
			log.Fatal(err)
		}
	}
	if err := d.Run(ctx); err != nil {
		log.Fatal(err)
	}
	// Output: [{"kWh":7},{"kWh":7},{"kWh":7}]
}

// An endpoint with channels gets the events that share one of them; one without gets all.
func ExampleDispatcher_Publish_channels() {
	ctx := context.Background()
	d, m := newDispatcher(dispatcher.Config{})
	subscribe(m, webhook.Endpoint{URL: "https://acme.example/apollo", Channels: []string{"project/apollo"}})
	subscribe(m, webhook.Endpoint{URL: "https://acme.example/all"})

	for _, project := range []string{"project/apollo", "project/gemini"} {
		receipt, err := d.Publish(ctx, webhook.Event{
			Tenant: "acme", Type: "task.done", Data: []byte(`{}`),
			Channels: []string{project},
		})
		fmt.Println(project, receipt.Deliveries, err)
	}
	// Output:
	// project/apollo 2 <nil>
	// project/gemini 1 <nil>
}

// Of what waits for an endpoint, what is urgent goes first.
func ExampleDispatcher_Publish_priority() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	d, m := newDispatcher(dispatcher.Config{})
	srv := printer(3, stop)
	defer srv.Close()
	subscribe(m, webhook.Endpoint{URL: srv.URL, Format: webhook.FormatRaw, MaxInFlight: 1})

	for _, p := range []webhook.Priority{webhook.PriorityLow, webhook.PriorityNormal, webhook.PriorityHigh} {
		ev, err := webhook.NewEvent("acme", "mail.queued", p)
		if err != nil {
			log.Fatal(err)
		}
		ev.Priority = p
		if _, err := d.Publish(ctx, ev); err != nil {
			log.Fatal(err)
		}
	}
	if err := d.Run(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// "high"
	// "normal"
	// "low"
}

// Many events cost little more than one, and each has an answer of its own.
func ExampleDispatcher_PublishMany() {
	ctx := context.Background()
	d, m := newDispatcher(dispatcher.Config{})
	subscribe(m, webhook.Endpoint{URL: "https://acme.example/hooks"})

	answers := d.PublishMany(ctx, []webhook.Event{
		{Tenant: "acme", Type: "invoice.paid", Data: []byte(`{"id":"inv_1"}`)},
		{Tenant: "acme", Type: "invoice paid", Data: []byte(`{"id":"inv_2"}`)},
		{Tenant: "acme", Type: "invoice.paid", Data: []byte(`{"id":"inv_3"}`)},
	})
	for i, a := range answers {
		fmt.Println(i, a.Deliveries, a.Err)
	}
	// Output:
	// 0 1 <nil>
	// 1 0 type: Event type must be dotted names of letters, digits, _ and -, at most 128 bytes.
	// 2 1 <nil>
}

// What is published in a transaction is sent if, and only if, the transaction commits.
// With a database it is the host's own: st.Tx(tx) of package sqlite or postgres.
func ExampleDispatcher_PublishTx() {
	ctx := context.Background()
	st := memstore.New()
	d, err := dispatcher.New(st, dispatcher.Config{})
	if err != nil {
		log.Fatal(err)
	}
	ev := webhook.Event{Tenant: "acme", Type: "invoice.paid", Data: []byte(`{"id":"inv_1"}`), IdempotencyKey: "inv_1"}

	tx := st.Begin()
	if _, err := d.PublishTx(ctx, tx, ev); err != nil {
		log.Fatal(err)
	}
	if err := tx.Rollback(); err != nil { // nothing was published
		log.Fatal(err)
	}

	tx = st.Begin()
	receipt, err := d.PublishTx(ctx, tx, ev)
	fmt.Println("duplicate:", receipt.Duplicate, err)
	fmt.Println("committed:", tx.Commit())
	// Output:
	// duplicate: false <nil>
	// committed: <nil>
}

// Each module of a host publishes as itself, and endpoints may subscribe to some only.
func ExampleDispatcher_For() {
	ctx := context.Background()
	d, m := newDispatcher(dispatcher.Config{})
	subscribe(m, webhook.Endpoint{URL: "https://acme.example/hooks", Sources: []string{"billing"}})

	billing, support := d.For("billing"), d.For("support")
	ev := webhook.Event{Tenant: "acme", Type: "note.added", Data: []byte(`{}`)}
	receipt, err := billing.Publish(ctx, ev)
	fmt.Println("billing:", receipt.Deliveries, err)
	receipt, err = support.Publish(ctx, ev)
	fmt.Println("support:", receipt.Deliveries, err)
	// Output:
	// billing: 1 <nil>
	// support: 0 <nil>
}

// One event goes to every tenant that has an endpoint for it.
func ExampleDispatcher_Broadcast() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	d, m := newDispatcher(dispatcher.Config{})
	srv := printer(2, stop)
	defer srv.Close()
	for _, tenant := range []string{"acme", "globex"} {
		_, _, err := m.CreateEndpoint(ctx, webhook.Endpoint{
			Tenant: tenant, URL: srv.URL, EventTypes: []string{"system.*"}, Format: webhook.FormatRaw,
		})
		if err != nil {
			log.Fatal(err)
		}
	}

	ev, err := webhook.NewEvent("", "system.maintenance", map[string]string{"begins": "Sunday"})
	if err != nil {
		log.Fatal(err)
	}
	ev.IdempotencyKey = "maintenance/12" // so that it can be repeated
	if _, err := d.Broadcast(ctx, ev); err != nil {
		log.Fatal(err)
	}
	if err := d.Run(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// {"begins":"Sunday"}
	// {"begins":"Sunday"}
}

// A reminder is published when it becomes known, for tomorrow, and canceled once it is not
// needed any more.
func ExampleDispatcher_CancelEvent() {
	ctx := context.Background()
	d, m := newDispatcher(dispatcher.Config{})
	subscribe(m, webhook.Endpoint{URL: "https://acme.example/hooks"})

	receipt, err := d.Publish(ctx, webhook.Event{
		Tenant: "acme", Type: "trial.ends", Data: []byte(`{}`),
		DeliverAt: time.Now().Add(24 * time.Hour),
	})
	if err != nil {
		log.Fatal(err)
	}
	canceled, err := d.CancelEvent(ctx, "acme", receipt.EventID)
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range canceled {
		fmt.Println(c.Outcome)
	}
	// Output: canceled
}
