package console_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/console"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/catalog"
	"github.com/postrider/postrider/webhook/catalog/telecom"
	"github.com/postrider/postrider/webhook/celexpr"
)

const acme = "acme"

// live is a dispatcher that delivers to a real receiver, with consoles for each role.
type live struct {
	t        *testing.T
	d        *dispatcher.Dispatcher
	m        *manage.Manager
	receiver *receiver
	admin    string // URLs of consoles, with a slash at the end
	viewer   string
}

// prefix is where the requirements mount the console.
const prefix = "/settings/webhooks"

func newLive(t *testing.T) *live {
	t.Helper()
	types := catalog.New()
	if err := telecom.Register(types); err != nil {
		t.Fatal(err)
	}
	expressions, err := celexpr.New()
	if err != nil {
		t.Fatal(err)
	}
	d, err := dispatcher.New(memstore.New(), dispatcher.Config{
		AllowPlaintextSecrets: true, Logger: zap.NewNop(), EventTypes: types.Types(), Expressions: expressions,
		HTTP: transport.HTTPConfig{Guard: guard.Config{AllowHTTP: true, AllowPrivate: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w := &live{t: t, d: d, m: manage.New(d), receiver: newReceiver(t)}
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- d.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ran; err != nil {
			t.Errorf("Run = %v; want nil", err)
		}
	})
	w.admin, w.viewer = w.serve(webhook.RoleAdmin), w.serve(webhook.RoleViewer)
	return w
}

// serve serves the console for a role, and returns its URL.
func (w *live) serve(role webhook.Role) string {
	w.t.Helper()
	return w.mount(console.Config{
		AllowViewer: true, SourceIPs: []string{"203.0.113.7"},
		Authenticate: func(*http.Request) (webhook.Principal, error) {
			return webhook.Principal{Tenant: acme, Role: role, Actor: string(role) + "@acme.example", Scopes: []string{"event-types"}}, nil
		},
	}, func(ui http.Handler) http.Handler { return ui })
}

// mount serves a console behind what a test puts before it, and returns its URL.
func (w *live) mount(cfg console.Config, before func(http.Handler) http.Handler) string {
	w.t.Helper()
	ui, err := console.New(w.m, cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(prefix+"/", before(http.StripPrefix(prefix, ui)))
	s := httptest.NewServer(mux)
	w.t.Cleanup(s.Close)
	return s.URL + prefix + "/"
}

// receiver answers by path: /ok with 200, /broken with 500, /gone with 410.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	requests []received
}

type received struct {
	path   string
	header http.Header
	body   string
}

func newReceiver(t *testing.T) *receiver {
	rec := new(receiver)
	rec.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // a body that breaks off is as long as it is
		rec.mu.Lock()
		rec.requests = append(rec.requests, received{r.URL.Path, r.Header.Clone(), string(body)})
		rec.mu.Unlock()
		switch {
		case strings.HasPrefix(r.URL.Path, "/broken"):
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, `{"error":"the orders database is down"}`)
		case strings.HasPrefix(r.URL.Path, "/gone"):
			w.WriteHeader(http.StatusGone)
		default:
			_, _ = io.WriteString(w, `{"received":true}`)
		}
	}))
	t.Cleanup(rec.Close)
	return rec
}

// last returns the request that came last to a path.
func (r *receiver) last(path string) received {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := len(r.requests) - 1; i >= 0; i-- {
		if r.requests[i].path == path {
			return r.requests[i]
		}
	}
	return received{}
}

func (w *live) create(ep webhook.Endpoint) webhook.Endpoint {
	w.t.Helper()
	ep.Tenant = acme
	ep, _, err := w.m.CreateEndpoint(w.t.Context(), ep)
	if err != nil {
		w.t.Fatal(err)
	}
	return ep
}

// publish publishes the example of an event type, and returns the event's id.
func (w *live) publish(eventType string) string {
	w.t.Helper()
	known, err := w.m.EventType(w.t.Context(), eventType)
	if err != nil {
		w.t.Fatal(err)
	}
	ev, err := webhook.NewEvent(acme, eventType, known.Example)
	if err != nil {
		w.t.Fatal(err)
	}
	receipt, err := w.d.Publish(w.t.Context(), ev)
	if err != nil {
		w.t.Fatal(err)
	}
	return receipt.EventID
}

// settled waits until the deliveries of a filter are as many as wanted.
func (w *live) settled(filter store.DeliveryFilter, want int) []webhook.Delivery {
	w.t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(patience); ; <-ticker.C {
		list, err := w.m.Deliveries(w.t.Context(), acme, filter, store.Page{Limit: store.MaxPage})
		if err != nil {
			w.t.Fatal(err)
		}
		if len(list) >= want {
			return list
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("there are %d deliveries in %+v; waited for %d", len(list), filter, want)
		}
	}
}

// furnish makes what all pages have something to show of: a webhook that works, one that
// fails, one that was paused by its failures, and dead letters.
func (w *live) furnish() (good, bad, paused webhook.Endpoint) {
	w.t.Helper()
	good = w.create(webhook.Endpoint{
		URL: w.receiver.URL + "/ok/billing", Description: "Bookkeeping, EU", Labels: []string{"billing", "eu"}, EventTypes: []string{"invoice.*", "billing.payment_processed", "user.registered"},
		Headers: map[string]string{"X-Team": "billing"}, RateLimit: webhook.RateLimit{PerSecond: 200, Burst: 10},
	})
	bad = w.create(webhook.Endpoint{
		URL: w.receiver.URL + "/broken/orders", Description: "Order desk", Labels: []string{"orders"}, EventTypes: []string{"user.*"},
		Retry: webhook.RetryPolicy{Schedule: []time.Duration{0}},
	})
	paused = w.create(webhook.Endpoint{
		URL: w.receiver.URL + "/broken/legacy", EventTypes: []string{"sms.*"}, AutoPauseAfter: 5, Retry: webhook.RetryPolicy{Schedule: []time.Duration{0, 0, 0, 0, 0, 0}, Jitter: -1},
	})
	for range 12 {
		w.publish("user.registered")
	}
	w.publish("sms.sent")
	w.settled(store.DeliveryFilter{Endpoint: good.ID, Status: webhook.DeliveryDelivered}, 12)
	return good, bad, paused
}

// attempts waits until a webhook's only delivery has as many attempts as wanted, the last
// of which delivered it.
func (w *live) attempts(endpoint string, want int) {
	w.t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(patience); ; <-ticker.C {
		d := w.settled(store.DeliveryFilter{Endpoint: endpoint}, 1)[0]
		if d.Attempts >= want && d.Status == webhook.DeliveryDelivered {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%d attempts were made, the delivery is %s; waited for %d", d.Attempts, d.Status, want)
		}
	}
}
