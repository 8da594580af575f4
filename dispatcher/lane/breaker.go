package lane

import "time"

// The circuit breaker of an endpoint.
const (
	// OpensAfter is how many attempts must fail in a row until a lane is shut.
	OpensAfter = 5
	// FirstProbe is how long a lane is shut until the first probe; each probe
	// that fails doubles the time, up to MaxProbe.
	FirstProbe = 5 * time.Second
	MaxProbe   = 5 * time.Minute
)

// breaker is closed while failures are few. Then it is open until a time, and
// from then on half open: one probe may go.
type breaker struct {
	failures int // in a row
	trips    int // probes that failed since it opened
	until    time.Time
	probing  bool // a probe is under way
}

func (b *breaker) closed() bool { return b.failures < OpensAfter }

// open reports whether nothing may go, not even a probe.
func (b *breaker) open(now time.Time) bool { return !b.closed() && now.Before(b.until) }

func (b *breaker) succeed() { *b = breaker{} }

// fail counts a failure and reports whether it opened the breaker. Failures of
// attempts that were under way when it opened do not prolong the wait.
func (b *breaker) fail(now time.Time, probe bool) (opened bool) {
	wasClosed := b.closed()
	b.failures++
	switch {
	case probe:
		b.trips++
		b.until = now.Add(ProbeWait(b.trips))
	case wasClosed && !b.closed():
		b.until = now.Add(ProbeWait(0))
		return true
	}
	return false
}

// ProbeWait returns how long a lane is shut after so many failed probes.
func ProbeWait(trips int) time.Duration {
	wait := FirstProbe
	for range trips {
		if wait *= 2; wait >= MaxProbe {
			return MaxProbe
		}
	}
	return wait
}
