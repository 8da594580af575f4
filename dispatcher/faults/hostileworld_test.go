package faults_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
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
	t       *testing.T
	d       *dispatcher.Dispatcher
	manage  *manage.Manager
	stalls  *stalls.Watch
	http    *transport.HTTP
	modes   []hostileMode
	expired tls.Certificate
	valid   tls.Certificate
	inside  net.Listener // where redirects lead
	reached atomic.Int64 // connections there
	turn    atomic.Int64

	endpoints []webhook.Endpoint // of the modes, then the healthy ones
	byURL     map[string]*mistreated

	serving sync.WaitGroup
	closers []func()

	mu      sync.Mutex // guards what follows
	called  map[int]time.Time
	arrived map[int]time.Time
	conns   map[net.Conn]bool
}

// newHostileWorld starts the receivers and creates the endpoints.
func newHostileWorld(t *testing.T, modes []hostileMode) *hostileWorld {
	t.Helper()
	w := &hostileWorld{t: t, modes: modes, byURL: map[string]*mistreated{}, called: map[int]time.Time{}, arrived: map[int]time.Time{}, conns: map[net.Conn]bool{}}
	w.stalls = stalls.Start()
	w.closers = append(w.closers, w.stalls.Stop)
	roots := x509.NewCertPool()
	w.valid = w.certificate(roots, time.Hour)
	w.expired = w.certificate(roots, -time.Minute)
	w.inside = w.listen(func(c net.Conn) { w.reached.Add(1) })

	st, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "webhooks.db"))
	if err != nil {
		t.Fatal(err)
	}
	w.closers = append(w.closers, func() { _ = st.Close() })
	cfg := openGuard
	cfg.RootCAs = roots
	if w.http, err = transport.NewHTTP(cfg); err != nil {
		t.Fatal(err)
	}
	if w.d, err = dispatcher.New(st, dispatcher.Config{AllowPlaintextSecrets: true, HTTP: cfg, Transport: transport.TransportFunc(w.send)}); err != nil {
		t.Fatal(err)
	}
	w.manage = manage.New(w.d)
	for _, m := range modes {
		l := w.listen(func(c net.Conn) { m.serve(w, c) })
		if m.refuses {
			_ = l.Close() // the port is nobody's now
		}
		scheme := "http://"
		if m.secured {
			scheme = "https://"
		}
		w.create(scheme + l.Addr().String() + "/")
	}
	for range healthyReceivers {
		w.create("http://" + w.healthyReceiver() + "/")
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

// listen hands each connection to serve until the world ends.
func (w *hostileWorld) listen(serve func(net.Conn)) net.Listener {
	w.t.Helper()
	l, err := (&net.ListenConfig{}).Listen(w.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.serving.Go(func() {
				w.track(c, true)
				defer w.track(c, false)
				defer c.Close()
				serve(c)
			})
		}
	})
	w.closers = append(w.closers, func() { _ = l.Close() })
	return l
}

func (w *hostileWorld) track(c net.Conn, open bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if open {
		w.conns[c] = true
	} else {
		delete(w.conns, c)
	}
}

func (w *hostileWorld) healthyReceiver() string {
	w.t.Helper()
	l, err := (&net.ListenConfig{}).Listen(w.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		if !arrived(&w.mu, w.arrived, req) {
			rw.WriteHeader(http.StatusBadRequest)
			return
		}
		rw.WriteHeader(http.StatusNoContent)
	})}
	w.serving.Go(func() { _ = srv.Serve(l) }) // until it is closed
	w.closers = append(w.closers, func() { _ = srv.Close() })
	return l.Addr().String()
}

// certificate returns a certificate for this machine that is good for so long from
// now, and whose authority is trusted.
func (w *hostileWorld) certificate(roots *x509.CertPool, valid time.Duration) tls.Certificate {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(valid),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		w.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		w.t.Fatal(err)
	}
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
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

// attempts returns the classes of what the log keeps of a mode's first deliveries.
func (w *hostileWorld) attempts(mode int) map[webhook.ErrorClass]int {
	w.t.Helper()
	list, err := w.manage.Deliveries(w.t.Context(), tenant, store.DeliveryFilter{Endpoint: w.endpoints[mode].ID},
		store.Page{Limit: store.MaxPage, Oldest: true}) // the latest wait for a breaker
	if err != nil {
		w.t.Fatal(err)
	}
	seen := make(map[webhook.ErrorClass]int)
	for _, d := range list {
		attempts, err := w.manage.Attempts(w.t.Context(), tenant, d.ID)
		if err != nil {
			w.t.Fatal(err)
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
	for _, c := range w.closers {
		c()
	}
	w.mu.Lock()
	for c := range w.conns {
		_ = c.Close()
	}
	w.mu.Unlock()
	w.serving.Wait()
}

// readHTTP1 reads one request of HTTP/1, body included.
func readHTTP1(c net.Conn) error {
	req, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return err
	}
	drain(req.Body)
	return nil
}
