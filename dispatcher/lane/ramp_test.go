package lane_test

import (
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/lane"
)

// recovering returns a lane of an endpoint that has recovered now.
func recovering(t *testing.T, cfg lane.Config) *lane.Lane {
	t.Helper()
	l := new(lane.Lane)
	l.Load(t0, cfg, lane.Health{Answered: true, Failures: lane.OpensAfter, LastFailure: t0.Add(-lane.FirstProbe)})
	fill(t, l, t0, 1)
	if cfg.Interval > 0 {
		l.Granted(t0, t0, wish(t, l, t0), 1)
	}
	if e := attempt(t, l, t0, lane.Succeeded); !e.Begins || !e.Notable {
		t.Fatalf("Finish of a probe that succeeds = %+v; want a recovery that begins, and others to hear of it", e)
	}
	return l
}

// rate returns what a lane asks for at a time, in deliveries a second.
func rate(t *testing.T, l *lane.Lane, at time.Time) int {
	t.Helper()
	if l.Queued() == 0 {
		fill(t, l, at, 1)
	}
	r := wish(t, l, at)
	l.Granted(at, at.Add(time.Hour), r, 0)
	return int(time.Second / r.Interval)
}

func TestRateDoublesWhileRecovering(t *testing.T) {
	slow, fast := config(), config()
	slow.Interval, fast.Interval = time.Second/10, time.Second/100
	for name, c := range map[string]struct {
		cfg  lane.Config
		want []int
	}{
		"no limit":    {config(), []int{1, 2, 4, 8, 16, 32, 50, 50}},
		"below 50/s":  {slow, []int{1, 2, 4, 8, 10, 10, 10, 10}},
		"beyond 50/s": {fast, []int{1, 2, 4, 8, 16, 32, 64, 100}},
	} {
		t.Run(name, func(t *testing.T) {
			for step, want := range c.want {
				l := recovering(t, c.cfg) // each step by itself: a lane that is refused does not ask again
				if got := rate(t, l, t0.Add(time.Duration(step)*lane.RampStep+lane.RampStep/2)); got != want {
					t.Errorf("rate in step %d = %d; want %d", step, got, want)
				}
			}
		})
	}
}

// nothing is a turn that finds nothing.
func nothing(l *lane.Lane, at time.Time) {
	asked, shares := l.Ask(at)
	l.Taken(asked, shares, lane.Ranks{})
}

func TestRecoveryEndsWhenNothingIsDue(t *testing.T) {
	l := recovering(t, config())
	at := t0
	slot := func(d time.Duration) {
		at = at.Add(d)
		fill(t, l, at, 1)
		l.Granted(at, at, wish(t, l, at), 1)
	}
	nothing(l, at)
	slot(lane.RampStep)
	if e := attempt(t, l, at, lane.Succeeded); e.Ends {
		t.Error("the recovery has ended before the rate has risen")
	}
	slot(7 * lane.RampStep)
	l.Stored(normal)
	if e := attempt(t, l, at, lane.Succeeded); e.Ends {
		t.Error("the recovery has ended while deliveries are due in the store")
	}
	nothing(l, at)
	slot(7 * lane.RampStep)
	if e := attempt(t, l, at, lane.Succeeded); !e.Ends {
		t.Error("the recovery has not ended though nothing is due any more")
	}
	fill(t, l, at, 10)
	attempt(t, l, at, lane.Succeeded)
	attempt(t, l, at, lane.Succeeded)
}

func TestRecoveryIsOverInTheEnd(t *testing.T) {
	l := recovering(t, config())
	l.Stored(normal)
	fill(t, l, t0.Add(10*time.Minute), 2)
	if !l.Ready(t0.Add(10 * time.Minute)) {
		t.Error("Ready ten minutes after the recovery began = false; want no limit any more")
	}
}

func TestResumeBeginsARecovery(t *testing.T) {
	l := loaded(t)
	cfg := config()
	cfg.Paused = true
	l.Outdate(t0, cfg)
	cfg.Paused = false
	l.Outdate(t0, cfg)
	l.Load(t0, cfg, lane.Health{Answered: true, Recovering: t0})
	if got := rate(t, l, t0); got != 1 {
		t.Errorf("rate after a resume = %d; want 1 in the first second", got)
	}
}

