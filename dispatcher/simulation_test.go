package dispatcher_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

var (
	simSeeds = flag.Int("sim.seeds", 40, "how many seeds TestSimulation runs")
	simFirst = flag.Uint64("sim.first", 0, "the first seed of TestSimulation")
)

// TestSimulation lets processes publish and deliver over one store while the
// store fails before and after commits, processes die and are cut off, and the
// network loses requests and answers. Then everything heals, and the ledger must
// agree with what arrived and with what the store says.
func TestSimulation(t *testing.T) {
	for i := range uint64(*simSeeds) {
		seed := *simFirst + i
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { newSimulation(t, seed).run() })
		})
	}
}

type simulation struct {
	t     *testing.T
	store *memstore.Store

	mu       sync.Mutex
	rnd      *rand.Rand
	healed   bool
	faults   int
	crashes  int
	arrivals map[string]map[string]string // endpoint URL → event id → body
	accepted map[string]int               // endpoint URL + event id → 2xx answers sent
	bodies   map[string]string            // event id → body
	batches  map[string]string            // batch id → body
	acked    map[string]webhook.Receipt
	refused  map[string]bool // by marker, see publish
	limited  []arrival       // what was sent to the endpoint with a rate limit
	unknown  map[string]webhook.Event
	// order is what arrived, by endpoint URL, keyed when events of a key were
	// published, and began when the first try to publish one began, by marker.
	order    map[string][]string
	keyed    map[string]map[string]span
	began    map[string]time.Time
	latest   map[string]time.Time // endpoint URL + event id → when it last arrived
	asked    map[string]bool      // events that somebody wished to cancel
	canceled map[string]time.Time // deliveries that were, at once → when
}

// The endpoints of a simulation: two of them keep order.
const (
	simEndpoints = 4
	simKeys      = 3
)

var simOrder = []webhook.Order{
	{Enabled: true, OnFailure: webhook.OrderSkip},
	{Enabled: true, OnFailure: webhook.OrderBlock},
}

// onItsWay is how long a request is on its way at most.
const onItsWay = 300 * time.Millisecond

// process is one process of the simulation: it dies when dead is set.
type process struct {
	store *faultyStore
	d     *dispatcher.Dispatcher
	stop  context.CancelFunc
	done  chan error
	dead  chan struct{}
}

func newSimulation(t *testing.T, seed uint64) *simulation {
	return &simulation{
		t: t, store: memstore.New(), rnd: rand.New(rand.NewPCG(seed, 8)),
		arrivals: map[string]map[string]string{}, accepted: map[string]int{}, bodies: map[string]string{}, batches: map[string]string{},
		order: map[string][]string{}, keyed: map[string]map[string]span{}, began: map[string]time.Time{},
		acked: map[string]webhook.Receipt{}, refused: map[string]bool{}, unknown: map[string]webhook.Event{},
		latest: map[string]time.Time{}, asked: map[string]bool{}, canceled: map[string]time.Time{},
	}
}

func (s *simulation) chance(percent int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rnd.IntN(100) < percent
}

func (s *simulation) between(low, high time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return low + time.Duration(s.rnd.Int64N(int64(high-low)))
}

func (s *simulation) run() {
	s.createEndpoints(simEndpoints)
	procs := []*process{s.start(), s.start()}
	var publishers sync.WaitGroup
	for p := range procs {
		publishers.Go(func() {
			s.publishFor(time.Minute, func() *process { s.mu.Lock(); defer s.mu.Unlock(); return procs[p] })
		})
	}
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); {
		wait(s.between(time.Second, 20*time.Second))
		i := s.rnd.IntN(len(procs))
		if s.chance(50) {
			s.crash(procs[i])
			next := s.start()
			s.mu.Lock()
			procs[i] = next
			s.mu.Unlock()
		} else { // cut off for a while, perhaps for longer than its lease
			procs[i].store.down.Store(true)
			wait(s.between(time.Second, 20*time.Second))
			procs[i].store.down.Store(false)
		}
	}
	publishers.Wait()
	s.mu.Lock()
	s.healed = true
	s.mu.Unlock()
	s.republishUnknown(procs[0].d)
	s.settleDown()
	for _, p := range procs {
		p.stop()
		if err := <-p.done; err != nil {
			s.t.Errorf("Run = %v", err)
		}
	}
	s.check()
}

