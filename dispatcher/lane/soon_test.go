package lane_test

import (
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/lane"
)

// busy returns a lane that ends rate attempts a second and whose queue is full.
func busy(t *testing.T, rate int) (*lane.Lane, time.Time) {
	t.Helper()
	l, at := loaded(t), t0
	for range rate / 2 {
		at = at.Add(time.Second / time.Duration(rate))
		l.Reserve(at, normal)
		l.Finish(at, lane.Succeeded, l.Start(at, normal))
	}
	for l.Room(at, normal) {
		l.Reserve(at, normal)
	}
	return l, at
}

func TestSoonIsForLanesThatWorkFast(t *testing.T) {
	for _, tc := range []struct {
		name    string
		rate, n int
		want    bool
	}{
		{"a slow endpoint delays nobody", 500, 1, false},
		{"a fast one is waited for", 5000, 1, true},
		{"by as many as it can take in that time", 5000, 249, true},
		{"and no more", 5000, 260, false},
	} {
		l, at := busy(t, tc.rate)
		if got := l.Soon(at, tc.n); got != tc.want {
			t.Errorf("%s: Soon(%d) at %d/s = %v, want %v", tc.name, tc.n, tc.rate, got, tc.want)
		}
	}
}

func TestSoonIsNotForLanesThatMayNotWork(t *testing.T) {
	paused := config()
	paused.Paused = true
	for name, change := range map[string]func(*lane.Lane, time.Time){
		"paused": func(l *lane.Lane, at time.Time) { l.Load(at, paused, lane.Health{}) },
		"failing": func(l *lane.Lane, at time.Time) {
			for range lane.OpensAfter {
				l.Finish(at, lane.Failed, l.Start(at, normal))
			}
		},
		"blocked": func(l *lane.Lane, at time.Time) { l.Block(at.Add(time.Second)) },
		"hanging": func(l *lane.Lane, at time.Time) {
			l.Start(at, normal)
			l.Finish(at, lane.Throttled, false)
		},
	} {
		l, at := busy(t, 5000)
		if !l.Soon(at, 1) {
			t.Fatal("Soon = false before anything happened; want true")
		}
		if change(l, at); l.Soon(at, 1) {
			t.Errorf("Soon of a lane that is %s = true, want false: what is published would wait for nothing", name)
		}
	}
}

func TestSoonWhileLoading(t *testing.T) {
	if l := new(lane.Lane); !l.Soon(t0, 1) {
		t.Error("Soon while loading = false, want true: to load takes less than a moment, and a backlog takes long to work off")
	}
}
