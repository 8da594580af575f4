package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/clock/stalls"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// storm is reliability test F7 at a tenth of its size, over real sockets: endpoints
// of a host go dark and come back, one of them with much that is due.
type storm struct {
	t    *testing.T
	h    *host
	dark time.Duration
	due  int // of the endpoint with the rate limit
	each int // of the others of its host

	limited    *receiver
	host       []*receiver
	neighbours []*receiver

	isDark    atomic.Bool
	held      *stalls.Watch
	mu        sync.Mutex
	published map[string]time.Time
}

const (
	stormLimit      = 50
	stormEndpoints  = 20
	stormNeighbours = 5
)

var longStorm = os.Getenv("POSTRIDER_FAULTS") == "long"

func TestStorm(t *testing.T) {
	eachDatabase(t, func(t *testing.T, st store.Store) {
		s := &storm{t: t, dark: 3 * time.Second, due: 150, each: 10, published: make(map[string]time.Time)}
		if longStorm {
			s.dark, s.due, s.each = time.Minute, 1000, 50
		}
		s.run(st)
	})
}

func (s *storm) run(st store.Store) {
	s.h = newHost(s.t, st, dispatcher.Config{})
	answer := func(int, arrival) int {
		if s.isDark.Load() {
			return http.StatusInternalServerError
		}
		return http.StatusNoContent
	}
	create := func(types string, rate float64, answer func(int, arrival) int) *receiver {
		rc := newReceiver(s.t, answer)
		s.h.create(webhook.Endpoint{
			URL: rc.URL, EventTypes: []string{types}, AutoPauseAfter: -1, RateLimit: webhook.RateLimit{PerSecond: rate},
			Retry: webhook.RetryPolicy{Initial: time.Second, MaxInterval: 10 * time.Second, MaxAttempts: 50},
		})
		return rc
	}
	s.limited = create("many", stormLimit, answer)
	for range stormEndpoints {
		s.host = append(s.host, create("host", 0, answer))
	}
	for i := range stormNeighbours {
		s.neighbours = append(s.neighbours, create(fmt.Sprint("n.", i), 0, nil))
	}
	s.held = stalls.Start()
	defer s.held.Stop()
	s.h.start()
	s.chat(3 * time.Second)
	baseline := s.p99()
	s.isDark.Store(true)
	for range s.each {
		s.h.publish(event("host", 1))
	}
	for range s.due {
		s.h.publish(event("many", 1))
	}
	s.chat(s.dark)
	back := time.Now()
	s.isDark.Store(false)
	for deadline := back.Add(5 * time.Minute); s.pending() > 0 && time.Now().Before(deadline); {
		s.chat(time.Second)
	}
	if n := s.pending(); n > 0 {
		s.t.Errorf("%d deliveries are pending five minutes after the endpoints came back; want none", n)
	}
	s.judge(back, baseline, s.p99())
}

// chat publishes to the neighbours for a while, each ten times a second.
func (s *storm) chat(d time.Duration) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for n, end := 0, time.Now().Add(d); time.Now().Before(end); n++ {
		at := time.Now()
		r := s.h.publish(event(fmt.Sprint("n.", n%stormNeighbours), n))
		s.mu.Lock()
		s.published[r.EventID] = at
		s.mu.Unlock()
		<-tick.C
	}
}

// p99 returns the latency of what the neighbours got since the last call.
func (s *storm) p99() time.Duration {
	var took []time.Duration
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rc := range s.neighbours {
		for _, a := range rc.got() {
			if at, ok := s.published[a.id]; ok {
				took = append(took, a.at.Sub(at))
			}
		}
	}
	clear(s.published)
	slices.Sort(took)
	return took[len(took)*99/100]
}

func (s *storm) pending() int {
	return s.h.count(store.DeliveryFilter{}, webhook.DeliveryPending)
}

func (s *storm) judge(back time.Time, baseline, during time.Duration) {
	stall := s.held.Longest() // what it held up comes in a heap
	counts := secondsOf(s.limited.got(), back)
	for second, n := range counts {
		if n > stormLimit*11/10+stalls.Heap(stormLimit, stall) {
			s.t.Errorf("second %d after the first delivery: %d arrived; want at most 1.1 times the limit of %d: %v", second, n, stormLimit, counts)
		}
		if most := 2<<min(second, 20) + 2; n > most+stalls.Heap(most, stall) { // the probe and what is late from the second before
			s.t.Errorf("second %d of the recovery: %d arrived; want a rate that doubles from 1: %v", second, n, counts)
		}
	}
	accepted := len(s.limited.accepted())
	want(s.t, "delivered to the limited endpoint", accepted, s.due)
	for _, rc := range s.host {
		want(s.t, "delivered to an endpoint of the host", len(rc.accepted()), s.each)
		for second, n := range secondsOf(rc.got(), back) {
			if most := 2<<min(second, 20) + 4; n > most+stalls.Heap(most, stall) {
				s.t.Errorf("second %d of a recovery: %d arrived; want a rate that doubles from 1", second, n)
			}
		}
	}
	s.t.Logf("dark for %v: limited endpoint %v; neighbours' p99 %v, %v before", s.dark, counts, during, baseline)
	// Beside other tests it would be they that are measured.
	if longStorm && during > max(baseline*3/2, baseline+50*time.Millisecond) {
		s.t.Errorf("p99 of the neighbours = %v, and %v before; want at most 1.5 times that", during, baseline)
	}
}

// secondsOf counts what arrived from a time on, by the second after the first.
func secondsOf(got []arrival, from time.Time) (counts []int) {
	var first time.Time
	for _, a := range got {
		switch {
		case a.at.Before(from):
			continue
		case first.IsZero():
			first = a.at
		}
		second := max(int(a.at.Sub(first)/time.Second), 0)
		counts = append(counts, make([]int, max(second+1-len(counts), 0))...)
		counts[second]++
	}
	return counts
}
