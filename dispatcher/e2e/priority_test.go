package e2e_test

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

const service, inFlightOfPriorities = 40 * time.Millisecond, 8 // 200 a second

// Under a flood of low events, which is more than the receiver takes, high ones come
// about as fast as alone; and under a flood of high ones some low ones come all the
// same.
func TestPriority(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, st store.Store) {
		h := newHost(t, st, dispatcher.Config{})
		rc := newReceiver(t, func(int, arrival) int {
			<-time.After(service)
			return http.StatusOK
		})
		h.create(webhook.Endpoint{URL: rc.URL, MaxInFlight: inFlightOfPriorities})
		h.start()
		p := &prioritized{host: h, at: map[string]time.Time{}, of: map[string]webhook.Priority{}}
		p.publish(webhook.PriorityNormal, 20, 500*time.Millisecond) // so that the endpoint is known to answer
		eventually(t, "not all arrives", func() bool { return rc.count() >= len(p.at) })

		// What else the machine does may spoil the times of a try, and of all of them if it
		// goes on doing it; then it counts how many low ones arrive while a high one is on
		// its way. The backlog of low ones is longer than that by far.
		var alone, flooded time.Duration
		var between int
		for try := 0; try == 0 || try < 5 && flooded > 2*alone && between > 2*inFlightOfPriorities; try++ {
			eventually(t, "the low ones do not arrive", func() bool {
				return p.arrived(rc.got(), webhook.PriorityLow) == p.count(webhook.PriorityLow)
			})
			p.clear()
			alone = p.high(rc, 2*time.Second)
			p.clear()
			var flood sync.WaitGroup
			flood.Go(func() { p.publish(webhook.PriorityLow, 400, 3*time.Second) })
			flooded = p.high(rc, 3*time.Second)
			between = p.lowBetween(rc.got())
			left := p.count(webhook.PriorityLow) - p.arrived(rc.got(), webhook.PriorityLow)
			flood.Wait()
			if left < 50 {
				t.Skipf("%d low ones are left when all high ones have arrived: this machine is too slow for a flood", left)
			}
			t.Logf("p50 of high alone %v, under a flood of low %v, in which %d low ones arrive", alone, flooded, between)
		}
		if flooded > 2*alone && between > 2*inFlightOfPriorities {
			t.Errorf("p50 of high under a flood of low = %v, in which %d low ones arrive; want at most twice %v, or twice the %d that are in flight", flooded, between, alone, inFlightOfPriorities)
		}

		before := rc.count()
		p.publish(webhook.PriorityHigh, 400, 3*time.Second)
		got := rc.got()[before:]
		low := p.arrived(got, webhook.PriorityLow)
		t.Logf("under a flood of high %d of %d that arrived are low", low, len(got))
		if 10*low < len(got) {
			t.Errorf("%d of %d that arrived under a flood of high are low; want a tenth: they would starve", low, len(got))
		}
	})
}

// high publishes high events for a while, waits until they have arrived, and returns the
// median of what they took, service included.
func (p *prioritized) high(rc *receiver, d time.Duration) time.Duration {
	p.t.Helper()
	p.publish(webhook.PriorityHigh, 20, d)
	published := p.count(webhook.PriorityHigh)
	eventually(p.t, "the high ones do not arrive", func() bool { return p.arrived(rc.got(), webhook.PriorityHigh) == published })
	return service + p.median(rc.got(), webhook.PriorityHigh)
}

// prioritized publishes events of priorities, and knows when.
type prioritized struct {
	*host
	mu sync.Mutex
	at map[string]time.Time // by event
	of map[string]webhook.Priority
}

// publish publishes so many events a second for a while.
func (p *prioritized) publish(priority webhook.Priority, perSecond int, d time.Duration) {
	pace := time.NewTicker(time.Second / time.Duration(perSecond))
	defer pace.Stop()
	var calls sync.WaitGroup
	for end := time.Now().Add(d); time.Now().Before(end); <-pace.C {
		calls.Go(func() {
			ev := event("a.b", 1)
			ev.Priority = priority
			at := time.Now()
			r, err := p.Publish(p.t.Context(), ev)
			if err != nil {
				p.t.Errorf("Publish = %v; want nil", err)
				return
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			p.at[r.EventID], p.of[r.EventID] = at, priority
		})
	}
	calls.Wait()
}

func (p *prioritized) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.at)
	clear(p.of)
}

func (p *prioritized) count(priority webhook.Priority) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, of := range p.of {
		if of == priority {
			n++
		}
	}
	return n
}

// arrived returns how many of a priority are among the arrivals.
func (p *prioritized) arrived(got []arrival, priority webhook.Priority) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range got {
		if p.of[a.id] == priority {
			n++
		}
	}
	return n
}

// lowBetween returns the median number of low ones that arrive between the publishing of a
// high one and its arrival.
func (p *prioritized) lowBetween(got []arrival) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	var passed []int
	for _, high := range got {
		if p.of[high.id] != webhook.PriorityHigh {
			continue
		}
		n := 0
		for _, a := range got {
			if p.of[a.id] == webhook.PriorityLow && a.at.After(p.at[high.id]) && a.at.Before(high.at) {
				n++
			}
		}
		passed = append(passed, n)
	}
	slices.Sort(passed)
	if len(passed) == 0 {
		return 0
	}
	return passed[len(passed)/2]
}

// median returns the median time from publish to arrival.
func (p *prioritized) median(got []arrival, priority webhook.Priority) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	var took []time.Duration
	for _, a := range got {
		if at, ok := p.at[a.id]; ok && p.of[a.id] == priority {
			took = append(took, a.at.Sub(at))
		}
	}
	slices.Sort(took)
	return took[len(took)/2]
}
