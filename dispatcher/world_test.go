package dispatcher_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap/zaptest"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// world is a dispatcher over a store in memory, with receivers that are
// functions. It lives in a synctest bubble.
type world struct {
	t     *testing.T
	store store.Store
	net   *network
	*dispatcher.Dispatcher
	manage *manage.Manager
}

// network answers requests by URL and remembers them.
type network struct {
	mu       sync.Mutex
	handlers map[string]receiver
	arrivals map[string][]arrival // by URL, in their order
}

// receiver answers the nth request to it, counted from 1.
type receiver func(ctx context.Context, n int, req *transport.Request) (*transport.Response, error)

type arrival struct {
	url, id, body string
	at            time.Time
}

func newNetwork() *network {
	return &network{handlers: map[string]receiver{}, arrivals: map[string][]arrival{}}
}

func (n *network) Send(ctx context.Context, req *transport.Request) (*transport.Response, error) {
	n.mu.Lock()
	n.arrivals[req.URL] = append(n.arrivals[req.URL], arrival{req.URL, req.Header.Get("Webhook-Id"), string(req.Body), time.Now()})
	count := len(n.arrivals[req.URL])
	h := n.handlers[req.URL]
	n.mu.Unlock()
	if h == nil {
		return nil, &transport.Error{Class: webhook.ClassConnect, Err: errors.New("nobody listens")}
	}
	return h(ctx, count, req)
}

// to returns what arrived at a URL.
func (n *network) to(url string) []arrival {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.arrivals[url])
}

func status(code int) receiver {
	return func(context.Context, int, *transport.Request) (*transport.Response, error) {
		return &transport.Response{StatusCode: code}, nil
	}
}

// after answers after a time, unless that is too long for its caller.
func after(d time.Duration, code int) receiver {
	return func(ctx context.Context, n int, req *transport.Request) (*transport.Response, error) {
		select {
		case <-time.After(d):
			return status(code)(ctx, n, req)
		case <-ctx.Done():
			class := webhook.ClassTimeout
			if errors.Is(ctx.Err(), context.Canceled) {
				class = webhook.ClassCanceled
			}
			return nil, &transport.Error{Class: class, Err: ctx.Err()}
		}
	}
}

// hang never answers.
func hang(ctx context.Context, _ int, _ *transport.Request) (*transport.Response, error) {
	<-ctx.Done()
	return nil, &transport.Error{Class: webhook.ClassTimeout, Err: ctx.Err()}
}

// newWorld returns a world over st, or over a new memstore.
func newWorld(t *testing.T, st store.Store, cfg dispatcher.Config) *world {
	t.Helper()
	if st == nil {
		st = memstore.New()
	}
	w := &world{t: t, store: st, net: newNetwork()}
	if cfg.Transport == nil {
		cfg.Transport = w.net
	}
	if cfg.Logger == nil {
		cfg.Logger = zaptest.NewLogger(t)
	}
	cfg.AllowPlaintextSecrets = true
	d, err := dispatcher.New(st, cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.Dispatcher, w.manage = d, manage.New(d)
	return w
}

// run starts the dispatcher and returns a function that stops it and waits.
func (w *world) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	synctest.Wait()
	return func() {
		w.t.Helper()
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Run = %v, want nil", err)
		}
	}
}

// endpoint creates an endpoint of tenant "acme" that is answered by h.
func (w *world) endpoint(name string, h receiver, types ...string) webhook.Endpoint {
	w.t.Helper()
	ep := webhook.Endpoint{Tenant: "acme", URL: "https://" + name + ".example/", EventTypes: types}
	return w.create(ep, h)
}

func (w *world) create(ep webhook.Endpoint, h receiver) webhook.Endpoint {
	w.t.Helper()
	ep, _, err := w.manage.CreateEndpoint(w.t.Context(), ep)
	if err != nil {
		w.t.Fatalf("CreateEndpoint: %v", err)
	}
	w.net.mu.Lock()
	defer w.net.mu.Unlock()
	w.net.handlers[ep.URL] = h
	return ep
}

func event(eventType string, data any) webhook.Event {
	raw, err := json.Marshal(data)
	if err != nil {
		panic(err)
	}
	return webhook.Event{Tenant: "acme", Type: eventType, Data: raw}
}

// publish publishes n events and returns their receipts.
func (w *world) publish(n int, eventType string) []webhook.Receipt {
	w.t.Helper()
	receipts := make([]webhook.Receipt, n)
	for i := range receipts {
		r, err := w.Publish(w.t.Context(), event(eventType, i))
		if err != nil {
			w.t.Fatalf("Publish %d: %v", i, err)
		}
		receipts[i] = r
	}
	return receipts
}

// deliveries returns the deliveries of an endpoint by status.
func (w *world) deliveries(endpoint string) map[webhook.DeliveryStatus]int {
	w.t.Helper()
	got := map[webhook.DeliveryStatus]int{}
	for after := ""; ; {
		page, err := w.store.ListDeliveries(w.t.Context(), "acme", store.DeliveryFilter{Endpoint: endpoint}, store.Page{After: after, Limit: 1000})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, d := range page {
			got[d.Status]++
			after = d.ID
		}
		if len(page) < 1000 {
			return got
		}
	}
}

// pending reports whether a delivery of tenant "acme" is pending.
func (w *world) pending() bool {
	w.t.Helper()
	found, err := w.store.ListDeliveries(w.t.Context(), "acme", store.DeliveryFilter{Status: webhook.DeliveryPending}, store.Page{Limit: 1})
	if err != nil {
		w.t.Fatal(err)
	}
	return len(found) > 0
}

// only returns the one delivery of an event.
func (w *world) only(r webhook.Receipt) webhook.Delivery {
	w.t.Helper()
	ds, err := w.store.ListDeliveries(w.t.Context(), "acme", store.DeliveryFilter{Event: r.EventID}, store.Page{})
	if err != nil || len(ds) != 1 {
		w.t.Fatalf("deliveries of %s = %v, %v; want one", r.EventID, ds, err)
	}
	return ds[0]
}

func (w *world) attempts(d webhook.Delivery) []webhook.Attempt {
	w.t.Helper()
	as, err := w.store.Attempts(w.t.Context(), "acme", d.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return as
}

// wait lets virtual time pass and everything that then happens happen.
func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func want[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}
