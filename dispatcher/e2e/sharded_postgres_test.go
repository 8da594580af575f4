package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/postgres"
	"github.com/postrider/postrider/store/postgres/postgrestest"
	"github.com/postrider/postrider/store/sharded"
	"github.com/postrider/postrider/webhook"
)

// One of two servers is killed under load: the other delivers all that it is
// offered, publishes to the dead one fail at once, and when it is back whatever it
// has acknowledged arrives, once.
func TestKilledServerLeavesTheOtherShardAlone(t *testing.T) {
	t.Parallel()
	const period = 2 * time.Second
	h, dying, living := openServers(t)
	h.start()
	dying.offer()
	living.offer()
	time.Sleep(period / 2) // endpoints prove themselves
	proven := time.Now()
	time.Sleep(period)

	release := dying.hold()
	time.Sleep(period / 8) // attempts are under way, and others wait for their turn
	dying.server.Kill()
	killed := time.Now()
	release()
	time.Sleep(period)
	// Were one held up by the other, they would not arrive before that is back.
	eventually(t, "the living server's events do not arrive while the other one is dead", func() bool { return living.missing() == 0 })
	starting := time.Now()
	if err := dying.server.Start(); err != nil {
		t.Fatal(err)
	}
	back := time.Now()
	time.Sleep(period)
	dying.enough()
	living.enough()

	eventually(t, "not all that was acknowledged arrives", func() bool { return dying.missing()+living.missing() == 0 })
	for _, s := range []*offering{dying, living} {
		eventually(t, "deliveries do not end", func() bool {
			return len(h.deliveries(s.tenant, store.DeliveryFilter{Status: webhook.DeliveryPending})) == 0
		})
		s.judge()
	}
	usual := max(living.slowest(proven, killed), dying.slowest(proven, killed))
	living.soon, dying.soon = max(soon, 3*usual), max(soon, 3*usual)
	living.keepsUp("before the kill", proven, killed)
	for at := killed; at.Before(starting); at = at.Add(period / 4) {
		living.keepsUp("while the other server is dead", at, at.Add(period/4))
	}
	living.keepsUp("while it comes back", starting, back.Add(period))
	dying.fails(killed, starting)
	dying.comesBack(killed, back)
}

const (
	// offered is how often an event is published for each shard.
	offered = time.Second / 100
	// soon is how long a delivery may take to count for the rate, and a publish
	// to fail; or three times as long as any took before the kill, where the machine
	// is that slow.
	soon = time.Second
	// onTheirWay is how many calls may find that the server dies after they have
	// sent their transaction: a few batches, on the connections of a pool.
	onTheirWay = 20
)

// offering is one shard, with a tenant for whom events come at a fixed rate,
// whatever becomes of those before.
type offering struct {
	*host
	server *postgrestest.Server
	tenant string
	// enough ends the load, and waits until every call has returned.
	enough func()
	soon   time.Duration

	mu     sync.Mutex
	events []*offer
	gate   chan struct{} // closed while the receiver answers
}

// offer is one event.
type offer struct {
	at       time.Time
	answered time.Time
	err      error
	arrivals []time.Time
}

// openServers returns a host over two servers, each with a tenant.
func openServers(t *testing.T) (h *host, one, two *offering) {
	t.Helper()
	servers, stores := make(map[string]*postgrestest.Server), make(map[string]store.Store)
	for _, name := range []string{"one", "two"} {
		server := postgrestest.New(t, postgrestest.Options{})
		pool := server.Pool(t)
		if err := postgres.Migrate(t.Context(), pool, postgres.Config{}); err != nil {
			t.Fatalf("Migrate = %v; want nil", err)
		}
		st, err := postgres.New(t.Context(), pool, postgres.Config{})
		if err != nil {
			t.Fatalf("New = %v; want nil", err)
		}
		servers[name], stores[name] = server, st
	}
	st, err := sharded.New(t.Context(), stores)
	if err != nil {
		t.Fatalf("New = %v; want nil", err)
	}
	h = newHost(t, st, dispatcher.Config{Logger: zap.NewNop()})
	byShard := make(map[string]*offering)
	for i := 0; len(byShard) < len(servers); i++ {
		s := &offering{host: h, tenant: fmt.Sprint("tenant ", i), gate: make(chan struct{})}
		close(s.gate)
		name, err := st.Shard(t.Context(), s.tenant)
		if err != nil {
			t.Fatalf("Shard = %v; want nil", err)
		}
		if byShard[name] == nil {
			s.server, byShard[name] = servers[name], s
			h.create(webhook.Endpoint{Tenant: s.tenant, URL: newReceiver(t, s.arrived).URL, MaxInFlight: 8})
		}
	}
	return h, byShard["one"], byShard["two"]
}

// arrived is the receiver. An event is known by its payload: one that was refused
// has no id that we know.
func (s *offering) arrived(_ int, a arrival) int {
	var body struct{ Data int }
	if err := json.Unmarshal([]byte(a.body), &body); err != nil {
		return 400
	}
	s.mu.Lock()
	o, gate := s.events[body.Data], s.gate
	o.arrivals = append(o.arrivals, a.at)
	s.mu.Unlock()
	<-gate
	return 200
}

// hold makes the receiver answer nothing until release is called.
func (s *offering) hold() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gate = make(chan struct{})
	release = sync.OnceFunc(func() { close(s.gate) })
	s.t.Cleanup(release)
	return release
}

