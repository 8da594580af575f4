package lane

import "time"

// stalled is how long attempts may be under way without one ending until the endpoint
// looks bad.
const stalled = time.Second

// Class is how much an endpoint is trusted. Those that are not share a part of
// the process's slots, so that they cannot slow the others.
type Class int

// The classes of lanes.
const (
	// Good endpoints answer.
	Good Class = iota
	// Unproven ones have not shown yet whether they do.
	Unproven
	// Suspect ones fail, time out, or have let a second go by without an
	// answer.
	Suspect
	// Classes is how many there are.
	Classes
)

// Class returns how much the lane's endpoint is trusted.
func (l *Lane) Class(now time.Time) Class {
	switch {
	case !l.breaker.closed() || l.timeouts || l.inFlight > 0 && now.Sub(l.progress) > stalled:
		return Suspect
	case !l.answered:
		return Unproven
	}
	return Good
}