func (s *simulation) createEndpoints(n int) {
	d, err := dispatcher.New(s.store, dispatcher.Config{AllowPlaintextSecrets: true})
	if err != nil {
		s.t.Fatal(err)
	}
	m := manage.New(d)
	for i := range n {
		ep := webhook.Endpoint{
			Tenant: "acme", URL: fmt.Sprintf("https://e%d.example/", i), Timeout: 2 * time.Second,
			Retry: webhook.RetryPolicy{Initial: time.Second, MaxInterval: time.Minute, MaxAttempts: 50},
		}
		if i < len(simOrder) {
			ep.Order = simOrder[i]
		}
		if i == n-1 {
			ep.Batch = webhook.Batch{MaxEvents: 5, MaxWait: 3 * time.Second}
		}
		if ep.URL == limitedURL {
			ep.RateLimit.PerSecond = limitedRate
		}
		_, _, err := m.CreateEndpoint(s.t.Context(), ep)
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *simulation) start() *process {
	p := &process{store: &faultyStore{Store: s.store}, done: make(chan error, 1), dead: make(chan struct{})}
	p.store.setFault(s.fault)
	var err error
	for p.d == nil {
		p.d, err = dispatcher.New(p.store, dispatcher.Config{
			AllowPlaintextSecrets: true, Lease: 6 * time.Second, DrainTimeout: time.Second,
			Transport: transport.TransportFunc(func(ctx context.Context, req *transport.Request) (*transport.Response, error) {
				return s.send(ctx, p, req)
			}),
		})
		if err != nil && !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrUnknown) {
			s.t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.stop = cancel
	go func() { p.done <- p.d.Run(ctx) }()
	return p
}

// crash is kill -9: nothing that the process knows is ever written, and what it
// was sending may have arrived.
func (s *simulation) crash(p *process) {
	s.mu.Lock()
	s.crashes++
	s.mu.Unlock()
	p.store.down.Store(true)
	close(p.dead)
	p.stop()
	if err := <-p.done; err != nil {
		s.t.Errorf("Run of a process that dies = %v", err)
	}
}

// fault decides about one call to the store.
func (s *simulation) fault(call string, after bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.healed || s.rnd.IntN(100) >= 3 {
		return nil
	}
	s.faults++
	if after {
		return fmt.Errorf("%s: reply lost: %w", call, store.ErrUnknown)
	}
	return fmt.Errorf("%s: %w", call, store.ErrUnavailable)
}

// send is the network and the receivers.
func (s *simulation) send(ctx context.Context, p *process, req *transport.Request) (*transport.Response, error) {
	select {
	case <-p.dead:
		return nil, &transport.Error{Class: webhook.ClassConnect, Err: errors.New("dead")}
	case <-s.travel(req):
	}
	s.mu.Lock()
	what := s.rnd.IntN(100)
	if s.healed {
		what = 99
	}
	if what < 15 {
		s.mu.Unlock()
		return nil, &transport.Error{Class: webhook.ClassConnect, Err: errors.New("refused")}
	}
	id, body := req.Header.Get("Webhook-Id"), string(req.Body)
	if old, seen := s.batches[id]; seen && old != body {
		s.t.Errorf("%s arrived with two bodies: %s and %s", id, old, body)
	}
	if old, seen := s.bodies[id]; seen && old != body {
		s.t.Errorf("%s arrived with two bodies: %s and %s", id, old, body)
	}
	s.bodies[id] = body
	for id, body := range s.eventsIn(id, body) {
		s.bodies[id] = body
		if s.arrivals[req.URL] == nil {
			s.arrivals[req.URL] = map[string]string{}
		}
		s.arrivals[req.URL][id] = body
		s.order[req.URL] = append(s.order[req.URL], id)
		s.latest[req.URL+id] = time.Now()
		if what >= 45 {
			s.accepted[req.URL+id]++
		}
	}
	s.mu.Unlock()
	switch {
	case what < 25: // it hangs
		<-ctx.Done()
		return nil, &transport.Error{Class: webhook.ClassTimeout, Err: ctx.Err()}
	case what < 45:
		return &transport.Response{StatusCode: 500}, nil
	case what < 50: // accepted, and the answer is lost
		return nil, &transport.Error{Class: webhook.ClassConnect, Err: errors.New("reset")}
	}
	return &transport.Response{StatusCode: 200}, nil
}

// eventsIn returns the envelopes of a request by the ids of their events: its own, or
// those of a batch, which is then forgotten.
func (s *simulation) eventsIn(id, body string) map[string]string {
	if !strings.HasPrefix(id, "bat_") {
		return map[string]string{id: body}
	}
	s.batches[id] = body
	delete(s.bodies, id)
	var envelopes []json.RawMessage
	if err := json.Unmarshal([]byte(body), &envelopes); err != nil || len(envelopes) == 0 || len(envelopes) > 5 {
		s.t.Errorf("%s arrived with a body of %d envelopes: %v", id, len(envelopes), err)
	}
	events := make(map[string]string, len(envelopes))
	for _, e := range envelopes {
		const before, length = len(`{"id":"`), len("evt_") + 26
		events[string(e[before:before+length])] = "{" + string(e[before+length+len(`",`):])
	}
	return events
}

// travel notes a request to the endpoint with a rate limit, and lets it take its
// time.
func (s *simulation) travel(req *transport.Request) <-chan time.Time {
	if req.URL == limitedURL {
		s.mu.Lock()
		s.limited = append(s.limited, arrival{at: time.Now()})
		s.mu.Unlock()
	}
	return time.After(s.between(time.Millisecond, 300*time.Millisecond))
}

// The endpoint with a rate limit, and how many it takes in a second.
const (
	limitedURL  = "https://e1.example/"
	limitedRate = 3
)

// publishFor publishes through whatever process there is, for a while. Every
// event has a key, so that an unknown one can be repeated.
func (s *simulation) publishFor(d time.Duration, proc func() *process) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(s.between(50*time.Millisecond, 2*time.Second)) {
		ev := event("a.b", s.between(0, time.Hour).String())
		ev.IdempotencyKey = webhook.NewID("key_")
		ev.Data = []byte(fmt.Sprintf("%q", ev.IdempotencyKey))
		s.mu.Lock()
		ev.OrderingKey = fmt.Sprint(s.rnd.IntN(simKeys))
		s.began[ev.IdempotencyKey] = time.Now()
		s.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		r, err := proc().d.Publish(ctx, ev)
		cancel()
		s.mu.Lock()
		switch {
		case err == nil:
			s.acked[ev.IdempotencyKey] = r
			s.published(ev, r)
		case errors.Is(err, store.ErrUnknown):
			s.unknown[ev.IdempotencyKey] = ev
		default:
			s.refused[ev.IdempotencyKey] = true
		}
		s.mu.Unlock()
		if err == nil && s.chance(20) {
			time.Sleep(s.between(0, 2*time.Second))
			s.cancel(proc().d, r.EventID)
		}
	}
}

// cancel cancels what has not gone out of an event.
func (s *simulation) cancel(d *dispatcher.Dispatcher, event string) {
	s.mu.Lock()
	s.asked[event] = true
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	answers, _ := d.CancelEvent(ctx, "acme", event) // what failed may have been done
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range answers {
		if a.Outcome == webhook.CancelDone {
			s.canceled[a.DeliveryID] = time.Now()
		}
	}
}

func (s *simulation) republishUnknown(d *dispatcher.Dispatcher) {
	for key, ev := range s.unknown {
		r, err := d.Publish(s.t.Context(), ev)
		if err != nil {
			s.t.Errorf("repeating an unknown publish: %v", err)
		}
		s.acked[key] = r
		s.mu.Lock()
		s.published(ev, r)
		s.mu.Unlock()
	}
}

// published notes when an event was published.
func (s *simulation) published(ev webhook.Event, r webhook.Receipt) {
	if s.keyed[ev.OrderingKey] == nil {
		s.keyed[ev.OrderingKey] = map[string]span{}
	}
	s.keyed[ev.OrderingKey][r.EventID] = span{s.began[ev.IdempotencyKey], time.Now()}
}
