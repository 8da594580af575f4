package e2e_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/webhook"
)

// tenant owns what a test creates, where nothing depends on it.
const tenant = "acme"

// host is what one process of the host's has.
type host struct {
	t testing.TB
	*dispatcher.Dispatcher
	// database is the store as the dispatcher was given it.
	database store.Store
	manage   *manage.Manager
}

// databaseFile returns the path of a database that is yet to be made.
func databaseFile(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "webhooks.db")
}

// openStore opens a database file until the test ends.
func openStore(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	st, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatalf("Open = %v; want nil", err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Errorf("Close = %v; want nil", err)
		}
	})
	watched.opens(t, inFiles(path))
	return st
}

// newHost returns a process over a store. What cfg leaves empty is such that it
// may send to this machine.
func newHost(t testing.TB, st store.Store, cfg dispatcher.Config) *host {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = zaptest.NewLogger(t, zaptest.Level(zap.InfoLevel))
	}
	cfg = watched.listen(t, local(cfg))
	d, err := dispatcher.New(st, cfg)
	if err != nil {
		t.Fatalf("New = %v; want nil", err)
	}
	h := &host{t: t, Dispatcher: d, database: st, manage: manage.New(d)}
	if cfg.Keyring != nil {
		t.Cleanup(func() { watched.check(h, cfg.Keyring) })
	}
	return h
}

// local completes a configuration so that deliveries may go to this machine, with
// the one keyring that all processes of the tests have.
func local(cfg dispatcher.Config) dispatcher.Config {
	if cfg.Keyring == nil && !cfg.AllowPlaintextSecrets {
		cfg.Keyring = keyring()
	}
	cfg.HTTP.Guard = guard.Config{AllowHTTP: true, AllowPrivate: true}
	return cfg
}

// keyText is the key of the keyring; a second process must have the same.
const keyText = "prk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

func keyring() *seal.Keyring {
	kr, err := seal.ParseKeyring(keyText)
	if err != nil {
		panic(err)
	}
	return kr
}

// start runs the dispatcher until the test ends or stop is called, which waits.
func (h *host) start() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Errorf("Run = %v; want nil", err)
		}
	})
	h.t.Cleanup(stop)
	return stop
}

// create creates an endpoint and returns it with its secret's text.
func (h *host) create(ep webhook.Endpoint) (webhook.Endpoint, string) {
	h.t.Helper()
	if ep.Tenant == "" {
		ep.Tenant = tenant
	}
	ep, secret, err := h.manage.CreateEndpoint(h.t.Context(), ep)
	if err != nil {
		h.t.Fatalf("CreateEndpoint = %v; want nil", err)
	}
	return ep, secret.Reveal()
}

// publish publishes an event, which must work.
func (h *host) publish(ev webhook.Event) webhook.Receipt {
	h.t.Helper()
	r, err := h.Publish(h.t.Context(), ev)
	if err != nil {
		h.t.Fatalf("Publish = %v; want nil", err)
	}
	return r
}

// event returns an event whose payload is data as JSON.
func event(eventType string, data any) webhook.Event {
	ev, err := webhook.NewEvent(tenant, eventType, data)
	if err != nil {
		panic(err)
	}
	return ev
}

// raw returns an event with a payload that is taken as it is.
func raw(eventType, data string) webhook.Event { return event(eventType, json.RawMessage(data)) }

// deliveries returns all deliveries of a tenant that the filter selects.
func (h *host) deliveries(of string, filter store.DeliveryFilter) []webhook.Delivery {
	h.t.Helper()
	var all []webhook.Delivery
	for after := ""; ; {
		page, err := h.manage.Deliveries(h.t.Context(), of, filter, store.Page{After: after, Limit: store.MaxPage})
		if err != nil {
			h.t.Fatalf("Deliveries = %v; want nil", err)
		}
		all = append(all, page...)
		if len(page) < store.MaxPage {
			return all
		}
		after = page[len(page)-1].ID
	}
}

// count returns how many deliveries of the test's tenant have a status.
func (h *host) count(filter store.DeliveryFilter, status webhook.DeliveryStatus) int {
	h.t.Helper()
	filter.Status = status
	return len(h.deliveries(tenant, filter))
}

// attempts returns the attempts of a delivery.
func (h *host) attempts(d webhook.Delivery) []webhook.Attempt {
	h.t.Helper()
	list, err := h.manage.Attempts(h.t.Context(), d.Tenant, d.ID)
	if err != nil {
		h.t.Fatalf("Attempts(%s) = %v; want nil", d.ID, err)
	}
	return list
}
