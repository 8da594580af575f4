//go:build skewedclock

package clock

import (
	"testing"
	"time"
)

func TestTurnMovesTheWallClockAlone(t *testing.T) {
	for _, by := range []time.Duration{0, time.Hour, -time.Hour, -10 * time.Second} {
		now := time.Now()
		turned := turn(now, by)
		if got := turned.Round(0).Sub(now.Round(0)); got != by {
			t.Errorf("turn by %v moved the wall clock by %v", by, got)
		}
		if got := turned.Sub(now); got != 0 {
			t.Errorf("turn by %v moved the monotonic clock by %v", by, got)
		}
	}
}

func TestScheduleAddsUp(t *testing.T) {
	t.Setenv(variable, "-10m,15s=1h,30s=-1h")
	s := skew()
	for elapsed, want := range map[time.Duration]time.Duration{
		0: -10 * time.Minute, 15 * time.Second: 50 * time.Minute, time.Minute: -10 * time.Minute,
	} {
		if got := s.at(elapsed); got != want {
			t.Errorf("after %v the clock is wrong by %v; want %v", elapsed, got, want)
		}
	}
}
