package e2e_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
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
func newStream(t *testing.T, path string) *stream {
	t.Helper()
	s := &stream{host: newHost(t, openStore(t, path), dispatcher.Config{})}
	s.receiver = newReceiver(t, func(int, arrival) int {
		timer := time.NewTimer(2 * time.Millisecond) // the server's work
		defer timer.Stop()
		<-timer.C
		return 204
	})
	ep, _ := s.create(webhook.Endpoint{URL: s.URL, MaxInFlight: inFlight})
	s.endpoint = ep.ID
	s.start()
	ctx, cancel := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	for range 2 {
		callers.Go(func() {
			for ctx.Err() == nil {
				// Endpoints of this tenant may come and go; errors are for
				// other tests.
				_, _ = s.Publish(ctx, event("a", 1))
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

// count is ambiguous between the host's and the receiver's.
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
			s := newStream(t, databaseFile(t))
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

// Another process that delivers stops within a second. It is not parallel: it
// measures.
func TestSendsStopWithinASecondElsewhere(t *testing.T) {
	for _, do := range []string{"delete", "pause"} {
		t.Run(do, func(t *testing.T) {
			path := databaseFile(t)
			s := newStream(t, path)
			there := startProcess(t, path)
			there.must(request{Do: do, Tenant: tenant, ID: s.endpoint})
			at := time.Now()
			s.quiet(elsewhere + 200*time.Millisecond)
			n, last := s.after(at)
			if last > elsewhere {
				t.Errorf("a request arrived %v after the call had returned in another process; want %v at most", last, elsewhere)
			}
			t.Logf("%d arrived after the call had returned, the last after %v", n, last)
			if do == "delete" {
				eventually(t, "deliveries of a deleted endpoint are not canceled", func() bool {
					return s.host.count(store.DeliveryFilter{Endpoint: s.endpoint}, webhook.DeliveryPending) == 0
				})
			}
		})
	}
}
