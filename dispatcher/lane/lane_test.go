package lane_test

import (
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/lane"
)

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// normal is the rank of deliveries whose priority nobody has set.
const normal = 1

// drop gives back n places.
func drop(l *lane.Lane, n int) {
	for range n {
		l.Drop(normal)
	}
}

func config() lane.Config { return lane.Config{StartInFlight: 8, MaxInFlight: 64} }

func loaded(t *testing.T) *lane.Lane {
	t.Helper()
	l := new(lane.Lane)
	l.Load(t0, config(), lane.Health{Answered: true})
	return l
}

// fill takes n places in the lane's queue.
func fill(t *testing.T, l *lane.Lane, at time.Time, n int) {
	t.Helper()
	for i := range n {
		if !l.Admit(at, normal).Admit {
			t.Fatalf("Admit %d of %d = no, want yes", i+1, n)
		}
	}
}

// attempt starts one delivery and ends it.
func attempt(t *testing.T, l *lane.Lane, at time.Time, r lane.Result) lane.Effect {
	t.Helper()
	if !l.Ready(at) {
		t.Fatalf("Ready = false with %d queued and %d in flight, want true", l.Queued(), l.InFlight())
	}
	return l.Finish(at, r, l.Start(at, normal))
}

func TestLoadingLaneTakesFewAndStartsNone(t *testing.T) {
	l := new(lane.Lane)
	n := 0
	for l.Reserve(t0, normal) {
		n++
	}
	if n == 0 || n > 16 {
		t.Errorf("a loading lane took %d deliveries, want 1 to 16", n)
	}
	if l.Ready(t0) {
		t.Error("Ready while loading = true; it would send without knowing whether the endpoint is paused")
	}
}

func TestLoadingFindsThePauseAndReleases(t *testing.T) {
	l := new(lane.Lane)
	l.Reserve(t0, normal)
	cfg := config()
	cfg.Paused = true
	if e := l.Load(t0, cfg, lane.Health{}); !e.Release {
		t.Error("Load of a paused endpoint does not release what was queued")
	}
	if !l.Gate(t0).IsZero() {
		t.Errorf("Gate of a paused lane = %v, want none: only a change opens it", l.Gate(t0))
	}
}

func TestInFlightGrowsAndShrinks(t *testing.T) {
	l := loaded(t)
	fill(t, l, t0, 60)
	started := func() (n int) {
		for l.Ready(t0) {
			l.Start(t0, normal)
			n++
		}
		return n
	}
	if n := started(); n != 8 {
		t.Fatalf("a new lane starts %d at once, want 8", n)
	}
	for range 8 {
		l.Finish(t0, lane.Succeeded, false)
	}
	if n := started(); n != 16 {
		t.Errorf("after 8 successes it starts %d at once, want 16", n)
	}
	l.Finish(t0, lane.Throttled, false)
	if n := l.InFlight(); n != 15 {
		t.Fatalf("in flight = %d, want 15", n)
	}
	for range 8 {
		l.Finish(t0, lane.Succeeded, false)
	}
	if l.Ready(t0) && l.InFlight() >= 9 {
		t.Errorf("after being throttled at 16 it has %d in flight and starts more, want at most 9", l.InFlight())
	}
}

func TestCeilingHolds(t *testing.T) {
	l := new(lane.Lane)
	l.Load(t0, lane.Config{StartInFlight: 2, MaxInFlight: 3}, lane.Health{Answered: true})
	fill(t, l, t0, 60)
	for range 50 {
		for l.Ready(t0) {
			l.Start(t0, normal)
		}
		if l.InFlight() > 3 {
			t.Fatalf("in flight = %d over a ceiling of 3", l.InFlight())
		}
		l.Finish(t0, lane.Succeeded, false)
	}
	if l.InFlight()+1 != 3 {
		t.Errorf("in flight = %d, want the ceiling of 3 to be used", l.InFlight()+1)
	}
}

