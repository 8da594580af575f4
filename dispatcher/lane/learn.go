package lane

import "time"

// Learn tells the lane what the store knows of its endpoint's health, to which other
// processes contribute: an endpoint that they have found dead is dead for this one
// too, and where they go slowly this one does. What the lane itself has seen since
// counts for more; it may not be stored yet.
func (l *Lane) Learn(now time.Time, h Health) Effect {
	if l.window.size == 0 {
		return Effect{} // it has yet to load, and learns then
	}
	l.learnRecovery(now, h)
	switch {
	case l.breaker.closed() && h.Failures >= OpensAfter && h.LastFailure.After(l.lastSuccess):
		l.breaker.remember(now, l.cfg.Phase, h)
		return l.settled(now)
	case l.breaker.closed() || l.breaker.probing:
	case h.Failures == 0 && h.LastSuccess.After(l.lastFailure):
		l.breaker.succeed()
		return Effect{Reopen: true}
	}
	return Effect{}
}

func (l *Lane) learnRecovery(now time.Time, h Health) {
	switch since := h.Recovering; {
	case since.After(now):
		l.recover(now, true) // it is the time of a clock that is fast
	case !since.IsZero():
		l.recover(since, true)
	case l.ramp.known:
		l.ramp = ramp{}
	}
}
