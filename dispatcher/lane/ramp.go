package lane

import "time"

// The recovery of an endpoint: after an outage or a pause it is not met by all that
// is due at once.
const (
	// rampTop is where the rate of an endpoint without a limit stops rising, and
	// rampOver how long a recovery lasts at most: an endpoint without a limit
	// would be kept slow for ever by a backlog that does not end.
	rampTop  = 20 * time.Millisecond
	rampOver = 10 * time.Minute
	// RampStep is how long the rate takes to double. Where 200 endpoints of a host
	// recover in the same five minutes, the busiest second of their host had 2.1 to
	// 2.9 times the mean (12 seeds of TestStormOfAHost); with steps of 1 s it was
	// 2.5 to 3.9 times, over the three that reliability.md allows.
	RampStep = 4 * time.Second
)

// ramp is the rate of a recovery: one delivery a second at first, and twice as many
// after each step.
type ramp struct {
	since time.Time
	// known says that the store has it, so that it ends when it ends there.
	known bool
}

func (r *ramp) on(now time.Time) bool {
	if r.since.Sub(now) > setBack {
		r.since = now
	}
	return !r.since.IsZero() && now.Sub(r.since) < rampOver
}

// interval returns the time from one delivery to the next, for an endpoint whose
// limit has that of its own, or 0.
func (r *ramp) interval(now time.Time, limit time.Duration) time.Duration {
	if limit == 0 {
		limit = rampTop
	}
	doublings := max(int(now.Sub(r.since)/RampStep), 0)
	return max(time.Second>>min(doublings, 30), limit)
}

// risen reports whether the rate has risen as far as it does.
func (r *ramp) risen(now time.Time, limit time.Duration) bool {
	return r.interval(now, limit) == r.interval(r.since.Add(rampOver), limit)
}

// recover begins a recovery. Slots from before are of another rate.
func (l *Lane) recover(since time.Time, known bool) {
	if !since.Equal(l.ramp.since) {
		l.slots = slots{asking: l.slots.asking, keep: l.slots.keep}
	}
	l.ramp = ramp{since: since, known: known}
}

// recovered ends a recovery whose backlog is worked off, and reports whether it
// has.
func (l *Lane) recovered(now time.Time) bool {
	if l.ramp.since.IsZero() || l.Backlog() || l.Queued() > 0 || !l.ramp.risen(now, l.cfg.Interval) {
		return false
	}
	l.ramp = ramp{}
	return true
}

// RecoveryRate returns how many deliveries a second go out to an endpoint that
// recovers since then, or 0 if its recovery is over or has risen to its limit.
// interval is that of the limit, or 0 without one.
func RecoveryRate(now, since time.Time, interval time.Duration) float64 {
	r := ramp{since: since}
	if !r.on(now) || interval > 0 && r.risen(now, interval) {
		return 0
	}
	return float64(time.Second) / float64(r.interval(now, interval))
}
