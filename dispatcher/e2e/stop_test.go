package e2e_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/clock/stalls"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// elsewhere is how soon sends stop in a process after another one has deleted or
// paused an endpoint.
const elsewhere = time.Second

// inFlight bounds the attempts under way to the endpoint of a stream.
const inFlight = 4

// stream is an endpoint that events are sent to without a pause.
type stream struct {
	*host
	*receiver
	endpoint string
}

// newStream publishes from several callers, to an endpoint that takes a while for
// each event, until the test ends.
func newStream(t *testing.T, h *host, eventType string) *stream {
	t.Helper()
	s := &stream{host: h}
	s.receiver = newReceiver(t, func(int, arrival) int {
		timer := time.NewTimer(2 * time.Millisecond) // the server's work
		defer timer.Stop()
		<-timer.C
		return 204
	})
	ep, _ := s.create(webhook.Endpoint{URL: s.URL, MaxInFlight: inFlight, EventTypes: []string{eventType}})
	s.endpoint = ep.ID
	ctx, cancel := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	for range 2 {
		callers.Go(func() {
			pace := time.NewTicker(2 * time.Millisecond)
			defer pace.Stop()
			for ctx.Err() == nil {
				_, _ = h.Publish(ctx, event(eventType, 1)) // ctx may end first
				<-pace.C
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		callers.Wait()
	})
	eventually(t, "nothing flows", func() bool { return s.count() > 100 })
	return s
}

// count returns how many requests have arrived; the host has a method of the name.
func (s *stream) count() int { return s.receiver.count() }

// after returns how many requests arrived after a time.
func (s *stream) after(at time.Time) (n int, last time.Duration) {
	for _, a := range s.got() {
		if d := a.at.Sub(at); d > 0 {
			n++
			last = max(last, d)
		}
	}
	return n, last
}

// quiet waits until nothing has arrived for a while.
func (s *stream) quiet(while time.Duration) {
	s.t.Helper()
	eventually(s.t, "sends do not stop", func() bool {
		got := s.got()
		return time.Since(got[len(got)-1].at) > while
	})
}

// Once DeleteEndpoint or Pause has returned, its own process starts no attempt.
func TestSendsStopAtOnceHere(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(*stream) error{
		"delete": func(s *stream) error { return s.manage.DeleteEndpoint(s.t.Context(), tenant, s.endpoint) },
		"pause":  func(s *stream) error { _, err := s.manage.Pause(s.t.Context(), tenant, s.endpoint); return err },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, openStore(t, databaseFile(t)), dispatcher.Config{})
			h.start()
			s := newStream(t, h, "a")
			if err := stop(s); err != nil {
				t.Fatal(err)
			}
			at := time.Now()
			s.quiet(300 * time.Millisecond)
			n, last := s.after(at)
			if n > inFlight {
				t.Errorf("%d requests arrived after the call had returned, the last %v after; want at most the %d that were under way", n, last, inFlight)
			}
			t.Logf("%d arrived before, %d after the call had returned, the last after %v", s.count()-n, n, last)
		})
	}
}

// Another process that delivers stops within a second.
func testSendsStopElsewhere(t *testing.T) {
	path := databaseFile(t)
	h := newHost(t, openStore(t, path), dispatcher.Config{})
	h.start()
	there := startProcess(t, path)
	streams := map[string]*stream{"delete": newStream(t, h, "a"), "pause": newStream(t, h, "b")}
	held := stalls.Start()
	defer held.Stop()
	stopped := make(map[string]time.Time)
	for do, s := range streams {
		there.must(request{Do: do, Tenant: tenant, ID: s.endpoint})
		stopped[do] = time.Now()
	}
	for do, s := range streams {
		s.quiet(elsewhere + 200*time.Millisecond)
		n, last := s.after(stopped[do])
		if most := elsewhere + held.Total(); last > most {
			t.Errorf("a request arrived %v after %s had returned in another process; want %v at most, and what the machine held up: %v", last, do, elsewhere, most)
		}
		t.Logf("%d arrived after %s had returned, the last after %v", n, do, last)
	}
	eventually(t, "deliveries of a deleted endpoint are not canceled", func() bool {
		return h.count(store.DeliveryFilter{Endpoint: streams["delete"].endpoint}, webhook.DeliveryPending) == 0
	})
}
