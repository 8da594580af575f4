package lane_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/lane"
)

var seeds = flag.Int("lane.seeds", 500, "how many seeds TestSimulation steps through")

// TestSimulation steps a lane through random lives of its endpoint: publishes,
// answers, pauses, changes, limits, crashes of the process, and another process
// that sends to it too. There is no goroutine and no clock, so a seed replays
// exactly.
func TestSimulation(t *testing.T) {
	for seed := range uint64(*seeds) {
		first, second := newShell(seed), newShell(seed)
		if err := first.live(); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, first.tail())
		}
		if seed%10 != 0 { // what does not replay does not in most seeds
			continue
		}
		if err := second.live(); err != nil || first.trace != second.trace {
			t.Fatalf("seed %d does not replay exactly (%v): trace %x, then %x", seed, err, first.trace, second.trace)
		}
	}
}

// shell is the simplest thing that can drive a lane: rows are counted, time is
// a number, and everything happens one after the other.
type shell struct {
	rnd   *rand.Rand
	now   time.Time
	lane  *lane.Lane
	cfg   lane.Config
	trace uint64
	log   []string

	published, delivered, canceled    int
	waiting, parked, queued, inFlight int
	probes                            []bool    // of those in flight
	next                              time.Time // the lane's time in the store; zero is none
	health                            lane.Health
	alive                             bool // the endpoint answers
	loadDue                           bool
	// free is when the next slot of the endpoint's rate is free, and given are
	// those that the lane has got and may still use.
	free  time.Time
	given []time.Time
}

func newShell(seed uint64) *shell {
	s := &shell{rnd: rand.New(rand.NewPCG(seed, 7)), now: t0, cfg: config(), alive: true}
	s.start()
	return s
}

// start is a process that begins with what the store knows.
func (s *shell) start() {
	s.lane, s.loadDue = new(lane.Lane), true
	s.queued, s.inFlight, s.probes, s.given = 0, 0, nil, nil
}

func (s *shell) note(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	for _, b := range []byte(line) {
		s.trace = (s.trace ^ uint64(b)) * 1099511628211
	}
	s.log = append(s.log, s.now.Sub(t0).String()+" "+line)
}

func (s *shell) tail() (text string) {
	for _, l := range s.log[max(0, len(s.log)-40):] {
		text += l + "\n"
	}
	return text
}

// live runs a random life, then heals everything and expects all to arrive.
func (s *shell) live() error {
	for range 300 {
		if err := s.step(s.rnd.IntN(106)); err != nil {
			return err
		}
		if err := s.check(); err != nil {
			return err
		}
	}
	s.alive = true
	if s.cfg.Paused {
		s.change(func(c *lane.Config) { c.Paused = false })
	}
	for deadline := s.now.Add(2 * time.Hour); s.now.Before(deadline); s.now = s.now.Add(time.Second) {
		s.load()
		s.poll()
		s.slots()
		for s.lane.Ready(s.now) {
			if err := s.begin(); err != nil {
				return err
			}
		}
		for s.inFlight > 0 {
			s.finish(lane.Succeeded)
		}
		if err := s.check(); err != nil {
			return err
		}
		if s.delivered+s.canceled == s.published {
			return nil
		}
	}
	return fmt.Errorf("after two healthy hours %d of %d are delivered: %d waiting, %d parked (due %v), %d queued",
		s.delivered+s.canceled, s.published, s.waiting, s.parked, s.next, s.queued)
}

func (s *shell) step(what int) error {
	switch {
	case what < 30:
		s.publish(1 + s.rnd.IntN(40))
	case what < 50:
		s.poll()
	case what < 65:
		for range 1 + s.rnd.IntN(10) {
			s.slots()
			if s.lane.Ready(s.now) {
				if err := s.begin(); err != nil {
					return err
				}
			}
		}
	case what < 82:
		for range s.rnd.IntN(s.inFlight + 1) {
			s.answer()
		}
	case what < 88:
		s.load()
	case what < 94:
		most := 60_000
		if s.rnd.IntN(2) == 0 {
			most = 150 // about as long as a slot may be used
		}
		s.now = s.now.Add(time.Duration(s.rnd.IntN(most)) * time.Millisecond)
		s.note("time passes")
	case what < 96:
		s.alive = !s.alive
		s.note("alive %v", s.alive)
	case what < 98:
		s.change(func(c *lane.Config) {
			c.Paused = s.rnd.IntN(2) == 0
			c.MaxInFlight = 1 + s.rnd.IntN(64)
			c.StartInFlight = min(8, c.MaxInFlight)
			c.Interval, c.Burst = 0, 0
			if s.rnd.IntN(2) == 0 {
				c.Interval, c.Burst = time.Duration(1+s.rnd.IntN(500))*time.Millisecond, 1+s.rnd.IntN(3)
			}
		})
	case what < 100:
		s.crash()
	case what < 103:
		s.compete()
	default:
		s.hear()
	}
	return nil
}

// hear is another process that finds out about the endpoint, and this one that
// hears of it.
func (s *shell) hear() {
	switch {
	case !s.alive:
		s.health.Failures += 1 + s.rnd.IntN(lane.OpensAfter)
		s.health.LastFailure = s.now
	case s.health.Failures >= lane.OpensAfter:
		s.health = lane.Health{LastSuccess: s.now, Recovering: s.now}
	default:
		s.health.Failures, s.health.LastSuccess = 0, s.now
	}
	s.apply(s.lane.Learn(s.now, s.health))
	s.note("hear %+v", s.health)
}

