package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/httpapi"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/webhook"
)

const (
	// clientsVariable makes this binary the clients of the API at a URL.
	clientsVariable = "LOADTEST_API"
	// httpClients is how many clients publish, each over a connection that it keeps.
	httpClients = 32
	// httpWarm and httpTime are how long they publish before the clock starts, and after.
	httpWarm, httpTime = 2 * time.Second, 8 * time.Second
	httpPayload        = 1024
)

// BenchmarkPublishHTTP measures how many events a second come in through POST /events, from
// clients in a process of their own, are stored durably in SQLite, and are delivered; and
// compares that with what the machine sends without a store. A tenth of raw is asked for.
//
//	go test -run '^$' -bench PublishHTTP -benchtime 1x ./examples/loadtest
func BenchmarkPublishHTTP(b *testing.B) {
	for b.Loop() {
		raw, err := measureRaw(b.Context(), config{endpoints: 1, fanout: 1, payload: httpPayload, rawTime: 4 * time.Second}, newBar(io.Discard))
		if err != nil {
			b.Fatal(err)
		}
		published, delivered := publishOverHTTP(b)
		b.ReportMetric(raw, "raw/s")
		b.ReportMetric(published, "published/s")
		b.ReportMetric(delivered, "delivered/s")
		b.ReportMetric(delivered/raw, "of_raw")
	}
}

// publishOverHTTP returns how many events a second are acknowledged and delivered.
func publishOverHTTP(b *testing.B) (published, delivered float64) {
	b.Helper()
	st, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "w.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	keyring, err := seal.NewKeyring(seal.NewKey())
	if err != nil {
		b.Fatal(err)
	}
	d, err := dispatcher.New(st, dispatcher.Config{Keyring: keyring, HTTP: httpConfig})
	if err != nil {
		b.Fatal(err)
	}
	m := manage.New(d)
	arrived, url, closeReceiver := countingReceiver(b, m)
	defer closeReceiver()
	var acknowledged atomic.Int64
	api, err := httpapi.New(m, httpapi.Config{Authenticate: func(*http.Request) (webhook.Principal, error) {
		return webhook.Principal{Tenant: "acme", Role: webhook.RoleAdmin, Scopes: []string{"publish"}}, nil
	}})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var work sync.WaitGroup
	defer work.Wait()
	work.Go(func() { _ = d.Run(ctx) })
	stopClients := startClients(b, url(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		api.ServeHTTP(w, r)
		acknowledged.Add(1)
	})))
	wait(ctx, httpWarm)
	began, in, out := time.Now(), acknowledged.Load(), arrived.Load()
	wait(ctx, httpTime)
	took := time.Since(began).Seconds()
	published, delivered = float64(acknowledged.Load()-in)/took, float64(arrived.Load()-out)/took
	stopClients()
	cancel()
	return published, delivered
}

// countingReceiver creates an endpoint at a receiver as raw has one. It returns the number
// of requests that it has accepted, and what serves a handler and returns its URL.
func countingReceiver(b *testing.B, m *manage.Manager) (arrived *atomic.Int64, serve func(http.Handler) string, end func()) {
	b.Helper()
	rc, err := newReceiver(b.Context(), 1)
	if err != nil {
		b.Fatal(err)
	}
	_, secret, err := m.CreateEndpoint(b.Context(), webhook.Endpoint{Tenant: "acme", URL: rc.url(0)})
	if err != nil {
		b.Fatal(err)
	}
	if err := rc.trust(0, secret.Reveal()); err != nil {
		b.Fatal(err)
	}
	rc.arrivals.Store(newArrivals(config{events: rawEvents, fanout: 1, processes: 1}, -1))
	arrived = new(atomic.Int64)
	rc.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc.ServeHTTP(w, r)
		arrived.Add(1)
	})
	rc.serve()
	var servers []*http.Server
	serve = func(h http.Handler) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		s := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
		servers = append(servers, s)
		go func() { _ = s.Serve(l) }()
		return "http://" + l.Addr().String()
	}
	return arrived, serve, func() {
		for _, s := range servers {
			_ = s.Close()
		}
		if err := rc.close(); err != nil {
			b.Error(err)
		}
		if n := rc.refused.Load(); n > 0 {
			b.Errorf("%d deliveries were refused: they were not signed right, or not whole", n)
		}
	}
}

// startClients starts this binary as the clients of an API.
func startClients(b *testing.B, url string) (stop func()) {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), clientsVariable+"="+url)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	return func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			b.Errorf("the clients ended with %v", err)
		}
	}
}

// publishToAPI publishes as all clients do until in ends, and returns the exit code.
func publishToAPI(url string, in io.Reader) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: httpClients}}
	var number atomic.Int64
	var clients sync.WaitGroup
	var failed atomic.Pointer[error]
	payloads := newPayloads(httpPayload)
	for range httpClients {
		clients.Go(func() {
			for ctx.Err() == nil {
				err := publishOne(ctx, client, url, payloads.of(int(number.Add(1)%rawEvents)))
				if err != nil && ctx.Err() == nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
			}
		})
	}
	_, _ = io.Copy(io.Discard, in)
	cancel()
	clients.Wait()
	if err := failed.Load(); err != nil {
		fmt.Fprintln(os.Stderr, *err)
		return 1
	}
	return 0
}

func publishOne(ctx context.Context, client *http.Client, url string, data []byte) error {
	body := append(append([]byte(`{"type":"load.test","data":`), data...), '}')
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/events", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer obviously-not-a-real-key")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if answer, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusAccepted {
		return errors.Join(fmt.Errorf("POST /events = %s %s", resp.Status, answer), err)
	}
	return nil
}
