package lane

import (
	"hash/fnv"
	"time"
)

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
	phase    float64
}

func (b *breaker) closed() bool { return b.failures < OpensAfter }

// open reports whether nothing may go, not even a probe.
func (b *breaker) open(now time.Time) bool { return !b.closed() && now.Before(b.until) }

func (b *breaker) succeed() { *b = breaker{phase: b.phase} }

// remember is a breaker of what is known of the endpoint's health. That of an
// endpoint that does not fail is closed.
func (b *breaker) remember(now time.Time, phase float64, h Health) {
	*b = breaker{failures: h.Failures, trips: h.Trips, phase: phase}
	if b.closed() {
		return
	}
	last := h.LastFailure
	if last.After(now) {
		last = now // it is the time of a process whose clock is fast
	}
	b.until = last.Add(ProbeWait(h.Trips, phase))
}

// fail counts a failure and reports whether it opened the breaker. Failures of
// attempts that were under way when it opened do not prolong the wait.
func (b *breaker) fail(now time.Time, probe bool) (opened bool) {
	wasClosed := b.closed()
	b.failures++
	switch {
	case probe:
		b.trips++
		b.until = now.Add(ProbeWait(b.trips, b.phase))
	case wasClosed && !b.closed():
		b.until = now.Add(ProbeWait(0, b.phase))
		return true
	}
	return false
}

// Phase returns a number in [0, 1) that an endpoint always has, and most others
// have not.
func Phase(endpoint string) float64 {
	h := fnv.New32a()
	h.Write([]byte(endpoint))
	return float64(h.Sum32()) / (1 << 32)
}

// ProbeWait returns how long a lane is shut after so many failed probes. Endpoints
// of a host that failed together are not probed together: all waits but the first
// are shorter by up to a quarter, as the endpoint's phase says.
func ProbeWait(trips int, phase float64) time.Duration {
	wait := FirstProbe
	for range trips {
		if wait *= 2; wait >= MaxProbe {
			wait = MaxProbe
			break
		}
	}
	if trips > 0 {
		wait -= time.Duration(phase * float64(wait) / 4)
	}
	return wait
}
