package httpapi_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/httpapi"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/webhook"
)

const (
	// tailClients is how many live logs are open, of one tenant.
	tailClients = 200
	// tailRound is how long each of the two is measured in turn, and tailRounds how
	// often, so that what else the machine does meets both.
	tailRound, tailRounds = 2 * time.Second, 6
)

// BenchmarkTail measures what 200 live logs cost a process that delivers as fast as it can,
// from SQLite and over sockets, with the clients in the same process. Of the throughput
// without them less than 15 % may be lost.
//
//	go test -run '^$' -bench Tail -benchtime 1x ./dispatcher/httpapi
func BenchmarkTail(b *testing.B) {
	for b.Loop() {
		s := newSaturated(b)
		var with, without float64
		s.measure(0) // what is opened first
		for range tailRounds {
			without += s.measure(0)
			with += s.measure(tailClients)
		}
		s.stop()
		b.ReportMetric(without/tailRounds, "delivered/s_without")
		b.ReportMetric(with/tailRounds, "delivered/s_with")
		b.ReportMetric(100*(1-with/without), "%lost")
		b.ReportMetric(float64(s.read.Load())/(tailRounds*tailClients*tailRound.Seconds())/1024, "KiB/s_client")
	}
}

// saturated is a process that publishes and delivers as fast as it can.
type saturated struct {
	b         *testing.B
	api       *httptest.Server
	delivered atomic.Int64
	read      atomic.Int64
	stop      func()
}

func newSaturated(b *testing.B) *saturated {
	b.Helper()
	s := &saturated{b: b}
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		s.delivered.Add(1)
		w.WriteHeader(http.StatusNoContent)
	}))
	st, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "w.db"))
	if err != nil {
		b.Fatal(err)
	}
	d, err := dispatcher.New(st, dispatcher.Config{
		AllowPlaintextSecrets: true, HTTP: transport.HTTPConfig{Guard: guard.Config{AllowHTTP: true, AllowPrivate: true}},
	})
	if err != nil {
		b.Fatal(err)
	}
	m := manage.New(d)
	for i := range 4 {
		if _, _, err := m.CreateEndpoint(b.Context(), webhook.Endpoint{Tenant: acme, URL: fmt.Sprintf("%s/%d", receiver.URL, i), EventTypes: []string{fmt.Sprint("t", i)}}); err != nil {
			b.Fatal(err)
		}
	}
	api, err := httpapi.New(m, httpapi.Config{Authenticate: authenticate})
	if err != nil {
		b.Fatal(err)
	}
	s.api = httptest.NewServer(api)
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { _ = d.Run(ctx) })
	for i := range 32 {
		work.Go(func() {
			for ctx.Err() == nil {
				_, err := d.Publish(ctx, webhook.Event{Tenant: acme, Type: fmt.Sprint("t", i%4), Data: []byte(`{"invoice":"inv_1","total":4200}`)})
				if err != nil && ctx.Err() == nil {
					b.Error(err)
					return
				}
			}
		})
	}
	s.stop = func() {
		cancel()
		work.Wait()
		s.api.Close()
		receiver.Close()
		if err := st.Close(); err != nil {
			b.Error(err)
		}
	}
	return s
}

// measure returns how many deliveries arrive a second while clients read live logs. They
// are all open before the clock starts.
func (s *saturated) measure(clients int) float64 {
	s.b.Helper()
	ctx, cancel := context.WithCancel(s.b.Context())
	defer cancel()
	var open, gone sync.WaitGroup
	for range clients {
		open.Add(1)
		gone.Go(func() {
			req, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.api.URL+"/webhooks/deliveries", nil)
			req.Header.Set("Authorization", asAdmin)
			req.Header.Set("Accept", "text/event-stream")
			resp, err := http.DefaultClient.Do(req)
			if err != nil || resp.StatusCode != http.StatusOK {
				open.Done()
				s.b.Errorf("open a live log: %v, %v", resp, err)
				return
			}
			defer resp.Body.Close()
			open.Done()
			n, _ := io.Copy(io.Discard, resp.Body)
			s.read.Add(n)
		})
	}
	open.Wait()
	began, before := time.Now(), s.delivered.Load()
	time.Sleep(tailRound)
	rate := float64(s.delivered.Load()-before) / time.Since(began).Seconds()
	cancel()
	gone.Wait()
	return rate
}
