package manage_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
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
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/signer/jwe"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/celexpr"
)

// While a receiver is being worked on its deliveries wait.
func ExampleManager_Pause() {
	ctx := context.Background()
	m, d := newManager()
	defer deliver(d)()
	srv := receiver(func(*http.Request) bool { return true })
	defer srv.Close()
	ep := subscribe(m, webhook.Endpoint{URL: srv.URL, OnPaused: webhook.OnPausedHold}) // or OnPausedSkip

	ep, err := m.Pause(ctx, "acme", ep.ID)
	fmt.Println(ep.Status, ep.PauseCause, err)
	receipt := publish(d, webhook.Event{Type: "invoice.paid", Data: []byte(`{}`)})
	fmt.Println(await(m, receipt.EventID, webhook.DeliveryPending).Attempts, "attempts")

	ep, err = m.Resume(ctx, "acme", ep.ID)
	fmt.Println(ep.Status, err)
	fmt.Println(await(m, receipt.EventID, webhook.DeliveryDelivered).Attempts, "attempt")
	// Output:
	// paused manual <nil>
	// 0 attempts
	// active <nil>
	// 1 attempt
}

// A client that did not hear what became of its request repeats it, and there is one
// endpoint.
func ExampleManager_CreateEndpointOnce() {
	ctx := context.Background()
	m, _ := newManager()
	request := []byte(`{"url":"https://acme.example/hooks"}`)
	ep := webhook.Endpoint{Tenant: "acme", URL: "https://acme.example/hooks"}

	first, secret, err := m.CreateEndpointOnce(ctx, ep, manage.Once{Key: "setup-1", Content: request})
	fmt.Println("a secret:", secret.Reveal() != "", err)
	again, secret, err := m.CreateEndpointOnce(ctx, ep, manage.Once{Key: "setup-1", Content: request})
	fmt.Println("the same:", again.ID == first.ID, "a secret:", secret.Reveal() != "", err) // rotate it if it was lost
	_, _, err = m.CreateEndpointOnce(ctx, ep, manage.Once{Key: "setup-1", Content: []byte(`{}`)})
	fmt.Println(errors.Is(err, webhook.ErrIdempotencyConflict))
	// Output:
	// a secret: true <nil>
	// the same: true a secret: false <nil>
	// true
}

// What an endpoint would make of an event, before it gets any.
func ExampleManager_Preview() {
	expressions, err := celexpr.New()
	if err != nil {
		log.Fatal(err)
	}
	m, _ := newManagerWith(dispatcher.Config{Expressions: expressions})
	ep := subscribe(m, webhook.Endpoint{
		URL: "https://acme.example/hooks", Format: webhook.FormatRaw,
		Filter: `data.total >= 1000`, Transform: `{"euros": data.total / 100}`,
	})

	for _, data := range []string{`{"total":4200}`, `{"total":900}`, `{}`} {
		p, err := m.Preview(context.Background(), "acme", ep.ID, manage.Sample{EventType: "invoice.paid", Data: []byte(data)})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(p.Why)
		if p.Matched {
			fmt.Println(string(p.Body))
		}
	}
	// Output:
	// The endpoint gets this event: its event_types, sources, channels and filter all let it through.
	// {"euros":42}
	// The endpoint does not get this event: its filter does not match.
	// The delivery of this event would fail: the endpoint's filter looks at something that the event does not have, or costs too much (filter_error).
}

// Events as CloudEvents 1.0, for receivers that expect them.
func ExampleManager_CreateEndpoint_format() {
	m, d := newManager()
	defer deliver(d)()
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var event struct{ SpecVersion, Type, Source string }
		if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
			log.Fatal(err)
		}
		fmt.Println(r.Header.Get("Content-Type"), event)
	}))
	defer srv.Close()
	subscribe(m, webhook.Endpoint{URL: srv.URL, Format: webhook.FormatCloudEvents}) // or standard, raw, cloudevents-binary

	receipt := publish(d, webhook.Event{Type: "invoice.paid", Data: []byte(`{}`), Source: "billing"})
	await(m, receipt.EventID, webhook.DeliveryDelivered)
	// Output: application/cloudevents+json {1.0 invoice.paid billing}
}

// Personal data that the receiver does not need is taken out, or made into a hash by
// which it can still tell people apart.
func ExampleManager_CreateEndpoint_anonymize() {
	ctx := context.Background()
	m, _ := newManager()
	ep := subscribe(m, webhook.Endpoint{URL: "https://acme.example/hooks", Anonymize: []webhook.Anonymization{
		{Pointer: "/name", Action: webhook.AnonymizeRemove},
		{Pointer: "/email", Action: webhook.AnonymizeHash},
	}})

	p, err := m.Preview(ctx, "acme", ep.ID, manage.Sample{
		EventType: "user.registered", Data: []byte(`{"plan":"pro","name":"Ada","email":"ada@acme.example"}`),
	})
	if err != nil {
		log.Fatal(err)
	}
	var sent map[string]string
	if err := json.Unmarshal(p.Data, &sent); err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(sent), sent["plan"], len(sent["email"]))
	// Output: 2 pro 64
}