func TestLoadFindsARecovery(t *testing.T) {
	l := new(lane.Lane)
	l.Load(t0, config(), lane.Health{Answered: true, Recovering: t0.Add(-7 * lane.RampStep / 2)})
	if got := rate(t, l, t0); got != 8 {
		t.Errorf("rate 3.5 steps after a recovery began in another process = %d; want 8", got)
	}
}

func TestLearn(t *testing.T) {
	dead := lane.Health{Failures: lane.OpensAfter, Trips: 1, LastFailure: t0}
	t.Run("that others found it dead", func(t *testing.T) {
		l := loaded(t)
		fill(t, l, t0, 3)
		if e := l.Learn(t0, dead); !e.Release || !l.Shut(t0) || l.Failures() != lane.OpensAfter || l.Trips() != 1 {
			t.Errorf("Learn of an endpoint that others found dead = %+v, shut %v; want an open breaker and what is queued given back", e, l.Shut(t0))
		}
		for range 3 {
			l.Drop(normal)
		}
		if gate := l.Gate(t0); gate.Before(t0.Add(7*time.Second)) || gate.After(t0.Add(10*time.Second)) {
			t.Errorf("Gate = in %v; want that of the first failed probe", gate.Sub(t0))
		}
		if e := l.Learn(t0.Add(time.Second), lane.Health{LastSuccess: t0.Add(time.Second), Recovering: t0.Add(time.Second)}); !e.Reopen || l.Shut(t0.Add(time.Second)) {
			t.Errorf("Learn that it answers others = %+v, shut %v; want it reopened", e, l.Shut(t0.Add(time.Second)))
		}
		if got := rate(t, l, t0.Add(time.Second)); got != 1 {
			t.Errorf("rate after learning of a recovery = %d; want 1", got)
		}
	})
	t.Run("not what it knows better", func(t *testing.T) {
		l := loaded(t)
		fill(t, l, t0, 1)
		attempt(t, l, t0.Add(time.Second), lane.Succeeded)
		if l.Learn(t0.Add(time.Second), dead); l.Shut(t0.Add(time.Second)) {
			t.Error("Learn of failures from before its own success has shut the lane")
		}
		fill(t, l, t0, 5)
		for range lane.OpensAfter {
			attempt(t, l, t0.Add(2*time.Second), lane.Failed)
		}
		l.Learn(t0.Add(2*time.Second), lane.Health{LastSuccess: t0.Add(time.Second)})
		if !l.Shut(t0.Add(2 * time.Second)) {
			t.Error("Learn of a success from before its own failures has opened the lane")
		}
	})
	t.Run("that a recovery has ended", func(t *testing.T) {
		l := recovering(t, config())
		l.Learn(t0, lane.Health{LastSuccess: t0})
		if fill(t, l, t0, 1); l.Ready(t0) {
			t.Error("a recovery that is not stored yet has ended because the store does not know it")
		}
		l.Learn(t0, lane.Health{LastSuccess: t0, Recovering: t0})
		l.Learn(t0.Add(time.Second), lane.Health{LastSuccess: t0})
		if !l.Ready(t0.Add(time.Second)) {
			t.Error("a recovery that has ended in the store goes on")
		}
	})
}

func TestProbesOfAHostAreSpread(t *testing.T) {
	gate := func(phase float64, trips int) time.Duration {
		cfg := config()
		cfg.Phase = phase
		l := new(lane.Lane)
		l.Load(t0, cfg, lane.Health{Answered: true, Failures: lane.OpensAfter, Trips: trips - 1, LastFailure: t0.Add(-time.Hour)})
		fill(t, l, t0, 1)
		attempt(t, l, t0, lane.Failed)
		return l.Gate(t0).Sub(t0)
	}
	for trips := 1; trips < 10; trips++ {
		wait := lane.ProbeWait(trips, 0)
		if first, last := gate(0, trips), gate(0.99999, trips); first != wait || last > wait*3/4+wait/100 || last < wait*3/4 {
			t.Errorf("after %d failed probes the next come after %v and %v; want %v and three quarters of that", trips, first, last, wait)
		}
	}
}
