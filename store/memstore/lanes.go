package memstore

import (
	"cmp"
	"context"
	"time"

	"github.com/postrider/postrider/store"
)

// lane holds the parked rows of an endpoint. It exists as long as it has some.
type lane struct {
	store.Lane
	parked heap[*row]
	// next is when it is due, or the zero time for never. A lane that has a
	// time is in Store.due; turn orders lanes of the same time.
	next time.Time
	turn int64
	at   int
}

func (l *lane) place() *int { return &l.at }

// lane returns a lane, and makes it if it has no rows yet.
func (s *Store) lane(key store.Lane) *lane {
	l := s.lanes[key]
	if l == nil {
		l = &lane{Lane: key, parked: newHeap(func(a, b *row) int {
			return cmp.Or(cmp.Compare(a.delivery.Priority.Rank(), b.delivery.Priority.Rank()), cmp.Compare(a.seq, b.seq))
		})}
		s.lanes[key] = l
	}
	return l
}

func (s *Store) dropLane(l *lane) {
	s.setNext(l, time.Time{})
	delete(s.lanes, l.Lane)
}

// setNext sets a lane's time.
func (s *Store) setNext(l *lane, next time.Time) {
	if !l.next.IsZero() {
		s.due.remove(l)
	}
	if l.next = next; !next.IsZero() {
		l.turn = s.next()
		s.due.push(l)
	}
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
	lanes := s.dueLanes(now, limit)
	asked := make(map[store.Lane]bool, len(lanes)+len(asking))
	var claimed []store.Claimed
	for _, key := range append(lanes, asking...) {
		if asked[key] {
			continue
		}
		asked[key] = true
		t := turn(key)
		l := s.lanes[key]
		if l == nil {
			continue
		}
		for range t.Max {
			if l.parked.len() == 0 {
				break
			}
			r := l.parked.first()
			s.lease(r, epoch) // drops the lane with its last row
			claimed = append(claimed, r.claimed())
		}
		if l.parked.len() > 0 {
			s.setNext(l, s.gateTime(key, now, t.Gate))
		}
	}
	return claimed, nil
}

// dueLanes returns lanes whose time has come, longest due first.
func (s *Store) dueLanes(now time.Time, limit int) []store.Lane {
	var lanes []*lane
	for len(lanes) < limit && s.due.len() > 0 && !s.due.first().next.After(now) {
		lanes = append(lanes, s.due.pop())
	}
	keys := make([]store.Lane, 0, len(lanes))
	for _, l := range lanes { // a turn sets the time anew
		keys = append(keys, l.Lane)
		s.due.push(l)
	}
	return keys
}
