package lane

import "time"

// How a lane slows down for a receiver that says it gets too much (429, 502, 503 or
// 504). It learns the rate that the receiver takes, in this process: additive growth
// and multiplicative cuts, as TCP has them, of the rate rather than of the window,
// because a receiver that answers in a millisecond and allows 20 a second is over
// its limit with a window of one.
const (
	// cutTo is the part of the successes of the last second that a cut leaves.
	cutTo = 0.85
	// cutEvery is the least time between two cuts, and quiet how long after one
	// the rate begins to rise again, by growth a second; after calm it rises
	// faster, twice as fast each faster, up to maxGrowth.
	cutEvery  = time.Second
	quiet     = 2 * time.Second
	growth    = 0.02
	calm      = 10 * time.Second
	faster    = 5 * time.Second
	maxGrowth = 0.25
	// futile cuts in a row, after which it complained at a rate below again of
	// what it had taken before, show that the receiver does not complain about
	// the rate. It is let be then, for as long as unheeded.
	futile   = 3
	again    = 0.95
	unheeded = time.Minute
	// forgotten is how long after the last complaint the rate is not limited
	// any more, and leastRate the slowest that a lane becomes.
	forgotten = 10 * time.Minute
	leastRate = 1.0
	// late is by how much a start may be late at no cost.
	late = 10 * time.Millisecond
	// begins is how many complaints in a second it takes to begin: one that
	// comes now and then is not about the rate.
	begins = 5
	// enough is how many results it takes to judge a cut.
	enough = 10
)

// throttle is the rate that a receiver seems to take.
type throttle struct {
	rate float64 // in a second; 0 is no limit
	next time.Time
	// grown is up to when the rate has grown, cut when it was last cut,
	// complained when the receiver last complained.
	grown, cut, complained time.Time
	// skip are the results still to come of what was started before the last
	// cut, results those since, and taken what the receiver took in the second
	// before it.
	skip, results int
	taken         float64
	// failed counts futile cuts in a row, until is how long complaints are not
	// heeded.
	failed int
	until  time.Time
	// successes and refused count those of the last second.
	successes, refused meter
}

// interval returns the time from one start to the next, or 0.
func (t *throttle) interval() time.Duration {
	if t.rate == 0 {
		return 0
	}
	return time.Duration(float64(time.Second) / t.rate)
}

// ready reports whether a delivery may start. A time that is further away than it
// could have been set is of a clock that was set back since.
func (t *throttle) ready(now time.Time) bool {
	wait := t.next.Sub(now)
	return t.rate == 0 || wait <= 0 || wait > time.Second+t.interval()
}

// start places the next start. One that came a little late does not delay those
// after it.
func (t *throttle) start(now time.Time) {
	if t.rate > 0 {
		interval := t.interval()
		t.next = later(t.next.Add(interval), now.Add(interval-min(interval/2, late)))
	}
}

// succeed records a success, and lets the rate grow.
func (t *throttle) succeed(now time.Time) {
	t.mind(now)
	t.successes.add(now)
	t.count()
	switch {
	case t.rate == 0:
	case now.Sub(t.complained) > forgotten:
		t.rate = 0
	case now.Sub(t.cut) > quiet:
		if since := min(now.Sub(t.grown), time.Second); since > 0 {
			t.rate *= 1 + t.growth(now)*since.Seconds()
		}
		t.grown = now
	}
}

// growth returns by which part the rate grows in a second.
func (t *throttle) growth(now time.Time) float64 {
	g := growth
	for at := t.cut.Add(calm); at.Before(now) && g < maxGrowth; at = at.Add(faster) {
		g *= 2
	}
	return min(g, maxGrowth)
}

// complain records that the receiver got too much, while so many others are under
// way.
func (t *throttle) complain(now time.Time, inFlight int) {
	t.mind(now)
	t.count()
	t.refused.add(now)
	t.complained = now
	if t.rate == 0 && t.refused.last(now) < begins {
		return
	}
	if now.Before(t.until) || t.skip > 0 || t.rate > 0 && (now.Sub(t.cut) < cutEvery || t.results < enough) {
		return
	}
	if t.rate > 0 && t.rate < again*t.taken {
		t.failed++
	} else {
		t.failed = 0
	}
	if t.failed >= futile {
		*t = throttle{until: now.Add(unheeded), successes: t.successes}
		return
	}
	t.taken = float64(t.successes.last(now))
	rate := cutTo * t.taken
	if t.rate > 0 {
		rate = min(rate, t.rate)
	}
	t.rate = max(rate, leastRate)
	t.cut, t.grown = now, now
	t.skip, t.results = inFlight, 0
	t.next = now.Add(t.interval())
}

func (t *throttle) count() {
	if t.skip > 0 {
		t.skip--
	} else {
		t.results++
	}
}

// mind forgets all if the clock was set back.
func (t *throttle) mind(now time.Time) {
	if t.cut.After(now) || t.complained.After(now) || t.until.Sub(now) > unheeded {
		*t = throttle{}
	}
}

// meter counts what happens in a second, to a tenth of it.
type meter struct {
	tenths [10]int
	at     int64 // the tenth that was last counted in, since 1970
}

const tenth = int64(time.Second / 10)

func (m *meter) add(now time.Time) {
	m.roll(now)
	m.tenths[m.at%10]++
}

func (m *meter) last(now time.Time) (n int) {
	m.roll(now)
	for _, c := range m.tenths {
		n += c
	}
	return n
}

func (m *meter) roll(now time.Time) {
	at := now.UnixNano() / tenth
	if at < m.at { // the clock was set back
		*m = meter{}
	}
	for i := max(m.at, at-10) + 1; i <= at; i++ {
		m.tenths[i%10] = 0
	}
	m.at = max(m.at, at)
}
