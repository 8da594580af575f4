package lane

import "time"

const (
	// smallWindow is how many deliveries may be under way to an endpoint that has
	// not shown that it answers: many such endpoints together must not take all
	// slots.
	smallWindow = 2
	// fullRecheck is when a full lane's parked rows are looked at again if
	// this process, which asks for them as soon as it has room, should die, or
	// another one has room before.
	fullRecheck = time.Second
	// heldUpRecheck is when ordered deliveries that are held up are looked at again,
	// if what was to make their lane due should be lost: a retry that falls due, an
	// event that is published, an owner that dies all do.
	heldUpRecheck = 30 * time.Second
)

// Config is what an endpoint's configuration means for its lane.
type Config struct {
	// Paused shuts the lane until the configuration changes.
	Paused bool
	// Deleted lets everything through at once, to be canceled unsent.
	Deleted bool
	// Ordered says that deliveries keep an order: the store gives them out, and only
	// to the lane's owner.
	Ordered bool
	// StartInFlight and MaxInFlight bound the deliveries under way.
	StartInFlight, MaxInFlight int
	// Interval is from one delivery to the next at the endpoint's limit, over
	// all processes, or 0 without one; Burst is how many may start at once
	// after a time without any.
	Interval time.Duration
	Burst    int
	// BatchMax is how many deliveries go in one request at most, 0 for one each,
	// and BatchWait how long the first waits for others.
	BatchMax  int
	BatchWait time.Duration
	// Phase is in [0, 1) and differs between endpoints, so that those of a host
	// that failed together are not probed together.
	Phase float64
}

// Health is what is remembered of an endpoint from before the lane began.
type Health struct {
	Failures, Trips          int
	LastSuccess, LastFailure time.Time
	// Recovering is since when the rate rises after an outage or a pause, or
	// zero.
	Recovering time.Time
	// Answered says that the endpoint has ever taken a delivery.
	Answered bool
}

// Result is what an attempt says about the endpoint.
type Result int

// The results of an attempt.
const (
	// Succeeded: the endpoint took the delivery.
	Succeeded Result = iota
	// Failed: it did not.
	Failed
	// Throttled: it did not, and said that it gets too much.
	Throttled
	// TimedOut: it did not, and it may have been too much for it.
	TimedOut
	// Neutral: the attempt says nothing about the endpoint.
	Neutral
)

// Effect is what the shell must do after a change. The zero value is nothing.
type Effect struct {
	// Release says that queued deliveries must go back to the store, parked
	// behind the lane's gate.
	Release bool
	// Reopen says that stored deliveries may be asked for now.
	Reopen bool
	// Notable says that other processes must hear of the endpoint's health:
	// its breaker has opened or closed, or a probe has failed.
	Notable bool
	// Begins says that a recovery begins, Ends that one has ended.
	Begins, Ends bool
}

// Lane is the state of one endpoint in one process. The zero value is a lane
// that is loading: it takes in a few deliveries and starts none.
type Lane struct {
	loaded   bool
	cfg      Config
	breaker  breaker
	window   window
	queued   Ranks
	inFlight int
	answered bool // the endpoint has taken a delivery
	backlog  backlog
	timeouts bool // the last attempt was too much for the endpoint
	// progress is when an attempt last ended, or the first of those under way
	// began.
	progress time.Time
	pace     pace
	slots    slots
	// next is how many deliveries the next request has, if they go in batches
	// and one may go.
	next     int
	ramp     ramp
	throttle throttle
	// lastSuccess and lastFailure are of this process.
	lastSuccess, lastFailure time.Time
	// blocked is until when the lane takes nothing in, because it could not be
	// loaded.
	blocked time.Time
}

// Load gives the lane its configuration, and its endpoint's health from before
// the lane began. A lane that was loaded already keeps its own health.
func (l *Lane) Load(now time.Time, cfg Config, health Health) Effect {
	first := !l.loaded && l.window.size == 0
	l.loaded, l.blocked = true, time.Time{}
	if first {
		l.cfg = cfg
		l.window = newWindow(cfg.StartInFlight, cfg.MaxInFlight)
		l.answered = health.Answered
		l.breaker.remember(now, cfg.Phase, health)
		l.learnRecovery(now, health)
		return l.settled(now)
	}
	if health.Failures == 0 && !l.breaker.closed() {
		l.breaker.succeed() // it was resumed elsewhere
	}
	e := l.configure(now, cfg)
	l.learnRecovery(now, health)
	return e
}

// Block shuts a lane that cannot be loaded, until it is tried again.
func (l *Lane) Block(until time.Time) Effect {
	l.blocked = until
	return Effect{Release: l.Queued() > 0}
}

// Outdate makes the lane load again before anything more is started, because
// its endpoint has changed. What the change already says takes effect at once.
func (l *Lane) Outdate(now time.Time, cfg Config) Effect {
	if l.window.size == 0 {
		return Effect{} // it has not loaded yet
	}
	effect := l.configure(now, cfg)
	l.loaded = false
	return effect
}

func (l *Lane) configure(now time.Time, cfg Config) Effect {
	resumed := l.cfg.Paused && !cfg.Paused
	l.cfg = cfg
	l.window.setCeiling(cfg.MaxInFlight)
	if resumed {
		l.breaker.succeed()
		l.recover(now, false)
	}
	return l.settled(now)
}

