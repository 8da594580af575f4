package lane

import "time"

// Queue bounds: how many deliveries a lane keeps in memory before they start.
// What finds no place goes the long way, through the store and a claim, so the
// queue must hold what the endpoint works off while a batch is committed; and it
// must not hold more, since all lanes share the memory. So it follows the pace
// at which attempts end.
const (
	minQueue     = 64
	maxQueue     = 256
	queuePerSlot = 16
	// smallQueue bounds what an endpoint gets that has not shown that it answers,
	// or no longer does: many such endpoints together must not take all memory.
	smallQueue = 16
	// Moment is how long an event that is being published waits for a place in
	// a lane that works fast, and brisk how many attempts must end in that time.
	Moment = 50 * time.Millisecond
	brisk  = 100
)

// Verdict is the answer to a stored delivery that asks to come in.
type Verdict struct {
	Admit bool
	// Next is when a lane that does not admit should be asked again; zero
	// means not before its configuration changes.
	Next time.Time
}

func (l *Lane) queueLimit(now time.Time) int {
	switch {
	case l.cfg.Deleted:
		return maxQueue
	case l.Class(now) != Good:
		return l.rated(now, l.leastRoom())
	}
	return l.rated(now, min(max(2*l.pace.at(now), minQueue, 2*l.cfg.BatchMax), max(queuePerSlot*l.window.size, maxQueue)))
}

// leastRoom is the queue of an endpoint that has not shown that it answers: small,
// but as large as a batch.
func (l *Lane) leastRoom() int { return max(smallQueue, l.cfg.BatchMax) }

// Excess returns how many queued deliveries a lane should give back because its
// endpoint has stopped answering.
func (l *Lane) Excess(now time.Time) int {
	if l.Class(now) != Suspect {
		return 0
	}
	return max(l.Queued()-l.leastRoom(), 0)
}

// Reserve takes one place for a delivery that is being published, and reports
// whether there was one. Stored work of the same rank or a higher one goes first:
// while some is due, new deliveries are stored too.
func (l *Lane) Reserve(now time.Time, rank int) bool {
	if !l.Room(now, rank) {
		l.Stored(rank)
		return false
	}
	l.queued[rank]++
	return true
}

// Room reports whether there is a place for a delivery that is being published.
func (l *Lane) Room(now time.Time, rank int) bool {
	return !l.backlog.before(rank) && !l.cfg.Deleted && !l.Shut(now) && l.breaker.closed() && l.fits(now, rank)
}

// Soon reports whether n deliveries that are being published would find places
// within a moment: the lane is full, or has stored work to do first, but works it
// off so fast that to wait is cheaper for everyone than the long way through the
// store.
func (l *Lane) Soon(now time.Time, n int) bool {
	if l.cfg.Deleted || l.Shut(now) {
		return false
	}
	if !l.loaded {
		return true
	}
	if l.Class(now) != Good {
		return false
	}
	return int(time.Duration(l.pace.at(now))*Moment/paceOver) >= max(n, brisk)
}

// Admit takes one place for a stored delivery that is due, or says when to ask
// again.
func (l *Lane) Admit(now time.Time, rank int) Verdict {
	if l.Shut(now) || l.halfOpen() && l.Turn(now) == 0 || !l.halfOpen() && !l.fits(now, rank) {
		l.Stored(rank)
		return Verdict{Next: l.Gate(now)}
	}
	l.queued[rank]++
	return Verdict{Admit: true}
}

// Park answers for a stored ordered delivery that is due. Those are not taken in one
// by one: they are parked, and the lane is due, so that its owner takes them by their
// keys, whichever process that is. Only a pause is the same to all processes.
func (l *Lane) Park(now time.Time, rank int) Verdict {
	l.Stored(rank)
	if l.cfg.Paused && !l.cfg.Deleted {
		return Verdict{}
	}
	return Verdict{Next: now}
}

// Drop gives back a place that was taken and not started.
func (l *Lane) Drop(rank int) { l.queued[rank]-- }
