package lane

import "time"

// The slots of a lane whose rate is limited are reserved in the store, which shares
// them between processes.
const (
	// Ahead is how far ahead slots are reserved, and lapses how long after its
	// time one may be used. What is used later would come on top of those after
	// it, and a second would get more than its rate allows.
	Ahead  = 200 * time.Millisecond
	lapses = 100 * time.Millisecond
	// A few slots of a high rate, of spare of them one at most, may be used up to
	// keeps late: a second does not notice, and the store is asked less often.
	keeps = 500 * time.Millisecond
	spare = 100
	// setBack is more than the store takes to answer: what is further away than
	// it could be, by more than that, is of a clock that was set back since.
	setBack = 2 * time.Second
	// askAgain is the least time between two requests of a lane after the first
	// was not granted in full, and after one that could not be made.
	askAgain = 20 * time.Millisecond
	askLater = 100 * time.Millisecond
	// leastQueue is the room of a lane whose rate is limited, however slow. No
	// process is to lease what it cannot send within seconds.
	leastQueue = 2
)

// SlotRequest is what a lane wants of the store.
type SlotRequest struct {
	// Interval is from one slot to the next, Slack how much of the past counts.
	Interval, Slack time.Duration
	Want            int
	// Ahead is how far ahead they may be, if that is further than Ahead.
	Ahead time.Duration
}

// slots are those that a lane was granted and has not used.
type slots struct {
	grants []grant
	held   int // slots in all grants
	// late is how late they may be used, if not as late as all.
	late time.Duration
	// asking says that a request is on its way, again is when the next may be
	// made, and scarce that the last was not granted in full: others want them.
	asking, scarce bool
	again          time.Time
	// keep says that slots do not lapse: they are gathered for a batch.
	keep bool
}

// grant is a number of slots, the first at a time, and a step from one to the next.
type grant struct {
	at   time.Time
	step time.Duration
	n    int
}

// add takes slots in. Those of the past may be used from now on.
func (s *slots) add(now, first time.Time, step time.Duration, n int) {
	old := 0
	for old < n && first.Before(now) {
		first, old = first.Add(step), old+1
	}
	for _, g := range [...]grant{{now, 0, old}, {first, step, n - old}} {
		if g.n > 0 {
			s.grants = append(s.grants, g)
		}
	}
	s.held += n
}

// first returns the time of the first slot that has not lapsed, if there is one.
func (s *slots) first(now time.Time) (time.Time, bool) {
	if s.held > 0 && !s.keep && s.grants[0].at.Sub(now) > Ahead+setBack {
		s.grants, s.held = nil, 0
	}
	for s.held > 0 && !s.keep && s.grants[0].at.Add(max(s.late, lapses)).Before(now) {
		s.use(1)
	}
	if s.held == 0 {
		return time.Time{}, false
	}
	return s.grants[0].at, true
}

// ready reports whether n slots may be used.
func (s *slots) ready(now time.Time, n int) bool {
	at, ok := s.nth(now, n)
	return ok && !at.After(now)
}

// nth returns the time of the nth slot, if there are so many.
func (s *slots) nth(now time.Time, n int) (time.Time, bool) {
	if _, ok := s.first(now); !ok || s.held < n {
		return time.Time{}, false
	}
	for _, g := range s.grants {
		if n <= g.n {
			return g.at.Add(time.Duration(n-1) * g.step), true
		}
		n -= g.n
	}
	return time.Time{}, false
}

// use removes the first n slots, or as many as there are.
func (s *slots) use(n int) {
	for ; n > 0 && s.held > 0; n-- {
		g := &s.grants[0]
		g.at = g.at.Add(g.step)
		s.held--
		if g.n--; g.n == 0 {
			s.grants = s.grants[1:]
		}
	}
}

// interval returns the time from one slot to the next, or 0 if the rate of the lane
// is not limited.
func (l *Lane) interval(now time.Time) time.Duration {
	switch {
	case l.cfg.Deleted:
		return 0
	case l.cfg.BatchMax > 0 && l.cfg.Interval > 0:
		return l.cfg.Interval // a batch would wait for the slots of all its members
	case l.ramp.on(now):
		return l.ramp.interval(now, l.cfg.Interval)
	}
	return l.cfg.Interval
}

// cost returns how many slots n deliveries take that go together: the limit is of
// deliveries, a recovery's of requests.
func (l *Lane) cost(n int) int {
	if l.cfg.Interval == 0 {
		return min(n, 1)
	}
	return n
}

