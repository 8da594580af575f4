package lane

import (
	"time"

	"github.com/postrider/postrider/webhook"
)

// Ranks counts deliveries by the rank of their priority: high, normal, low.
type Ranks [webhook.Priorities]int

// Sum returns how many there are of all ranks.
func (r Ranks) Sum() int { return r[0] + r[1] + r[2] }

const (
	normal = 1
	// floorPart of a lane's queue is each rank's own, so that none is kept out
	// by those above it for ever.
	floorPart = 8
	// searchEvery is with how many full turns a lane looks for ranks in the store
	// that it knows nothing of: another process may have left them there.
	searchEvery = 16
)

// limitOf returns up to how many queued deliveries one more of a rank finds a
// place. What is low leaves room for what is not, and what is high finds some when
// there is no other.
func limitOf(limit, rank int) int {
	switch {
	case rank < normal:
		return limit + limit/4
	case rank > normal:
		return limit / 2
	}
	return limit
}

// fits reports whether the queue has a place for a delivery of a rank.
func (l *Lane) fits(now time.Time, rank int) bool {
	limit := l.queueLimit(now)
	return l.Queued() < limitOf(limit, rank) || l.queued[rank] < floor(limit)
}

// floor returns how much of a queue is each rank's own.
func floor(limit int) int { return max(limit/floorPart, 1) }

// backlog is what is known of the lane's deliveries in the store.
type backlog struct {
	// due has the ranks of which some are, or may be, waiting there, more those
	// of which some were left there since the last turn began.
	due, more [webhook.Priorities]bool
	turns     int // full ones
}

func (b *backlog) any() bool { return b.due[0] || b.due[1] || b.due[2] }

// before reports whether something may be waiting that goes before a new delivery
// of a rank.
func (b *backlog) before(rank int) bool {
	for r := range rank + 1 {
		if b.due[r] {
			return true
		}
	}
	return false
}

// best returns the highest rank of which some may be waiting.
func (b *backlog) best() int {
	for r, due := range b.due {
		if due {
			return r
		}
	}
	return normal
}

// Backlog reports whether deliveries of this lane may be waiting in the store.
func (l *Lane) Backlog() bool { return l.backlog.any() }

// Stored records that deliveries of a rank were left in the store.
func (l *Lane) Stored(rank int) { l.backlog.due[rank], l.backlog.more[rank] = true, true }

// Unsure records that deliveries of any rank may be in the store.
func (l *Lane) Unsure() {
	for rank := range l.backlog.due {
		l.Stored(rank)
	}
}

// Turn returns how many parked deliveries the lane would take now, shares aside.
func (l *Lane) Turn(now time.Time) int {
	switch {
	case l.Shut(now):
		return 0
	case l.halfOpen():
		if l.Queued()+l.inFlight > 0 {
			return 0
		}
		return 1
	}
	return max(limitOf(l.queueLimit(now), l.backlog.best())-l.Queued(), 0)
}

// shares returns how many of single ranks the lane would take besides: what a rank
// has in the store must not wait for all above it to end.
func (l *Lane) shares(now time.Time, turn int) (shares Ranks) {
	if l.Shut(now) || l.halfOpen() || l.cfg.Deleted {
		return Ranks{}
	}
	own, best := floor(l.queueLimit(now)), l.backlog.best()
	search := l.backlog.turns%searchEvery == 0 && l.backlog.any()
	for rank := normal; rank < len(shares); rank++ {
		share := max(own-l.queued[rank], 0)
		if (l.backlog.due[rank] || search) && (rank != best || turn < share) {
			shares[rank] = share
		}
	}
	return shares
}

// Ask begins a turn: it returns how many parked deliveries the lane takes, those
// of high rank first, and how many of single ranks besides.
func (l *Lane) Ask(now time.Time) (int, Ranks) {
	l.backlog.more = [webhook.Priorities]bool{}
	turn := l.Turn(now)
	return turn, l.shares(now, turn)
}

// Taken records the answer to a turn: which ranks came of those that were asked
// for. What they show not to be in the store is there only if it was put there
// meanwhile.
func (l *Lane) Taken(asked int, shares, got Ranks) {
	b := &l.backlog
	for rank, n := range got {
		l.queued[rank] += n
		if shares[rank] > 0 {
			b.due[rank] = n >= shares[rank] || b.more[rank]
		}
	}
	if got.Sum() < asked {
		b.due = b.more
		return
	}
	if asked == 0 {
		return
	}
	b.turns++
	for rank := len(got) - 1; rank >= 0; rank-- {
		if got[rank] > shares[rank] { // all above it have come
			b.due[rank] = true
			copy(b.due[:rank], b.more[:rank])
			return
		}
	}
}

// Wants reports whether the lane has stored work and enough room to ask for it.
func (l *Lane) Wants(now time.Time) bool {
	if !l.Backlog() || !l.loaded {
		return false
	}
	turn, limit := l.Turn(now), l.queueLimit(now)
	if turn > 0 && (turn >= limit/2 || !l.breaker.closed()) {
		return true
	}
	for rank, share := range l.shares(now, turn) {
		if l.backlog.due[rank] && share > 0 && 2*share >= floor(limit) {
			return true
		}
	}
	return false
}
