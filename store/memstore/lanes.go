package memstore

import (
	"cmp"
	"context"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// lane holds the parked rows of an endpoint, and its ordered rows whatever their
// state. It exists as long as it has some.
type lane struct {
	store.Lane
	parked [webhook.Priorities]heap[*row] // by rank, oldest first; none that is ordered
	bound  heap[*row]                     // parked too, but in batches; oldest batch first
	keys   keys
	// owner is the epoch that may take, or 0, and round how far it has come.
	owner int64
	round store.Round
	// next is when it is due, or the zero time for never. A lane that has a
	// time is in Store.due; turn orders lanes of the same time.
	next time.Time
	turn int64
	at   int
}

func (l *lane) place() *int { return &l.at }

// heap returns where a row of the lane is while it is parked, beside its key.
func (l *lane) heap(r *row) *heap[*row] {
	switch {
	case r.delivery.BatchID != "":
		return &l.bound
	case r.delivery.Ordered:
		return nil
	}
	return &l.parked[r.delivery.Priority.Rank()]
}

// len returns how many rows are parked that keep no order.
func (l *lane) len() (n int) {
	for rank := range l.parked {
		n += l.parked[rank].len()
	}
	return n + l.bound.len()
}

// lane returns a lane, and makes it if it has no rows yet.
func (s *Store) lane(key store.Lane) *lane {
	l := s.lanes[key]
	if l == nil {
		l = &lane{Lane: key, bound: newHeap(func(a, b *row) int {
			return cmp.Or(cmp.Compare(a.delivery.BatchID, b.delivery.BatchID), cmp.Compare(a.seq, b.seq))
		})}
		for rank := range l.parked {
			l.parked[rank] = newHeap(func(a, b *row) int { return cmp.Compare(a.seq, b.seq) })
		}
		s.lanes[key] = l
	}
	return l
}

// tidyLane forgets a lane that has nothing.
func (s *Store) tidyLane(l *lane) {
	if l.len() == 0 && l.keys.empty() {
		s.setNext(l, time.Time{})
		s.setOwner(l, 0)
		delete(s.lanes, l.Lane)
	}
}

// setNext sets a lane's time.
func (s *Store) setNext(l *lane, next time.Time) {
	if !l.next.IsZero() {
		s.dueOf(l.owner).remove(l)
	}
	if l.next = next; !next.IsZero() {
		l.turn = s.next()
		s.dueOf(l.owner).push(l)
	}
}

// setOwner gives a lane to an epoch, or to nobody.
func (s *Store) setOwner(l *lane, epoch int64) {
	if l.owner == epoch {
		return
	}
	next := l.next
	s.setNext(l, time.Time{})
	if s.dueOf(l.owner).len() == 0 {
		delete(s.due, l.owner)
	}
	l.owner = epoch
	s.setNext(l, next)
}

// dueOf returns the lanes of an owner that have a time, soonest first.
func (s *Store) dueOf(owner int64) *heap[*lane] {
	h := s.due[owner]
	if h == nil {
		fresh := newHeap(func(a, b *lane) int { return cmp.Or(a.next.Compare(b.next), cmp.Compare(a.turn, b.turn)) })
		h = &fresh
		s.due[owner] = h
	}
	return h
}

// gateTime returns a gate's time, or now if the endpoint has moved on.
func (s *Store) gateTime(key store.Lane, now time.Time, g store.Gate) time.Time {
	if g.Revision != 0 {
		if ep := s.endpoints[key]; ep == nil || ep.Revision != g.Revision {
			return now
		}
	}
	return instant(g.Next)
}

// earlier moves a lane's time to its gate, if that is earlier.
func (s *Store) earlier(key store.Lane, now time.Time, g store.Gate) {
	l := s.lanes[key]
	if l == nil {
		return
	}
	if next := s.gateTime(key, now, g); !next.IsZero() && (l.next.IsZero() || next.Before(l.next)) {
		s.setNext(l, next)
	}
}

// Take implements store.Lanes. turn is called under the store's mutex: it must
// not call the store.
func (s *Store) Take(ctx context.Context, now time.Time, epoch int64, limit int, asking []store.Lane, turn func(store.Lane) store.Turn) ([]store.Claimed, error) {
	if err := s.begin(ctx, "take"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	now = instant(now)
	lanes := s.dueLanes(now, epoch, limit)
	asked := make(map[store.Lane]bool, len(lanes)+len(asking))
	var claimed []store.Claimed
	for _, key := range append(lanes, asking...) {
		l := s.lanes[key]
		if asked[key] || l != nil && l.owner != 0 && l.owner != epoch {
			continue
		}
		asked[key] = true
		t := turn(key)
		if l == nil {
			continue
		}
		batches := s.takeBatches(now, l, t.Max, epoch)
		claimed = append(claimed, batches...)
		for rank, share := range t.Shares {
			claimed = append(claimed, s.takeRank(l, rank, share, epoch)...)
		}
		t.Max -= len(batches)
		keyed, next := s.takeKeys(l, now, epoch, t)
		claimed = append(claimed, keyed...)
		most := t.Max - len(keyed)
		for rank := range l.parked {
			taken := s.takeRank(l, rank, most, epoch)
			most -= len(taken)
			claimed = append(claimed, taken...)
		}
		if s.lanes[key] == l && (l.len() > 0 || !l.keys.empty()) {
			s.setNext(l, next)
		}
	}
	return claimed, nil
}

// takeRank leases up to most of a lane's rows of a rank, oldest first. A lane goes
// with its last row.
func (s *Store) takeRank(l *lane, rank, most int, epoch int64) (claimed []store.Claimed) {
	for rows := &l.parked[rank]; most > 0 && rows.len() > 0; most-- {
		r := rows.first()
		s.lease(r, epoch)
		claimed = append(claimed, r.claimed())
	}
	return claimed
}

// dueLanes returns lanes of nobody and of an epoch whose time has come, longest due
// first.
func (s *Store) dueLanes(now time.Time, epoch int64, limit int) []store.Lane {
	var lanes []*lane
	for len(lanes) < limit {
		first := s.nextLane(epoch)
		if first == nil || first.next.After(now) {
			break
		}
		lanes = append(lanes, s.dueOf(first.owner).pop())
	}
	keys := make([]store.Lane, 0, len(lanes))
	for _, l := range lanes { // a turn sets the time anew
		keys = append(keys, l.Lane)
		s.dueOf(l.owner).push(l)
	}
	return keys
}

// nextLane returns the lane of nobody or of an epoch that is due first, or nil.
func (s *Store) nextLane(epoch int64) *lane {
	var next *lane
	for _, owner := range []int64{0, epoch} {
		h := s.due[owner]
		if h == nil || h.len() == 0 {
			continue
		}
		if l := h.first(); next == nil || h.compare(l, next) < 0 {
			next = l
		}
	}
	return next
}
