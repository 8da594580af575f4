package lane_test

import (
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/lane"
)

// together returns a loaded lane with batches of 10, and a limit of 20 a second.
func together(t *testing.T) *lane.Lane {
	t.Helper()
	cfg := config()
	cfg.BatchMax, cfg.BatchWait, cfg.Interval = 10, time.Second, 50*time.Millisecond
	l := new(lane.Lane)
	l.Load(t0, cfg, lane.Health{Answered: true})
	return l
}

func TestRipe(t *testing.T) {
	l := together(t)
	for _, tc := range []struct {
		name          string
		queued, bytes int
		waited        time.Duration
		want          bool
	}{
		{"nothing", 0, 0, time.Hour, false},
		{"some", 9, 100, 999 * time.Millisecond, false},
		{"all that go together", 10, 100, 0, true},
		{"large ones", 2, lane.MaxBatchBytes, 0, true},
		{"one that has waited", 1, 100, time.Second, true},
	} {
		if got := l.Ripe(t0.Add(tc.waited), tc.queued, tc.bytes, t0); got != tc.want {
			t.Errorf("%s: Ripe = %v, want %v", tc.name, got, tc.want)
		}
	}
}

// TestBatchTakesASlotForEachEvent lets a batch of ten wait for ten slots, which it
// asks for at once and which do not lapse meanwhile.
func TestBatchTakesASlotForEachEvent(t *testing.T) {
	l := together(t)
	fill(t, l, t0, 10)
	if _, wants := l.Slots(t0); wants {
		t.Error("a lane that collects a batch asks for slots: they would lapse")
	}
	l.Gather(10)
	r, wants := l.Slots(t0)
	if !wants || r.Want != 10 || r.Ahead < 9*r.Interval {
		t.Fatalf("Slots for a batch of 10 = %+v, %v; want all ten, as far ahead as it takes", r, wants)
	}
	l.Granted(t0, t0, r, 6)
	last := t0.Add(9 * r.Interval)
	for at := t0; at.Before(last); at = at.Add(r.Interval) {
		if l.Ready(at) {
			t.Fatalf("Ready after %v, with 6 slots for 10 events", at.Sub(t0))
		}
	}
	if r, wants = l.Slots(last); !wants || r.Want != 4 {
		t.Fatalf("Slots with 6 of 10 = %+v, %v; want the other 4", r, wants)
	}
	l.Granted(last, t0.Add(6*r.Interval), r, 4)
	if !l.Ready(last) {
		t.Fatal("Ready with a slot for each event = false")
	}
	l.StartBatch(last, lane.Ranks{normal: 10})
	if l.Queued() != 0 || l.InFlight() != 1 {
		t.Errorf("a batch that started: %d queued, %d in flight; want 0 and 1", l.Queued(), l.InFlight())
	}
	l.Gather(0)
	fill(t, l, last, 1)
	l.Gather(1)
	if l.Ready(last) {
		t.Error("Ready right after the batch: the next event has no slot of its own")
	}
}