func (s *shell) publish(n int) {
	for range n {
		s.published++
		if s.lane.Reserve(s.now, normal) {
			s.queued++
		} else {
			s.waiting++
		}
	}
	s.note("publish %d: queued %d waiting %d", n, s.queued, s.waiting)
}

// poll is what the claim loop does: waiting rows first, then the lane's turn.
func (s *shell) poll() {
	for ; s.waiting > 0; s.waiting-- {
		v := s.lane.Admit(s.now, normal)
		if v.Admit {
			s.queued++
			continue
		}
		s.parked++
		s.gate(v.Next)
	}
	due := s.parked > 0 && !s.next.IsZero() && !s.next.After(s.now)
	if !due && !s.lane.Wants(s.now) {
		return
	}
	asked, shares := s.lane.Ask(s.now)
	gate := s.lane.Gate(s.now)
	got := min(asked, s.parked)
	s.parked -= got
	s.queued += got
	s.next = gate
	if s.parked == 0 {
		s.next = time.Time{}
	}
	if asked > 0 {
		s.lane.Taken(asked, shares, lane.Ranks{normal: got})
	}
	s.note("turn %d got %d gate %v", asked, got, gate.Sub(s.now))
}

// gate moves the lane's time forward to an earlier one, as the store does.
func (s *shell) gate(next time.Time) {
	if s.next.IsZero() || !next.IsZero() && next.Before(s.next) {
		s.next = next
	}
}

func (s *shell) begin() error {
	if s.cfg.Interval > 0 && !s.cfg.Deleted {
		if err := s.used(); err != nil {
			return err
		}
	}
	s.probes = append(s.probes, s.lane.Start(s.now, normal))
	s.queued--
	s.inFlight++
	s.note("start")
	return nil
}

func (s *shell) answer() {
	switch r := s.rnd.IntN(20); {
	case s.cfg.Deleted:
		s.finish(lane.Neutral)
	case r == 0:
		s.finish(lane.Neutral)
	case r == 1 || !s.alive && r < 10:
		s.finish(lane.Throttled)
	case !s.alive:
		s.finish(lane.Failed)
	default:
		s.finish(lane.Succeeded)
	}
}

func (s *shell) finish(r lane.Result) {
	probe := s.probes[0]
	s.probes = s.probes[1:]
	s.inFlight--
	switch r {
	case lane.Succeeded:
		s.delivered++
		s.health = lane.Health{LastSuccess: s.now, Recovering: s.health.Recovering}
	case lane.Neutral:
		s.waiting++
	default:
		s.waiting++
		s.health.Failures++
		s.health.LastFailure = s.now
	}
	e := s.lane.Finish(s.now, r, probe)
	switch {
	case e.Begins:
		s.health.Recovering = s.now
	case e.Ends:
		s.health.Recovering = time.Time{}
	}
	s.apply(e)
	s.health.Trips = s.lane.Trips()
	s.note("finish %d probe %v", r, probe)
}

func (s *shell) apply(e lane.Effect) {
	if e.Release {
		drop(s.lane, s.queued)
		s.lane.Stored(normal)
		s.parked += s.queued
		s.queued = 0
		s.gate(s.lane.Gate(s.now))
	}
	if e.Reopen {
		s.lane.Stored(normal)
	}
}

// change writes a configuration: the store makes the lane due, and the process
// hears of it.
func (s *shell) change(alter func(*lane.Config)) {
	resumed := s.cfg.Paused
	alter(&s.cfg)
	if resumed = resumed && !s.cfg.Paused; resumed {
		s.health = lane.Health{Recovering: s.now}
	}
	s.next = s.now
	s.apply(s.lane.Outdate(s.now, s.cfg))
	s.loadDue = true
	s.note("change %+v", s.cfg)
}

func (s *shell) load() {
	if s.loadDue {
		s.loadDue = false
		s.apply(s.lane.Load(s.now, s.cfg, s.health))
		s.note("load")
	}
}

// crash is the end of the process: what it had comes back when it is reaped.
func (s *shell) crash() {
	s.waiting += s.queued + s.inFlight
	s.start()
	s.note("crash")
}

func (s *shell) check() error {
	switch {
	case s.lane.Queued() != s.queued || s.lane.InFlight() != s.inFlight:
		return fmt.Errorf("the lane counts %d queued and %d in flight; there are %d and %d", s.lane.Queued(), s.lane.InFlight(), s.queued, s.inFlight)
	case s.delivered+s.canceled+s.waiting+s.parked+s.queued+s.inFlight != s.published:
		return fmt.Errorf("rows were lost or made up")
	case s.parked > 0 && s.next.IsZero() && !s.cfg.Paused:
		return fmt.Errorf("%d rows are parked for ever though the endpoint is not paused", s.parked)
	case s.parked > 0 && s.next.Sub(s.now) > lane.MaxProbe:
		return fmt.Errorf("the gate is %v away", s.next.Sub(s.now))
	case s.cfg.Paused && s.lane.Loaded() && s.lane.Ready(s.now):
		return fmt.Errorf("ready though paused")
	}
	probing := 0
	for _, p := range s.probes {
		if p {
			probing++
		}
	}
	if probing > 1 {
		return fmt.Errorf("%d probes are under way", probing)
	}
	return nil
}