func TestBreakerOpensProbesAndCloses(t *testing.T) {
	l := loaded(t)
	fill(t, l, t0, 20)
	for i := range lane.OpensAfter {
		e := attempt(t, l, t0, lane.Failed)
		if last := i == lane.OpensAfter-1; e.Release != last {
			t.Fatalf("failure %d: Release = %v, want %v", i+1, e.Release, last)
		}
	}
	drop(l, l.Queued()) // what the shell does on Release
	if l.Reserve(t0, normal) || l.Admit(t0, normal).Admit {
		t.Fatal("an open breaker takes deliveries in")
	}
	gate := l.Gate(t0)
	if want := t0.Add(lane.FirstProbe); !gate.Equal(want) {
		t.Fatalf("Gate = %v, want %v", gate, want)
	}
	wait := lane.FirstProbe
	for trip := 1; trip <= 8; trip++ {
		if l.Turn(gate) != 1 {
			t.Fatalf("trip %d: Turn at the gate = %d, want 1 probe", trip, l.Turn(gate))
		}
		l.Taken(1, lane.Ranks{}, lane.Ranks{normal: 1})
		if l.Turn(gate) != 0 {
			t.Fatal("a second probe is let in beside the first")
		}
		if probe := l.Start(gate, normal); !probe {
			t.Fatal("Start in a half-open lane is not a probe")
		}
		if l.Ready(gate) {
			t.Fatal("Ready beside a probe")
		}
		l.Finish(gate, lane.Throttled, true)
		if l.Trips() != trip {
			t.Fatalf("Trips = %d, want %d", l.Trips(), trip)
		}
		wait = min(2*wait, lane.MaxProbe)
		if next := l.Gate(gate); !next.Equal(gate.Add(wait)) {
			t.Fatalf("after probe %d the gate is %v away, want %v", trip, next.Sub(gate), wait)
		}
		gate = l.Gate(gate)
	}
	l.Taken(1, lane.Ranks{}, lane.Ranks{normal: 1})
	if e := attempt(t, l, gate, lane.Succeeded); !e.Reopen {
		t.Error("a probe that succeeds does not reopen the lane")
	}
	if l.Turn(gate) == 0 || l.Failures() != 0 || l.Trips() != 0 {
		t.Errorf("after a good probe: Turn %d, failures %d, trips %d; want a closed breaker", l.Turn(gate), l.Failures(), l.Trips())
	}
}

// A row of failures that were under way when the breaker opened must not push
// the first probe into the future.
func TestStragglersDoNotProlongTheWait(t *testing.T) {
	l := loaded(t)
	fill(t, l, t0, 8)
	for l.Ready(t0) {
		l.Start(t0, normal)
	}
	for i := range 8 {
		l.Finish(t0.Add(time.Duration(i)*time.Second), lane.Failed, false)
	}
	want := t0.Add(4 * time.Second).Add(lane.FirstProbe)
	if gate := l.Gate(t0.Add(7 * time.Second)); !gate.Equal(want) {
		t.Errorf("Gate = %v, want %v: the fifth failure opened the breaker", gate, want)
	}
	if l.Trips() != 0 {
		t.Errorf("Trips = %d, want 0: no probe was sent", l.Trips())
	}
}

func TestHealthSurvivesTheProcess(t *testing.T) {
	l := new(lane.Lane)
	l.Load(t0, config(), lane.Health{Failures: 9, Trips: 2, LastFailure: t0})
	if l.Turn(t0) != 0 {
		t.Fatal("a lane whose endpoint was dead before a restart is open after it")
	}
	if want := t0.Add(20 * time.Second); !l.Gate(t0).Equal(want) {
		t.Errorf("Gate = %v, want %v (two failed probes)", l.Gate(t0), want)
	}
}

func TestFastClockOfAnotherDoesNotShutTheLane(t *testing.T) {
	l := new(lane.Lane)
	l.Load(t0, config(), lane.Health{Failures: 5, LastFailure: t0.Add(time.Hour)})
	if want := t0.Add(lane.ProbeWait(0, 0)); !l.Gate(t0).Equal(want) {
		t.Errorf("Gate after a failure an hour from now = %v, want %v: it was written by a process whose clock is fast", l.Gate(t0), want)
	}
}

func TestNeutralProbeLeavesTheLaneHalfOpen(t *testing.T) {
	l := new(lane.Lane)
	l.Load(t0, config(), lane.Health{Failures: 5, LastFailure: t0.Add(-time.Hour)})
	l.Taken(1, lane.Ranks{}, lane.Ranks{normal: 1})
	attempt(t, l, t0, lane.Neutral)
	if l.Turn(t0) != 1 {
		t.Errorf("Turn after a probe that says nothing = %d, want 1 more probe", l.Turn(t0))
	}
	if gate := l.Gate(t0); !gate.After(t0) {
		t.Errorf("Gate of a half-open lane = %v, want a time to come: a crash must not shut it for ever", gate)
	}
}

func TestStoredWorkGoesFirst(t *testing.T) {
	l := loaded(t)
	l.Stored(normal)
	if l.Reserve(t0, normal) {
		t.Error("Reserve while stored work is due = true: new deliveries would overtake it")
	}
	if !l.Wants(t0) {
		t.Error("Wants = false with stored work and an empty queue")
	}
	asked, shares := l.Ask(t0)
	l.Taken(asked, shares, lane.Ranks{normal: 3})
	if !l.Reserve(t0, normal) {
		t.Error("Reserve after the last stored delivery was taken = false")
	}
}