// settled returns what follows from the state that a change has led to.
func (l *Lane) settled(now time.Time) Effect {
	if l.Shut(now) {
		return Effect{Release: l.Queued() > 0}
	}
	return Effect{Reopen: l.Backlog()}
}

// Shut reports whether nothing may be started, whatever there is.
func (l *Lane) Shut(now time.Time) bool {
	return now.Before(l.blocked) || !l.cfg.Deleted && (l.cfg.Paused || l.breaker.open(now))
}

// Gate returns when a lane that is shut should be looked at again; zero means
// not before its configuration changes.
func (l *Lane) Gate(now time.Time) time.Time {
	switch {
	case now.Before(l.blocked):
		return l.blocked
	case l.cfg.Deleted:
		return now
	case l.cfg.Paused:
		return time.Time{}
	case l.breaker.open(now):
		return l.breaker.until
	case !l.breaker.closed(): // a probe is under way or about to be
		return now.Add(ProbeWait(l.breaker.trips, l.cfg.Phase))
	}
	if l.cfg.Ordered {
		return now.Add(heldUpRecheck)
	}
	return now.Add(fullRecheck)
}

// halfOpen reports whether only a probe may start.
func (l *Lane) halfOpen() bool { return !l.cfg.Deleted && !l.breaker.closed() }

// Ready reports whether a queued delivery may start now.
func (l *Lane) Ready(now time.Time) bool {
	switch {
	case !l.loaded || l.Queued() == 0 || l.Shut(now):
		return false
	case l.cfg.Deleted:
		return true
	case l.interval(now) > 0 && !l.slots.ready(now, l.cost(l.together())), !l.throttle.ready(now):
		return false
	case !l.breaker.closed():
		return l.inFlight == 0 && !l.breaker.probing
	}
	return l.inFlight < l.startable()
}

// startable returns how many deliveries may be under way while the breaker is
// closed.
func (l *Lane) startable() int {
	if !l.answered {
		return min(l.window.size, smallWindow)
	}
	return l.window.size
}

// Start moves a delivery of a rank from the queue into flight and reports whether it is
// the probe of a half-open breaker. The lane must be Ready.
func (l *Lane) Start(now time.Time, rank int) (probe bool) {
	var one Ranks
	one[rank] = 1
	return l.StartBatch(now, one)
}

// StartBatch is Start for deliveries that go in one request. That is one under way,
// but each of them counts for the endpoint's rate.
func (l *Lane) StartBatch(now time.Time, of Ranks) (probe bool) {
	if l.inFlight == 0 {
		l.progress = now
	}
	if l.interval(now) > 0 {
		l.slots.use(l.cost(of.Sum()))
	}
	for rank, n := range of {
		l.queued[rank] -= n
	}
	l.throttle.start(now)
	l.inFlight++
	probe = !l.breaker.closed() && !l.cfg.Deleted
	l.breaker.probing = probe
	return probe
}

// Finish records the result of a delivery that was started.
func (l *Lane) Finish(now time.Time, r Result, probe bool) Effect {
	return l.FinishBatch(now, 1, r, probe)
}

// FinishBatch is Finish for n deliveries that went in one request.
func (l *Lane) FinishBatch(now time.Time, n int, r Result, probe bool) Effect {
	l.inFlight--
	l.progress = now
	l.pace.end(now, n)
	if probe {
		l.breaker.probing = false
	}
	switch r {
	case Neutral:
		return Effect{}
	case Succeeded:
		wasClosed := l.breaker.closed()
		l.breaker.succeed()
		l.window.succeed()
		l.throttle.succeed(now)
		l.answered, l.timeouts = true, false
		l.lastSuccess = now
		if !wasClosed {
			l.recover(now, false)
			return Effect{Reopen: true, Notable: true, Begins: true}
		}
		return Effect{Ends: l.recovered(now)}
	case Throttled, TimedOut:
		l.window.throttle()
		if l.timeouts = true; r == Throttled {
			l.throttle.complain(now, l.inFlight)
		}
	case Failed:
		l.timeouts = false
	}
	l.lastFailure = now
	if l.breaker.fail(now, probe) || probe {
		l.throttle = throttle{} // it is not the rate
		return Effect{Release: l.Queued() > 0, Notable: true}
	}
	return Effect{}
}

// Idle reports whether the lane holds nothing and remembers nothing that its
// endpoint's health in the store would not say.
func (l *Lane) Idle() bool { return l.Queued() == 0 && l.inFlight == 0 }

// Trips returns how many probes failed since the breaker opened.
func (l *Lane) Trips() int { return l.breaker.trips }

// Failures returns how many attempts failed in a row.
func (l *Lane) Failures() int { return l.breaker.failures }

// InFlight and Queued return how many deliveries are under way and how many
// are about to be.
func (l *Lane) InFlight() int { return l.inFlight }

// Queued returns how many places of the queue are taken.
func (l *Lane) Queued() int { return l.queued.Sum() }

// Ordered reports whether its configuration says that deliveries keep an order.
func (l *Lane) Ordered() bool { return l.cfg.Ordered }

// Window returns how many deliveries may be under way at once.
func (l *Lane) Window() int { return l.window.size }

// Loaded reports whether the lane has its present configuration.
func (l *Lane) Loaded() bool { return l.loaded }
