package lane_test

import (
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/lane"
)

// limited returns a lane whose endpoint answers and takes perSecond a second.
func limited(t *testing.T, perSecond, burst int) *lane.Lane {
	t.Helper()
	cfg := config()
	cfg.Interval, cfg.Burst = time.Second/time.Duration(perSecond), burst
	l := new(lane.Lane)
	l.Load(t0, cfg, lane.Health{Answered: true})
	return l
}

// wish returns what a lane wants, which must be something.
func wish(t *testing.T, l *lane.Lane, at time.Time) lane.SlotRequest {
	t.Helper()
	r, ok := l.Slots(at)
	if !ok {
		t.Fatalf("Slots with %d queued and %d in flight = none; want some", l.Queued(), l.InFlight())
	}
	return r
}

func TestLimitedLaneStartsNothingWithoutASlot(t *testing.T) {
	l := limited(t, 10, 1)
	fill(t, l, t0, 3)
	if l.Ready(t0) {
		t.Error("Ready before a slot was granted = true: a store that is down would lift the limit")
	}
	r := wish(t, l, t0)
	if r.Interval != 100*time.Millisecond || r.Slack != 0 || r.Want != 3 {
		t.Errorf("Slots with 3 queued at 10/s = %+v; want 3, 100 ms apart", r)
	}
	if _, ok := l.Slots(t0); ok {
		t.Error("Slots while a request is on its way = some; want none")
	}
	l.Granted(t0, t0.Add(50*time.Millisecond), r, 2)
	if l.Ready(t0) {
		t.Error("Ready before the time of the first slot = true")
	}
	if at := l.Alarm(t0); !at.Equal(t0.Add(50 * time.Millisecond)) {
		t.Errorf("Alarm = %v; want the time of the slot, in 50 ms", at.Sub(t0))
	}
	attempt(t, l, t0.Add(50*time.Millisecond), lane.Succeeded)
	if l.Ready(t0.Add(50 * time.Millisecond)) {
		t.Error("Ready after the slot was used = true; want not before the next one")
	}
	attempt(t, l, t0.Add(150*time.Millisecond), lane.Succeeded)
}

func TestSlotsLapse(t *testing.T) {
	l := limited(t, 10, 1)
	fill(t, l, t0, 3)
	l.Granted(t0, t0, wish(t, l, t0), 2)
	if l.Ready(t0.Add(250 * time.Millisecond)) {
		t.Error("Ready 150 ms after the last slot = true; want false: late ones would come on top of others'")
	}
	if r := wish(t, l, t0.Add(250*time.Millisecond)); r.Want != 3 {
		t.Errorf("Slots after all have lapsed: %d; want 3", r.Want)
	}
}

func TestLimitedLaneAsksForItsBurst(t *testing.T) {
	l := limited(t, 10, 5)
	fill(t, l, t0, 6)
	r := wish(t, l, t0)
	if r.Slack != 400*time.Millisecond || r.Want != 6 {
		t.Errorf("Slots with a burst of 5 = %+v; want slack for 4 more and 6 slots", r)
	}
	l.Granted(t0, t0.Add(-r.Slack), r, 5)
	started := 0
	for ; l.Ready(t0); started++ {
		l.Start(t0, normal)
	}
	if started != 5 {
		t.Errorf("%d started at once, want the burst of 5", started)
	}
}

func TestScarceSlotsAreAskedForLater(t *testing.T) {
	l := limited(t, 10, 1)
	fill(t, l, t0, 3)
	l.Granted(t0, t0.Add(time.Second), wish(t, l, t0), 0)
	if _, ok := l.Slots(t0); ok {
		t.Error("Slots right after a grant of none = some; want a while without asking")
	}
	at := l.Alarm(t0)
	if at.Before(t0.Add(500*time.Millisecond)) || at.After(t0.Add(time.Second)) {
		t.Errorf("Alarm after a grant of none = in %v; want shortly before the next slot is free, in 1 s", at.Sub(t0))
	}
	wish(t, l, at)
}

func TestStoreThatCannotBeAskedIsAskedAgain(t *testing.T) {
	l := limited(t, 10, 1)
	fill(t, l, t0, 1)
	wish(t, l, t0)
	l.NotGranted(t0)
	if l.Ready(t0.Add(time.Hour)) {
		t.Error("Ready without a slot = true")
	}
	at := l.Alarm(t0)
	if at.IsZero() || at.After(t0.Add(time.Second)) {
		t.Fatalf("Alarm after the store failed = %v; want within a second", at)
	}
	wish(t, l, at)
}

func TestLimitedLaneQueuesWhatItSendsWithinSeconds(t *testing.T) {
	for _, c := range []struct{ perSecond, want int }{{1, 2}, {10, 20}, {30, 60}, {1000, 64}} {
		if n := limited(t, c.perSecond, 1).Turn(t0); n != c.want {
			t.Errorf("Turn at %d/s = %d; want %d", c.perSecond, n, c.want)
		}
	}
}

func TestIdleAndUnlimitedLanesHaveNoAlarm(t *testing.T) {
	l := limited(t, 10, 1)
	if at := l.Alarm(t0); !at.IsZero() {
		t.Errorf("Alarm of a lane with nothing queued = %v; want none: an idle process would not sleep", at)
	}
	l = loaded(t)
	fill(t, l, t0, 3)
	if at := l.Alarm(t0); !at.IsZero() {
		t.Errorf("Alarm without a limit = %v; want none", at)
	}
	if _, ok := l.Slots(t0); ok {
		t.Error("Slots without a limit = some; want none")
	}
}
