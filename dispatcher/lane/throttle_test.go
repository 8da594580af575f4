package lane_test

import (
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/lane"
)

// served is what became of attempts at a receiver in a while.
type served struct {
	ok, refused, timedOut int
	window                int // the most that was under way, at the end
}

// share returns the part that was refused.
func (s served) share() float64 { return float64(s.refused) / float64(max(s.ok+s.refused, 1)) }

// receives lets a lane that always has work send to a receiver for a while, in steps
// of a millisecond, and returns what became of it after a time to settle.
func receives(t *testing.T, l *lane.Lane, takes time.Duration, settling, lasting time.Duration, answer func(now time.Time) lane.Result) served {
	t.Helper()
	type attempt struct {
		ends   time.Time
		probe  bool
		result lane.Result
	}
	var under []attempt
	var s served
	var free time.Time
	for now := t0; now.Before(t0.Add(settling + lasting)); now = now.Add(time.Millisecond) {
		for len(under) > 0 && !under[0].ends.After(now) {
			a := under[0]
			under = under[1:]
			if e := l.Finish(now, a.result, a.probe); e.Release {
				for l.Queued() > 0 {
					l.Drop(normal)
				}
				l.Stored(normal)
			}
			if now.Before(t0.Add(settling)) {
				continue
			}
			switch a.result {
			case lane.Succeeded:
				s.ok++
			case lane.TimedOut:
				s.timedOut++
			default:
				s.refused++
			}
		}
		for n := l.Turn(now); n > 0; n-- {
			l.Admit(now, normal)
		}
		if r, ok := l.Slots(now); ok { // of a recovery: nobody else sends
			if free.Before(now) {
				free = now
			}
			l.Granted(now, free, r, r.Want)
			free = free.Add(time.Duration(r.Want) * r.Interval)
		}
		for l.Ready(now) {
			under = append(under, attempt{now.Add(takes), l.Start(now, normal), answer(now)})
		}
		if !now.Before(t0.Add(settling + lasting/2)) {
			s.window = max(s.window, len(under))
		}
	}
	return s
}

// bucket is a receiver that takes so many a second, and a burst.
func bucket(perSecond, burst float64) func(time.Time) lane.Result {
	tokens, last := burst, t0
	return func(now time.Time) lane.Result {
		tokens = min(burst, tokens+perSecond*now.Sub(last).Seconds())
		last = now
		if tokens < 1 {
			return lane.Throttled
		}
		tokens--
		return lane.Succeeded
	}
}

// calendar is a receiver that takes so many in each second of the clock.
func calendar(perSecond int) func(time.Time) lane.Result {
	var second time.Time
	n := 0
	return func(now time.Time) lane.Result {
		if s := now.Truncate(time.Second); !s.Equal(second) {
			second, n = s, 0
		}
		if n++; n > perSecond {
			return lane.Throttled
		}
		return lane.Succeeded
	}
}

func TestRateSettlesBelowWhatAReceiverTakes(t *testing.T) {
	for name, answer := range map[string]func() func(time.Time) lane.Result{
		"a token bucket":             func() func(time.Time) lane.Result { return bucket(20, 1) },
		"a token bucket with bursts": func() func(time.Time) lane.Result { return bucket(20, 20) },
		"a counter per second":       func() func(time.Time) lane.Result { return calendar(20) },
	} {
		for _, takes := range []time.Duration{time.Millisecond, 20 * time.Millisecond, 300 * time.Millisecond} {
			s := receives(t, loaded(t), takes, 30*time.Second, 2*time.Minute, answer())
			rate := float64(s.ok) / 120
			t.Logf("%s, %v: %.1f/s, %.1f %% refused", name, takes, rate, 100*s.share())
			if rate < 16 || rate > 20.2 || s.share() >= 0.05 {
				t.Errorf("%s of 20/s that answers in %v: settled at %.1f/s with %.1f %% refused; want 16 to 20 and less than 5 %%", name, takes, rate, 100*s.share())
			}
		}
	}
}

func TestRateFollowsAReceiver(t *testing.T) {
	slow, fast := bucket(10, 10), bucket(100, 100)
	s := receives(t, loaded(t), 5*time.Millisecond, time.Minute, 3*time.Minute, func(now time.Time) lane.Result {
		if now.Before(t0.Add(time.Minute)) {
			return slow(now)
		}
		return fast(now)
	})
	if rate := float64(s.ok) / 180; rate < 35 {
		t.Errorf("three minutes after a receiver takes 100/s instead of 10, the mean is %.1f/s; want it to rise", rate)
	}
}

// TestComplaintsAboutNothing has a receiver that refuses a quarter of its requests,
// however few: to slow down does not help, and must not go on for ever.
func TestComplaintsAboutNothing(t *testing.T) {
	for _, kind := range []lane.Result{lane.Throttled, lane.TimedOut} {
		n := 0
		s := receives(t, loaded(t), 20*time.Millisecond, time.Minute, 4*time.Minute, func(time.Time) lane.Result {
			if n++; n%4 == 0 { // never five in a row: the breaker is not meant
				return kind
			}
			return lane.Succeeded
		})
		rate := float64(s.ok) / 240
		t.Logf("result %d: %.0f/s, window %d", kind, rate, s.window)
		if rate < 100 || s.window < 4 {
			t.Errorf("a receiver that fails one in four (%d) gets %.0f/s with a window of %d; want it not to end at one", kind, rate, s.window)
		}
	}
}

// TestTimeoutsCutTheWindow has a receiver that copes with 16 at once.
func TestTimeoutsCutTheWindow(t *testing.T) {
	n := 0
	l := loaded(t)
	s := receives(t, l, 20*time.Millisecond, time.Minute, time.Minute, func(time.Time) lane.Result {
		if n++; l.InFlight() > 16 && n%2 == 0 { // never five in a row: the breaker is not meant
			return lane.TimedOut
		}
		return lane.Succeeded
	})
	if s.window > 24 || s.window < 8 || s.timedOut > s.ok/5 {
		t.Errorf("a receiver that copes with 16 at once has up to %d, and %d of %d time out; want about 16, and few", s.window, s.timedOut, s.ok+s.timedOut)
	}
}