// offer begins the load.
func (s *offering) offer() {
	ctx, cancel := context.WithCancel(context.Background())
	var calls sync.WaitGroup
	calls.Go(func() {
		tick := time.NewTimer(0)
		for next := time.Now(); ; next = next.Add(offered) {
			tick.Reset(time.Until(next))
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				calls.Go(s.publishOne)
			}
		}
	})
	s.enough = sync.OnceFunc(func() {
		cancel()
		calls.Wait()
	})
	s.t.Cleanup(s.enough)
}

func (s *offering) publishOne() {
	o := &offer{at: time.Now()}
	s.mu.Lock()
	n := len(s.events)
	s.events = append(s.events, o)
	s.mu.Unlock()
	_, err := s.Publish(context.Background(), eventOf(s.tenant, n))
	s.mu.Lock()
	defer s.mu.Unlock()
	o.answered, o.err = time.Now(), err
}

// missing counts the events that were acknowledged and have not arrived.
func (s *offering) missing() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.events {
		if o.err == nil && len(o.arrivals) == 0 {
			n++
		}
	}
	return n
}

// judge compares what publishers were told with what arrived. No dispatcher died,
// so nothing may arrive twice.
func (s *offering) judge() {
	s.t.Helper()
	var acked, refused, unknown, twice int
	for n, o := range s.events {
		switch {
		case o.err == nil:
			acked++
		case errors.Is(o.err, store.ErrUnknown):
			unknown++
		case errors.Is(o.err, store.ErrUnavailable):
			if refused++; len(o.arrivals) > 0 {
				s.t.Errorf("event %d of %s arrived; want no trace of it: Publish = %v", n, s.tenant, o.err)
			}
		default:
			s.t.Errorf("Publish = %v; want nil, ErrUnavailable or ErrUnknown", o.err)
		}
		if len(o.arrivals) > 1 {
			twice++
		}
	}
	want(s.t, "events of "+s.tenant+" that arrived twice", twice, 0)
	s.t.Logf("%s: %d offered, %d acknowledged, %d refused, %d unknown", s.tenant, len(s.events), acked, refused, unknown)
}

// slowest returns how long a delivery of what was offered in a period took at most.
func (s *offering) slowest(from, to time.Time) (slowest time.Duration) {
	for _, o := range s.between(from, to) {
		if len(o.arrivals) > 0 {
			slowest = max(slowest, o.arrivals[0].Sub(o.at))
		}
	}
	return slowest
}

// keepsUp wants what was offered in a period delivered, soon after it was.
func (s *offering) keepsUp(when string, from, to time.Time) {
	s.t.Helper()
	var total, delivered int
	var slowest time.Duration
	for _, o := range s.between(from, to) {
		total++
		if len(o.arrivals) == 0 {
			s.t.Errorf("an event that was offered %s did not arrive: Publish = %v; want nil", when, o.err)
			continue
		}
		took := o.arrivals[0].Sub(o.at)
		if slowest = max(slowest, took); took <= s.soon {
			delivered++
		}
	}
	if rate := float64(total) / to.Sub(from).Seconds(); rate < 75 {
		s.t.Errorf("%.0f events/s were offered %s; want about 100, or the test proves nothing", rate, when)
	}
	if delivered*100 < total*95 {
		s.t.Errorf("%d of %d events that were offered %s were delivered within %v; want 95 %%", delivered, total, when, s.soon)
	}
	s.t.Logf("%s: %d of %d within %v, the slowest after %v", when, delivered, total, s.soon, slowest.Round(time.Millisecond))
}

// fails wants publishes during an outage to fail at once, and to say that nothing
// was written.
func (s *offering) fails(from, to time.Time) {
	s.t.Helper()
	var refused, unknown int
	var slowest time.Duration
	for _, o := range s.between(from, to) {
		switch {
		case errors.Is(o.err, store.ErrUnknown):
			unknown++
		case errors.Is(o.err, store.ErrUnavailable):
			refused++
			slowest = max(slowest, o.answered.Sub(o.at))
		default:
			s.t.Errorf("Publish to a dead server = %v; want an error", o.err)
		}
	}
	if unknown > onTheirWay || refused == 0 || slowest > s.soon {
		s.t.Errorf("publishes to a dead server: %d ErrUnavailable, the slowest after %v, %d ErrUnknown; want at most %d of the latter, and the others at once",
			refused, slowest, unknown, onTheirWay)
	}
	s.t.Logf("publishes to the dead server: %d refused, the slowest after %v; %d unknown", refused, slowest, unknown)
}

// comesBack says how long it took until events were accepted again, and until
// those had arrived that were accepted before.
func (s *offering) comesBack(killed, back time.Time) {
	s.t.Helper()
	var first, last time.Time
	left := 0
	for _, o := range s.events {
		switch {
		case o.err != nil:
		case o.at.Before(killed):
			if at := o.arrivals[0]; at.After(killed) {
				if left++; at.After(last) {
					last = at
				}
			}
		case first.IsZero():
			first = o.answered
		}
	}
	s.t.Logf("the dead server is back: an event is accepted after %v, the last of %d that it had not delivered arrives after %v",
		first.Sub(back).Round(time.Millisecond), left, last.Sub(back).Round(time.Millisecond))
}

// between returns what was offered in a period.
func (s *offering) between(from, to time.Time) []*offer {
	var part []*offer
	for _, o := range s.events {
		if !o.at.Before(from) && o.at.Before(to) {
			part = append(part, o)
		}
	}
	return part
}