// burst returns how many slots may be used at once after a time without any.
func (l *Lane) burst(now time.Time) int {
	if l.ramp.on(now) {
		return 1
	}
	return max(l.cfg.Burst, 1)
}

// rated bounds the queue of a lane by what its rate lets it send in two seconds.
func (l *Lane) rated(now time.Time, limit int) int {
	if interval := max(l.interval(now), l.throttle.interval()); interval > 0 {
		return min(limit, max(int(2*time.Second/interval), leastQueue))
	}
	return limit
}

// slotsNeeded returns how many slots the lane has use for in the time that is
// reserved ahead: for what is queued, as far as it could start, and, while there
// are enough for everybody, for what may come at the present pace.
func (l *Lane) slotsNeeded(now time.Time, interval time.Duration) int {
	if !l.loaded || l.Shut(now) {
		return 0
	}
	if !l.breaker.closed() {
		if l.Queued() == 0 || l.inFlight > 0 {
			return 0
		}
		return 1
	}
	if l.cfg.BatchMax > 0 {
		if l.inFlight >= l.startable() {
			return 0
		}
		return l.cost(l.next)
	}
	soon := int(time.Duration(l.pace.at(now)) * Ahead / paceOver)
	if more := int(time.Duration(l.pace.at(now)) * keeps / paceOver); few(more, interval) {
		soon = more
	}
	need := min(l.Queued(), max(l.startable()-l.inFlight, 0)+soon)
	if !l.slots.scarce {
		need = max(need, soon)
	}
	if own := l.throttle.interval(); own > interval {
		return min(need, int(Ahead/own)+1)
	}
	return min(need, int(Ahead/interval)+l.burst(now))
}

// Slots returns what the lane wants of the store now, if anything. Granted or
// NotGranted takes the answer, and until then it wants nothing more.
func (l *Lane) Slots(now time.Time) (SlotRequest, bool) {
	interval := l.interval(now)
	if interval == 0 || l.slots.asking || now.Before(l.askFrom(now, interval)) {
		return SlotRequest{}, false
	}
	l.slots.first(now)
	need := l.slotsNeeded(now, interval)
	if !l.short(need) {
		return SlotRequest{}, false
	}
	l.slots.asking = true
	r := SlotRequest{Interval: interval, Slack: time.Duration(l.burst(now)-1) * interval, Want: need - l.slots.held}
	if l.cfg.BatchMax > 0 {
		r.Ahead = time.Duration(need) * interval
	}
	return r, true
}

// askFrom returns when the lane may ask for slots again.
func (l *Lane) askFrom(now time.Time, interval time.Duration) time.Time {
	if l.slots.again.Sub(now) > interval+setBack {
		l.slots.again = time.Time{}
	}
	return l.slots.again
}

// Granted takes n slots, the first at a time, which is when the next one is free if
// there are none.
func (l *Lane) Granted(now, first time.Time, r SlotRequest, n int) {
	l.slots.asking = false
	l.slots.add(now, first, r.Interval, n)
	if l.slots.late = 0; few(l.slots.held, r.Interval) {
		l.slots.late = keeps
	}
	if l.slots.scarce = n < r.Want; l.slots.scarce {
		next := first.Add(time.Duration(n) * r.Interval)
		l.slots.again = later(now.Add(askAgain), next.Add(-Ahead/2))
	}
}

// few reports whether n slots are few of what a rate allows in a second.
func few(n int, interval time.Duration) bool {
	return time.Duration(n)*interval*spare <= time.Second
}

// NotGranted records that the store could not be asked.
func (l *Lane) NotGranted(now time.Time) {
	l.slots.asking = false
	l.slots.again = now.Add(askLater)
}

// Alarm returns when the lane may have something to do by the passing of time alone:
// use a slot, ask for some, or start what a throttle has held up. The zero time is
// never. A time in the past says that it wants slots now.
func (l *Lane) Alarm(now time.Time) time.Time {
	var at time.Time
	if next := l.throttle.next; l.Queued() > 0 && !l.throttle.ready(now) {
		at = next
	}
	interval := l.interval(now)
	if interval == 0 {
		return at
	}
	if first, ok := l.slots.nth(now, l.cost(l.together())); ok && first.After(now) && l.Queued() > 0 {
		at = later(at, first) // it takes both
	}
	if need := l.slotsNeeded(now, interval); !l.slots.asking && l.short(need) {
		if again := l.askFrom(now, interval); at.IsZero() || again.Before(at) {
			at = later(again, time.Unix(0, 1))
		}
	}
	return at
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
