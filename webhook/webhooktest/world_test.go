package webhooktest_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// invoice is a payload of the host's.
type invoice struct {
	ID    string `json:"id"`
	Total int    `json:"total"`
}

// host is the application under test, as it publishes and delivers.
type host struct {
	t testing.TB
	*dispatcher.Dispatcher
	manage *manage.Manager
}

func newHost(t testing.TB, st store.Store, cfg dispatcher.Config) *host {
	t.Helper()
	if st == nil {
		st = memstore.New()
	}
	cfg.AllowPlaintextSecrets = cfg.Keyring == nil
	d, err := dispatcher.New(st, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &host{t, d, manage.New(d)}
}

// run delivers until the test ends.
func (h *host) run() {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	h.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			h.t.Errorf("Run = %v", err)
		}
	})
}

// event returns one of tenant acme.
func event(t testing.TB, eventType string, data any) webhook.Event {
	t.Helper()
	ev, err := webhook.NewEvent("acme", eventType, data)
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

// publish publishes an event of tenant acme and returns its id.
func (h *host) publish(eventType string, data any) string {
	h.t.Helper()
	r, err := h.Publish(h.t.Context(), event(h.t, eventType, data))
	if err != nil {
		h.t.Fatal(err)
	}
	return r.EventID
}

// settled waits until no delivery of tenant acme is pending.
func (h *host) settled() {
	h.t.Helper()
	for {
		pending, err := h.Store().ListDeliveries(h.t.Context(), "acme", store.DeliveryFilter{Status: webhook.DeliveryPending}, store.Page{Limit: 1})
		if err != nil {
			h.t.Fatal(err)
		}
		if len(pending) == 0 {
			return
		}
		runtime.Gosched()
	}
}
