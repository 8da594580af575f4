package faults_test

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/clock/stalls"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/webhook"
)

const (
	// hostileTimeout is the deadline of an attempt, the least that an endpoint can
	// have, so that a short run sees many.
	hostileTimeout   = webhook.MinTimeout
	healthyReceivers = 20
	hostilePerSecond = 100
)

// hostileWorld is a dispatcher in this process, over SQLite, with an endpoint for
// each hostile mode and some healthy ones.
type hostileWorld struct {
	*hostileNet
	t      *testing.T
	d      *dispatcher.Dispatcher
	manage *manage.Manager
	stalls *stalls.Watch
	http   *transport.HTTP
	modes  []hostileMode

	endpoints []webhook.Endpoint // of the modes, then the healthy ones
	byURL     map[string]*mistreated

	mu      sync.Mutex // guards what follows
	called  map[int]time.Time
	arrived map[int]time.Time
}

// newHostileWorld starts the receivers and creates the endpoints.
func newHostileWorld(t *testing.T, modes []hostileMode) *hostileWorld {
	t.Helper()
	w := &hostileWorld{hostileNet: newHostileNet(t), t: t, modes: modes, byURL: map[string]*mistreated{}, called: map[int]time.Time{}, arrived: map[int]time.Time{}}
	w.stalls = stalls.Start()
	w.closers = append(w.closers, w.stalls.Stop)

	st, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "webhooks.db"))
	if err != nil {
		t.Fatal(err)
	}
	w.closers = append(w.closers, func() { _ = st.Close() })
	cfg := openGuard
	cfg.RootCAs = w.roots
	if w.http, err = transport.NewHTTP(cfg); err != nil {
		t.Fatal(err)
	}
	if w.d, err = dispatcher.New(st, dispatcher.Config{AllowPlaintextSecrets: true, HTTP: cfg, Transport: transport.TransportFunc(w.send)}); err != nil {
		t.Fatal(err)
	}
	w.manage = manage.New(w.d)
	for _, m := range modes {
		w.create(w.receiver(m))
	}
	for range healthyReceivers {
		w.create(w.healthy(func(req *http.Request) bool { return arrived(&w.mu, w.arrived, req) }))
	}
	return w
}

func (w *hostileWorld) create(url string) {
	w.t.Helper()
	w.byURL[url] = new(mistreated)
	ep, _, err := w.manage.CreateEndpoint(w.t.Context(), webhook.Endpoint{
		Tenant: tenant, URL: url, EventTypes: []string{typeOf(len(w.endpoints))}, Timeout: hostileTimeout, AutoPauseAfter: -1,
		Retry: webhook.RetryPolicy{Schedule: []time.Duration{0, time.Second, 2 * time.Second}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.endpoints = append(w.endpoints, ep)
}

// send measures what the transport takes. What the machine held up is not late.
func (w *hostileWorld) send(ctx context.Context, req *transport.Request) (*transport.Response, error) {
	start := time.Now()
	resp, err := w.http.Send(ctx, req)
	w.byURL[req.URL].add(time.Since(start), hostileTimeout+time.Second+w.stalls.Longest())
	return resp, err
}

// run delivers while it publishes to all endpoints in turn, and returns how many
// events there were.
func (w *hostileWorld) run(lasting time.Duration) int {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.d.Run(ctx) }()
	n := 0
	tick := time.NewTicker(time.Second / hostilePerSecond)
	defer tick.Stop()
	for until := time.Now().Add(lasting); time.Now().Before(until); n++ {
		w.mu.Lock()
		w.called[n] = time.Now()
		w.mu.Unlock()
		if _, err := w.d.Publish(ctx, webhook.Event{Tenant: tenant, Type: typeOf(n % len(w.endpoints)), Data: fmt.Appendf(nil, `{"n":%d}`, n)}); err != nil {
			w.t.Errorf("publish = %v; want nil", err)
		}
		<-tick.C
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline) && w.missing(n) > 0; {
		<-tick.C
	}
	stop()
	if err := <-ended; err != nil {
		w.t.Errorf("Run = %v; want nil", err)
	}
	return n
}

func (w *hostileWorld) healthyEvent(n int) bool { return n%len(w.endpoints) >= len(w.modes) }

// missing returns how many events for healthy endpoints have not arrived.
func (w *hostileWorld) missing(published int) (missing int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for n := range published {
		if w.healthyEvent(n) && w.arrived[n].IsZero() {
			missing++
		}
	}
	return missing
}

// p99 returns the latency of what healthy endpoints got.
func (w *hostileWorld) p99() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	var took []time.Duration
	for n, at := range w.arrived {
		took = append(took, at.Sub(w.called[n]))
	}
	slices.Sort(took)
	return quantile(took, 0.99)
}

// attemptsOf returns the classes of what the log keeps of an endpoint's first deliveries.
func attemptsOf(t *testing.T, m *manage.Manager, endpoint string) map[webhook.ErrorClass]int {
	t.Helper()
	list, err := m.Deliveries(t.Context(), tenant, store.DeliveryFilter{Endpoint: endpoint},
		store.Page{Limit: store.MaxPage, Oldest: true}) // the latest wait for a breaker
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[webhook.ErrorClass]int)
	for _, d := range list {
		attempts, err := m.Attempts(t.Context(), tenant, d.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range attempts {
			if a.Class != webhook.ClassCanceled { // at the end of the run
				seen[a.Class]++
			}
		}
	}
	return seen
}

// close ends the receivers and waits for them.
func (w *hostileWorld) close() {
	w.http.CloseIdleConnections()
	w.hostileNet.close()
}