// Only the receiver can read what is sent: not the proxies on the way, and not who reads
// its logs.
func ExampleManager_CreateEndpoint_encryption() {
	// The receiver makes a key and gives away the public half, a JWK.
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	key, err := jwe.NewPrivateKey(pair, "2026-03")
	if err != nil {
		log.Fatal(err)
	}
	decrypter, err := jwe.NewDecrypter(key) // for signer.VerifierConfig
	if err != nil {
		log.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			log.Fatal(err)
		}
		clear, _, err := decrypter.Decrypt(r.Context(), body)
		fmt.Println(r.Header.Get("Content-Type"), string(clear), err)
	}))
	defer srv.Close()

	try(webhook.Endpoint{
		URL: srv.URL, Format: webhook.FormatRaw,
		Encryption: webhook.Encryption{JWK: string(key.PublicJWK())},
	})
	// Output:
	// application/jose {"message":"This is a test of your webhook."} <nil>
	// delivered: true
}

// When to try again, and what counts as success, is each endpoint's own.
func ExampleManager_CreateEndpoint_retry() {
	m, d := newManager()
	defer deliver(d)()
	var calls atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) == 1 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		w.WriteHeader(http.StatusConflict) // "I have that already"
	}))
	defer srv.Close()
	subscribe(m, webhook.Endpoint{
		URL:             srv.URL,
		Retry:           webhook.RetryPolicy{Schedule: []time.Duration{0, 10 * time.Millisecond, time.Hour}},
		SuccessStatuses: []int{200, 409},
	})
	receipt := publish(d, webhook.Event{Type: "invoice.paid", Data: []byte(`{}`)})
	fmt.Println(await(m, receipt.EventID, webhook.DeliveryDelivered).Attempts, "attempts")

	// Or ever longer: after 30 s, 1 m, 2 m, … up to 6 h, some more or less by chance.
	growing := webhook.RetryPolicy{
		Initial: 30 * time.Second, Multiplier: 2, MaxInterval: 6 * time.Hour,
		MaxAttempts: 15, Jitter: 0.1,
	}
	ep := subscribe(m, webhook.Endpoint{URL: "https://acme.example/hooks", Retry: growing})
	fmt.Println(ep.Retry.Attempts(), "attempts at most")
	// Output:
	// 2 attempts
	// 15 attempts at most
}

// A receiver that can take little is sent little, over all processes; the rest waits.
func ExampleManager_CreateEndpoint_rateLimit() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	m, d := newManager()
	var got atomic.Int64
	srv := receiver(func(*http.Request) bool {
		if got.Add(1) == 2 {
			stop()
		}
		return true
	})
	defer srv.Close()
	subscribe(m, webhook.Endpoint{
		URL:         srv.URL,
		RateLimit:   webhook.RateLimit{PerSecond: 0.01, Burst: 2}, // two at once, then one every 100 s
		MaxInFlight: 4,
	})
	for range 3 {
		publish(d, webhook.Event{Type: "invoice.paid", Data: []byte(`{}`)})
	}
	if err := d.Run(ctx); err != nil {
		log.Fatal(err)
	}

	for _, status := range []webhook.DeliveryStatus{webhook.DeliveryDelivered, webhook.DeliveryPending} {
		list, err := m.Deliveries(context.Background(), "acme", store.DeliveryFilter{Status: status}, store.Page{})
		fmt.Println(len(list), status, err)
	}
	// Output:
	// 2 delivered <nil>
	// 1 pending <nil>
}

// A list of some endpoints, a page at a time.
func ExampleManager_FindEndpoints() {
	m, _ := newManager()
	subscribe(m, webhook.Endpoint{URL: "https://acme.example/books", EventTypes: []string{"invoice.*"}, Labels: []string{"finance"}})
	subscribe(m, webhook.Endpoint{URL: "https://acme.example/chat", EventTypes: []string{"user.*"}})

	filter := manage.EndpointFilter{Status: webhook.EndpointActive, EventType: "invoice.paid", Label: "finance", Query: "books"}
	list, err := m.FindEndpoints(context.Background(), "acme", filter, store.Page{Limit: 100})
	if err != nil {
		log.Fatal(err)
	}
	for _, ep := range list {
		fmt.Println(ep.URL, ep.EventTypes, ep.Labels)
	}
	// Output: https://acme.example/books [invoice.*] [finance]
}

// A receiver's addresses can be narrowed to what it is known to have.
func ExampleManager_CreateEndpoint_allowedIPs() {
	m, _ := newManager()
	_, _, err := m.CreateEndpoint(context.Background(), webhook.Endpoint{
		Tenant: "acme", URL: "https://198.51.100.7/hooks",
		AllowedIPs: []string{"203.0.113.0/24"}, DeniedIPs: []string{"203.0.113.9"},
	})
	fmt.Println(err) // and so for what a name resolves to, at every attempt
	// Output: url: Endpoint address is not allowed.
}
