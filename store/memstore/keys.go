package memstore

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/postrider/postrider/store"
)

// keys holds the ordered rows of a lane by their keys, each with "=" before it, so
// that none is empty.
type keys struct {
	names []string // in order
	lines map[string]*line
}

// line has the rows of one key in the order of their numbers.
type line struct{ rows []*row }

func (k *keys) empty() bool { return len(k.names) == 0 }

func orderKey(r *row) string { return "=" + r.delivery.OrderingKey }

func bySeq(r *row, seq int64) int { return cmp.Compare(r.seq, seq) }

func (k *keys) add(r *row) {
	name := orderKey(r)
	l := k.lines[name]
	if l == nil {
		if k.lines == nil {
			k.lines = make(map[string]*line)
		}
		l = new(line)
		k.lines[name] = l
		at, _ := slices.BinarySearch(k.names, name)
		k.names = slices.Insert(k.names, at, name)
	}
	if n := len(l.rows); n == 0 || l.rows[n-1].seq < r.seq {
		l.rows = append(l.rows, r)
		return
	}
	at, _ := slices.BinarySearchFunc(l.rows, r.seq, bySeq)
	l.rows = slices.Insert(l.rows, at, r)
}

func (k *keys) remove(r *row) {
	name := orderKey(r)
	l := k.lines[name]
	at, _ := slices.BinarySearchFunc(l.rows, r.seq, bySeq)
	if at == 0 { // most are removed from the front, which must not move the rest
		l.rows[0] = nil
		l.rows = l.rows[1:]
	} else {
		l.rows = slices.Delete(l.rows, at, at+1)
	}
	if len(l.rows) == 0 {
		delete(k.lines, name)
		at, _ := slices.BinarySearch(k.names, name)
		k.names = slices.Delete(k.names, at, at+1)
	}
}

// blockedKey names an ordering key of an endpoint.
type blockedKey struct {
	store.Lane
	key string
}

func (s *Store) blockedKeyOf(d *delivery) blockedKey {
	return blockedKey{store.Lane{Tenant: d.Tenant, Endpoint: d.EndpointID}, d.OrderingKey}
}

// block makes a delivery that has ended hold up the later ones of its key.
func (s *Store) block(d *delivery) {
	if d.Ordered && !d.blocks {
		d.blocks = true
		key := s.blockedKeyOf(d)
		s.blocks[key] = append(s.blocks[key], d)
	}
}

// unblock lets the later deliveries of a key go on, as far as it was this one that
// held them up, and reports whether it did.
func (s *Store) unblock(d *delivery, now time.Time) bool {
	if !d.blocks {
		return false
	}
	d.blocks = false
	key := s.blockedKeyOf(d)
	s.blocks[key] = slices.DeleteFunc(s.blocks[key], func(o *delivery) bool { return o == d })
	if len(s.blocks[key]) == 0 {
		delete(s.blocks, key)
	}
	s.reopen(key.Lane, now)
	return true
}

// letGo lets what comes after a delivery that is about to be removed go on.
func (s *Store) letGo(d *delivery, now time.Time) {
	if !s.unblock(d, now) && d.Ordered && d.row != nil {
		s.reopen(d.row.lane(), now)
	}
}

// reopen makes a lane due unless it is shut for ever.
func (s *Store) reopen(key store.Lane, now time.Time) {
	if l := s.lanes[key]; l != nil && !l.next.IsZero() {
		s.earlier(key, now, store.Gate{Next: now})
	}
}

// unblockAll removes all that blocks keys of an endpoint.
func (s *Store) unblockAll(ep store.Lane) {
	for key, ds := range s.blocks {
		if key.Lane == ep {
			for _, d := range ds {
				d.blocks = false
			}
			delete(s.blocks, key)
		}
	}
}

// takeKeys leases ordered rows of a lane, and returns them with the lane's next
// time. It makes the lane the epoch's, or nobody's if it has none.
func (s *Store) takeKeys(l *lane, now time.Time, epoch int64, t store.Turn) ([]store.Claimed, time.Time) {
	next := s.gateTime(l.Lane, now, t.Gate)
	if l.keys.empty() {
		s.setOwner(l, 0)
		return nil, next
	}
	if t.Max <= 0 {
		return nil, next
	}
	s.setOwner(l, epoch)
	names := l.keys.names
	if at, found := slices.BinarySearch(names, l.round.After); found {
		names = names[at+1:]
	} else {
		names = names[at:]
	}
	names = names[:min(len(names), store.KeysPerTurn)]
	look := store.Look{Keys: len(names)}
	var runs [][]*row
	for _, name := range names {
		look.Last = name
		if run := s.free(l.keys.lines[name], now, t.Rows()); len(run) > 0 {
			runs = append(runs, run)
		}
	}
	rows := store.Interleave(runs, t.Max)
	claimed := make([]store.Claimed, 0, len(rows))
	for _, r := range rows {
		look.Leased = max(look.Leased, orderKey(r))
		s.lease(r, epoch)
		claimed = append(claimed, r.claimed())
	}
	look.Full = len(rows) == t.Max
	var due bool
	if l.round, due = l.round.Next(look); due {
		next = now
	}
	return claimed, next
}

// free returns the first rows of a key that may be leased.
func (s *Store) free(l *line, now time.Time, most int) []*row {
	blocks := s.blocks[s.blockedKeyOf(l.rows[0].delivery)]
	for i, r := range l.rows {
		switch {
		case i == most, r.state == leased, r.due.After(now), r.delivery.BatchID != "",
			slices.ContainsFunc(blocks, func(d *delivery) bool { return d.seq < r.seq }):
			return l.rows[:i:i]
		}
	}
	return slices.Clip(l.rows)
}

// freeLanes makes the lanes of an epoch nobody's, and due unless they have no time.
func (s *Store) freeLanes(epoch int64, now time.Time) {
	var lanes []*lane
	for _, l := range s.lanes {
		if l.owner == epoch {
			lanes = append(lanes, l)
		}
	}
	slices.SortFunc(lanes, func(a, b *lane) int {
		return cmp.Or(strings.Compare(a.Tenant, b.Tenant), strings.Compare(a.Endpoint, b.Endpoint))
	})
	for _, l := range lanes {
		if s.setOwner(l, 0); !l.next.IsZero() {
			s.setNext(l, now)
		}
	}
}

// laneOwners returns the owners of lanes, in order.
func (s *Store) laneOwners() []int64 {
	owners := make(map[int64]bool)
	for _, l := range s.lanes {
		if l.owner != 0 {
			owners[l.owner] = true
		}
	}
	return slices.Sorted(maps.Keys(owners))
}