func TestPauseAndResume(t *testing.T) {
	l := loaded(t)
	fill(t, l, t0, 3)
	for range 4 {
		fill(t, l, t0, 1)
		attempt(t, l, t0, lane.Failed)
	}
	cfg := config()
	cfg.Paused = true
	if e := l.Outdate(t0, cfg); !e.Release {
		t.Error("a pause does not release what is queued")
	}
	drop(l, l.Queued())
	if l.Ready(t0) {
		t.Error("Ready while paused")
	}
	l.Load(t0, cfg, lane.Health{})
	l.Stored(normal)
	if e := l.Outdate(t0, config()); !e.Reopen {
		t.Error("a resume does not ask for what is stored")
	}
	if l.Failures() != 0 {
		t.Errorf("failures after a resume = %d, want 0: the first new failure would open the breaker", l.Failures())
	}
	if l.Loaded() {
		t.Error("a changed endpoint is still loaded: it would be sent to with the old secret")
	}
}

func TestDeletedLaneLetsEverythingThrough(t *testing.T) {
	l := loaded(t)
	cfg := config()
	cfg.Deleted = true
	fill(t, l, t0, 60)
	l.Load(t0, cfg, lane.Health{})
	n := 0
	for l.Ready(t0) {
		l.Start(t0, normal)
		n++
	}
	if n != 60 {
		t.Errorf("a deleted lane starts %d of 60, want all of them, to be canceled", n)
	}
	if l.Reserve(t0, normal) {
		t.Error("Reserve on a deleted lane")
	}
}

func TestStalledLaneIsSuspect(t *testing.T) {
	l := loaded(t)
	fill(t, l, t0, 2)
	l.Start(t0, normal)
	if c := l.Class(t0.Add(500 * time.Millisecond)); c != lane.Good {
		t.Errorf("class after half a second = %v, want Good", c)
	}
	if c := l.Class(t0.Add(1100 * time.Millisecond)); c != lane.Suspect {
		t.Errorf("class after a second without an end = %v, want Suspect", c)
	}
	fill(t, l, t0, 60)
	if n := l.Excess(t0.Add(1100 * time.Millisecond)); n < 40 {
		t.Errorf("Excess of a stalled lane with %d queued = %d; a few such lanes would hold all memory", l.Queued(), n)
	}
}

// An endpoint that nobody knows gets little until it has answered once: a
// thousand of them that never do must not take everything.
func TestUnprovenLaneGetsLittle(t *testing.T) {
	l := new(lane.Lane)
	l.Load(t0, config(), lane.Health{})
	for l.Reserve(t0, normal) {
	}
	if l.Queued() > 16 {
		t.Errorf("an unproven lane holds %d deliveries, want at most 16", l.Queued())
	}
	for l.Ready(t0) {
		l.Start(t0, normal)
	}
	if l.InFlight() > 2 {
		t.Errorf("an unproven lane has %d in flight, want at most 2", l.InFlight())
	}
	l.Finish(t0, lane.Succeeded, false)
	for l.Ready(t0) {
		l.Start(t0, normal)
	}
	if l.InFlight() < 8 || l.Class(t0) != lane.Good {
		t.Errorf("after its first answer it has %d in flight and class %v, want 8 and Good", l.InFlight(), l.Class(t0))
	}
}

// What a lane holds in memory follows the pace at which its endpoint works it
// off: a slow one must not fill what all lanes share.
func TestQueueFollowsThePace(t *testing.T) {
	for _, tc := range []struct {
		name      string
		every     time.Duration
		low, high int
	}{
		{"answers in 50 µs", 50 * time.Microsecond, 800, 1024},
		{"answers in 1 ms", time.Millisecond, 300, 600},
		{"answers in 100 ms", 100 * time.Millisecond, 64, 64},
	} {
		l := loaded(t)
		at := t0
		for at.Before(t0.Add(2 * time.Second)) {
			if l.Turn(at) > 0 {
				l.Taken(1, lane.Ranks{}, lane.Ranks{normal: 1})
			}
			l.Finish(at, lane.Succeeded, l.Start(at, normal))
			at = at.Add(tc.every)
		}
		if n := l.Turn(at); n < tc.low || n > tc.high {
			t.Errorf("an endpoint that %s: room for %d, want %d to %d", tc.name, n, tc.low, tc.high)
		}
	}
}

func TestBlockedLaneHoldsNothing(t *testing.T) {
	l := new(lane.Lane)
	l.Reserve(t0, normal)
	if e := l.Block(t0.Add(time.Minute)); !e.Release {
		t.Error("a lane that cannot be loaded keeps its deliveries: many such lanes would hold all memory")
	}
	drop(l, 1)
	if l.Reserve(t0, normal) || l.Admit(t0, normal).Admit {
		t.Error("a blocked lane takes deliveries in")
	}
	if gate := l.Gate(t0); !gate.Equal(t0.Add(time.Minute)) {
		t.Errorf("Gate = %v, want the end of the block", gate)
	}
	l.Load(t0, config(), lane.Health{})
	if !l.Admit(t0, normal).Admit {
		t.Error("a lane that was loaded after all stays blocked")
	}
}
