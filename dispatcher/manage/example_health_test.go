package manage_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// An endpoint that always fails is paused, so that nobody has to notice; its deliveries wait
// until it is resumed, or passes a test.
func ExampleManager_CreateEndpoint_autoPause() {
	ctx := context.Background()
	told := make(chan webhook.Operational, 1)
	m, d := newManagerWith(dispatcher.Config{OnOperational: func(_ context.Context, op webhook.Operational) {
		if op.Type == webhook.TypeEndpointPaused {
			told <- op
		}
	}})
	defer deliver(d)()
	var mended atomic.Bool
	srv := receiver(func(*http.Request) bool { return mended.Load() })
	defer srv.Close()
	ep := subscribe(m, webhook.Endpoint{
		URL:            srv.URL,
		AutoPauseAfter: 5,                                                       // attempts in a row; 100 by default
		Retry:          webhook.RetryPolicy{Schedule: make([]time.Duration, 5)}, // five at once
	})
	publish(d, webhook.Event{Type: "invoice.paid", Data: []byte(`{}`)})
	<-told
	ep, err := m.Endpoint(ctx, "acme", ep.ID)
	fmt.Println(ep.Status, ep.StatusReason, err)

	mended.Store(true)
	result, err := m.TestEndpoint(ctx, "acme", ep.ID, manage.Test{})
	fmt.Println("resumed:", result.Resumed, err)
	// Output:
	// paused Webhook paused after 5 consecutive failures. <nil>
	// resumed: true <nil>
}

// A tenant hears about its webhooks by a webhook: operational events go to those that name
// them, signed as all others are.
func ExampleManager_CreateEndpoint_operational() {
	m, d := newManager()
	told := make(chan webhook.Snapshot, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var event struct{ Data webhook.Snapshot }
		if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
			log.Fatal(err)
		}
		told <- event.Data
	}))
	defer srv.Close()
	defer deliver(d)()
	subscribe(m, webhook.Endpoint{URL: srv.URL, EventTypes: []string{webhook.TypeEndpointPaused}}) // or "webhook.*"; "*" does not do
	watched := subscribe(m, webhook.Endpoint{URL: "https://acme.example/hooks"})

	if _, err := m.Pause(context.Background(), "acme", watched.ID); err != nil {
		log.Fatal(err)
	}
	paused := <-told
	fmt.Println(paused.EndpointID == watched.ID, paused.Host, paused.PauseCause)
	// Output: true acme.example manual
}

// A deleted endpoint is sent nothing more. Its history stays.
func ExampleManager_DeleteEndpoint() {
	ctx := context.Background()
	m, d := newManager()
	defer deliver(d)() // a process that delivers cancels what is pending
	ep := subscribe(m, webhook.Endpoint{URL: "https://acme.example/hooks", Status: webhook.EndpointPaused})
	receipt := publish(d, webhook.Event{Type: "invoice.paid", Data: []byte(`{}`)})

	if err := m.DeleteEndpoint(ctx, "acme", ep.ID); err != nil {
		log.Fatal(err)
	}
	dlv := await(m, receipt.EventID, webhook.DeliveryCanceled)
	fmt.Println(dlv.Status, dlv.Reason)
	_, err := m.Endpoint(ctx, "acme", ep.ID)
	fmt.Println(errors.Is(err, store.ErrNotFound))
	// Output:
	// canceled endpoint_deleted
	// true
}
