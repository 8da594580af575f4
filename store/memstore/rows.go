package memstore

import (
	"cmp"
	"slices"
	"time"

	"github.com/postrider/postrider/sabotage"
	"github.com/postrider/postrider/store"
)

// row is a pending delivery in the queue.
type row struct {
	delivery *delivery
	seq      int64 // the delivery's
	due      time.Time
	state    state
	owner    int64 // the epoch, if leased
	claims   int64
	base     int // attempts of earlier schedules
	crashes  int
	started  bool
	canceled bool
	at       int
}

// state says who has a row.
type state int

const (
	nowhere state = iota
	waiting
	parked
	leased
)

func (r *row) place() *int { return &r.at }

func (r *row) lane() store.Lane {
	return store.Lane{Tenant: r.delivery.Tenant, Endpoint: r.delivery.EndpointID}
}

func (r *row) claimed() store.Claimed {
	d := r.delivery
	return store.Claimed{
		Tenant: d.Tenant, Delivery: d.ID, Endpoint: d.EndpointID, Event: d.EventID,
		Claim: r.claims, Attempts: d.Attempts, Base: r.base, Crashes: r.crashes,
		Seq: r.seq, Priority: d.Priority, Ordered: d.Ordered, Key: d.OrderingKey, Batch: d.BatchID, Canceled: r.canceled,
	}
}

// enqueue makes the row of a delivery that has none. It is nowhere yet.
func (s *Store) enqueue(d *delivery, due time.Time) *row {
	if d.seq == 0 {
		d.seq = s.next()
	}
	r := &row{delivery: d, seq: d.seq, due: due, claims: d.claims, base: d.Attempts}
	d.row = r
	d.history.queued++
	if d.Ordered {
		s.lane(r.lane()).keys.add(r)
	}
	return r
}

// dequeue removes the row of a delivery that has ended. Its number of claims
// stays, so that a fence is never used twice.
func (s *Store) dequeue(r *row) {
	s.leave(r)
	d := r.delivery
	if d.BatchID != "" {
		s.unlist(r)
	}
	d.claims, d.row = r.claims, nil
	d.history.queued--
	if d.Ordered {
		l := s.lanes[r.lane()]
		l.keys.remove(r)
		s.tidyLane(l)
	}
}

// leave takes a row from where it is.
func (s *Store) leave(r *row) {
	switch r.state {
	case waiting:
		s.waiting.remove(r)
	case parked:
		l := s.lanes[r.lane()]
		if h := l.heap(r); h != nil {
			h.remove(r)
			s.tidyLane(l)
		}
	case leased:
		rows := s.owners[r.owner]
		delete(rows, r.delivery.ID)
		if len(rows) == 0 && s.leases[r.owner] == nil {
			delete(s.owners, r.owner)
		}
		r.owner, r.started = 0, false
	}
	r.state = nowhere
}

func (s *Store) wait(r *row) {
	s.leave(r)
	r.state = waiting
	s.waiting.push(r)
}

// park puts a row into its lane, whose gate is set by the caller.
func (s *Store) park(r *row) {
	s.leave(r)
	r.state = parked
	if h := s.lane(r.lane()).heap(r); h != nil {
		h.push(r)
	}
}

func (s *Store) lease(r *row, epoch int64) {
	s.leave(r)
	r.state, r.owner = leased, epoch
	r.claims++
	rows := s.owners[epoch]
	if rows == nil {
		rows = make(map[string]*row)
		s.owners[epoch] = rows
	}
	rows[r.delivery.ID] = r
}

// leasedUnder returns the row that a fence names, or nil if the fence is not
// the present one.
func (s *Store) leasedUnder(epoch int64, delivery string, claim int64) *row {
	d := s.deliveries[delivery]
	if d == nil || d.row == nil {
		return nil
	}
	if r := d.row; r.state == leased && (sabotage.NoFence || r.owner == epoch && r.claims == claim) {
		return r
	}
	return nil
}

// rowsOf returns the rows that are leased to an epoch, oldest first.
func (s *Store) rowsOf(epoch int64) []*row {
	rows := make([]*row, 0, len(s.owners[epoch]))
	for _, r := range s.owners[epoch] {
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b *row) int { return cmp.Compare(a.seq, b.seq) })
	return rows
}
