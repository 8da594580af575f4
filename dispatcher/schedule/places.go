package schedule

import (
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// The bounds of what a process holds in memory for its lanes.
const (
	maxHeldJobs  = 8192
	maxHeldBytes = 64 << 20
	// maxLaneBytes is one lane's share of that.
	maxLaneBytes = maxHeldBytes / 8
)

// Reserve takes a place for a delivery that is about to be published, and
// reports whether there was one. What is reserved counts as held until it is
// pushed or unreserved.
func (s *Scheduler) Reserve(key store.Lane, delivery string, priority webhook.Priority, size int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.closed && s.reserve(s.laneOf(key), delivery, priority.Rank(), size)
}

// full reports whether memory has no place for a delivery of size bytes.
func (s *Scheduler) full(l *laneShell, size int) bool {
	return len(s.held) >= maxHeldJobs || s.heldBytes+size > maxHeldBytes || l.heldBytes+size > maxLaneBytes
}

func (s *Scheduler) reserve(l *laneShell, delivery string, rank, size int) bool {
	if s.full(l, size) {
		l.Stored(rank)
		return false
	}
	if !l.Reserve(clock.Now(), rank) {
		return false
	}
	s.held[delivery] = 1
	s.heldBytes += size
	l.heldBytes += size
	s.reserved.Add(1)
	return true
}

// Stored is told that a delivery for which there was no place is in the store now,
// and reports whether a claim would bring it in, since the lane may have emptied
// meanwhile. If not, the lane asks for it when it has room.
func (s *Scheduler) Stored(key store.Lane, priority webhook.Priority) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	l := s.laneOf(key)
	if l.Turn(clock.Now()) > 0 && !l.ordered() {
		return true
	}
	l.Stored(priority.Rank())
	l.fresh = true
	s.feed(l)
	return false
}

// Unreserve gives back the place of a delivery that was not stored.
func (s *Scheduler) Unreserve(key store.Lane, delivery string, priority webhook.Priority, size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.reserved.Done()
	delete(s.held, delivery)
	s.heldBytes -= size
	if l := s.lanes[key]; l != nil {
		l.heldBytes -= size
		l.Drop(priority.Rank())
	}
}

// Admit decides about a stored delivery that is due.
func (s *Scheduler) Admit(w store.Waiting) store.Admission {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, at := s.laneOf(store.Lane{Tenant: w.Tenant, Endpoint: w.Endpoint}), clock.Now()
	if w.Batch != "" { // it is leased with all of its batch, in a turn
		l.Stored(w.Priority.Rank())
		next := l.Gate(at)
		if l.Turn(at) > 0 {
			next = at
		}
		s.feed(l)
		return store.Admission{Gate: l.gate(next)}
	}
	var v lane.Verdict
	if w.Ordered {
		v = l.Park(at, w.Priority.Rank())
		l.fresh = true
	} else {
		v = l.Admit(at, w.Priority.Rank())
	}
	if !v.Admit {
		s.feed(l)
	}
	return store.Admission{Lease: v.Admit, Gate: l.gate(v.Next)}
}

// Unadmit gives back the places of rows that were admitted but not leased,
// because the transaction failed.
func (s *Scheduler) Unadmit(rows []store.Waiting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range rows {
		if l := s.lanes[store.Lane{Tenant: rows[i].Tenant, Endpoint: rows[i].Endpoint}]; l != nil {
			l.Drop(rows[i].Priority.Rank())
		}
	}
}

// Capacity returns how many more deliveries may be claimed now.
func (s *Scheduler) Capacity() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0
	}
	room := max(maxHeldJobs-len(s.held), 0)
	s.starved = room < maxHeldJobs/4
	return room
}

// Asking returns the lanes that have stored work and room for it.
func (s *Scheduler) Asking(limit int) []store.Lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := clock.Now()
	var keys []store.Lane
	for l := range s.hungry {
		switch {
		case len(keys) == limit:
			return keys
		case !l.Backlog() || l.Shut(at):
			delete(s.hungry, l)
		case !l.Loaded() || l.Turn(at) == 0 && !l.Wants(at) || l.ordered() && (!l.fresh || at.Before(l.foreign)):
			s.hungry[l] = false // it will say when it has room
		default:
			delete(s.hungry, l)
			keys = append(keys, l.key)
		}
	}
	return keys
}

// Again makes lanes ask once more whose turn came to nothing: what the store had for
// them it still has.
func (s *Scheduler) Again(keys []store.Lane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range keys {
		if l := s.lanes[key]; l != nil {
			l.fresh, s.hungry[l] = true, true
		}
	}
}

// Turn returns what a lane takes of its parked rows now, at most budget.
func (s *Scheduler) Turn(key store.Lane, budget int) store.Turn {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, at := s.laneOf(key), clock.Now()
	most, shares := l.Ask(at)
	if shares.Sum() > budget {
		shares = lane.Ranks{}
	}
	t := store.Turn{Max: min(most, budget-shares.Sum()), Shares: store.Ranks(shares), Gate: l.gate(l.Gate(at))}
	if l.foreign = (time.Time{}); t.Max > 0 { // else what there is to take is still there
		l.fresh = false
	}
	return t
}

// Took records what a lane's turn brought. What came is pushed afterwards.
func (s *Scheduler) Took(key store.Lane, turn store.Turn, got store.Ranks) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.lanes[key]; l != nil {
		if turn.Max > 0 || turn.Shares.Sum() > 0 {
			l.Taken(turn.Max, lane.Ranks(turn.Shares), lane.Ranks(got))
			l.tookKeys(turn.Max, lane.Ranks(got).Sum())
		}
		s.place(l)
		s.feed(l)
	}
}

// feed lets the claim loop take what a lane has in the store, before it admits
// what fell due later; if the lane has much room, the loop is woken for it.
func (s *Scheduler) feed(l *laneShell) {
	at := clock.Now()
	if !l.Backlog() || l.Shut(at) {
		return
	}
	if woken := s.hungry[l]; !woken {
		wants := l.Wants(at)
		if l.ordered() {
			wants = l.wantsKeys(at)
		}
		s.hungry[l] = wants
		if wants {
			s.hooks.Wake()
		}
	}
}
