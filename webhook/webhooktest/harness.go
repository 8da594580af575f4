package webhooktest

import (
	"context"
	"net/http"
	"testing"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// Harness is a dispatcher with one endpoint and its receiver, which runs until the
// test ends. Everything is in memory, so it works in a synctest bubble too. Start it
// with Start.
type Harness struct {
	// Dispatcher is for the code under test.
	Dispatcher *dispatcher.Dispatcher
	// Manage is what an administrator does.
	Manage *manage.Manager
	// Store is what they are over.
	Store store.Store
	// Endpoint is what the tenant has, and Receiver where it leads.
	Endpoint webhook.Endpoint
	Receiver *Receiver
	// Network is what deliveries go by; it can have more receivers.
	Network *Network

	t    testing.TB
	stop func() // ends the running dispatcher and waits for it
}

// Config says what a Harness is made of. The zero value is what Start has.
type Config struct {
	// Endpoint is created; its URL is the receiver's if it is empty.
	// Defaults to one of tenant "" that gets every event.
	Endpoint webhook.Endpoint
	// Script is what the receiver answers (see Receiver.Answer).
	// Defaults to 204, always.
	Script []http.Handler
	// Dispatcher is the dispatcher's. Without a Keyring, secrets are stored as they are.
	// Defaults to deliveries by Network and, over a store of the harness's own,
	// Entropy(1).
	Dispatcher dispatcher.Config
	// Store is what the dispatcher is over.
	// Defaults to a new one in memory.
	Store store.Store
}

// Start returns a Harness with an endpoint, and a receiver that answers by a script.
// It fails the test if there cannot be such an endpoint.
func Start(t testing.TB, ep webhook.Endpoint, script ...http.Handler) *Harness {
	t.Helper()
	return StartWith(t, Config{Endpoint: ep, Script: script})
}

// StartWith is Start with other settings than the defaults.
func StartWith(t testing.TB, cfg Config) *Harness {
	t.Helper()
	h := &Harness{t: t, Network: new(Network), Store: cfg.Store}
	if cfg.Dispatcher.Transport == nil {
		cfg.Dispatcher.Transport = h.Network
	}
	if h.Store == nil {
		h.Store = memstore.New()
		if cfg.Dispatcher.Entropy == nil {
			cfg.Dispatcher.Entropy = Entropy(1)
		}
	}
	cfg.Dispatcher.AllowPlaintextSecrets = cfg.Dispatcher.AllowPlaintextSecrets || cfg.Dispatcher.Keyring == nil
	var err error
	if h.Dispatcher, err = dispatcher.New(h.Store, cfg.Dispatcher); err != nil {
		t.Fatalf("webhooktest: %v", err)
	}
	h.Manage = manage.New(h.Dispatcher)
	h.Receiver = h.Network.NewReceiver(t, cfg.Script...)
	h.Endpoint = h.Receiver.CreateEndpoint(h.Manage, cfg.Endpoint)
	h.run()
	t.Cleanup(func() { h.stop() })
	return h
}

// run delivers until stop is called.
func (h *Harness) run() {
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.t.Context()))
	done := make(chan error, 1)
	go func() { done <- h.Dispatcher.Run(ctx) }()
	h.stop = func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Errorf("webhooktest: Run: %v", err)
		}
	}
}

// Publish publishes an event of the endpoint's tenant with data as JSON, as the code
// under test would, and fails the test if that does.
func (h *Harness) Publish(eventType string, data any) webhook.Receipt {
	h.t.Helper()
	ev, err := webhook.NewEvent(h.Endpoint.Tenant, eventType, data)
	if err != nil {
		h.t.Fatalf("webhooktest: %v", err)
	}
	r, err := h.Dispatcher.Publish(h.t.Context(), ev)
	if err != nil {
		h.t.Fatalf("webhooktest: %v", err)
	}
	return r
}
