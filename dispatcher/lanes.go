package dispatcher

import (
	"time"

	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/store"
)

// The bounds of what a process holds in memory for its lanes.
const (
	maxHeldJobs  = 8192
	maxHeldBytes = 64 << 20
	// maxLaneBytes is one lane's share of that.
	maxLaneBytes = maxHeldBytes / 8
	// maxIdleLanes is how many lanes without work are remembered.
	maxIdleLanes = 1024
)

// laneShell is a lane with the deliveries it counts. The scheduler's mutex
// guards it.
type laneShell struct {
	lane.Lane
	key      store.Lane
	revision int64
	queue    jobQueue
	// heldBytes is the lane's share of the hand-over budget in use.
	heldBytes int
	// successSaved is when the time of the last success was last written.
	successSaved time.Time
	// route is how to send to the endpoint; set once the lane was loaded.
	route *route
	// class is the lane's class as it is counted, running what it has under
	// way, crashedOnce how much of that a process died with once.
	class                lane.Class
	running, crashedOnce int
	// listed says that the lane is in a ring, and order which of its places
	// there is the valid one.
	listed bool
	order  uint64
	// waits says that it waits for a crashed delivery to end, loading that its
	// configuration is being fetched.
	waits, loading bool
}

func (l *laneShell) gate(next time.Time) store.Gate {
	return store.Gate{Tenant: l.key.Tenant, Endpoint: l.key.Endpoint, Next: next, Revision: l.revision}
}

// laneOf returns the lane of an endpoint and begins to load one that is new or
// out of date.
func (s *scheduler) laneOf(key store.Lane) *laneShell {
	l := s.lanes[key]
	if l == nil {
		l = &laneShell{key: key}
		s.lanes[key] = l
	}
	if !l.Loaded() && !l.loading {
		l.loading = true
		s.hooks.load(l)
	}
	return l
}

// loaded gives a lane what was fetched for it. It reports false if the
// endpoint has changed meanwhile, so that it must be fetched again.
func (s *scheduler) loaded(l *laneShell, r *route, cfg lane.Config, health lane.Health) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.revision < l.revision {
		return false
	}
	l.loading = false
	l.revision, l.route = r.revision, r
	s.apply(l, l.Load(now(), cfg, health))
	s.list(l)
	s.staff()
	return true
}

// changed tells a lane that its endpoint has changed. What the change says
// about sending takes effect before it returns.
func (s *scheduler) changed(key store.Lane, revision int64, cfg lane.Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lanes[key]
	if l == nil || l.revision >= revision {
		return
	}
	l.revision = revision
	s.apply(l, l.Outdate(now(), cfg))
	s.laneOf(key)
}

// loadFailed shuts a lane whose configuration could not be fetched, until it is
// tried again.
func (s *scheduler) loadFailed(l *laneShell, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apply(l, l.Block(until))
}

// reserve takes a place for a delivery that is about to be published, and
// reports whether there was one; if not, open says whether a claim would bring
// it in. What is reserved counts as held until it is pushed or unreserved.
func (s *scheduler) reserve(key store.Lane, delivery string, size int) (ok, open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false, false
	}
	l, at := s.laneOf(key), now()
	if len(s.held) >= maxHeldJobs || s.heldBytes+size > maxHeldBytes || l.heldBytes+size > maxLaneBytes {
		l.Stored()
		return false, false
	}
	if !l.Reserve(at) {
		return false, l.Turn(at) > 0
	}
	s.held[delivery] = 1
	s.heldBytes += size
	l.heldBytes += size
	s.reserved.Add(1)
	return true, true
}

// unreserve gives back the place of a delivery that was not stored.
func (s *scheduler) unreserve(key store.Lane, delivery string, size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.reserved.Done()
	delete(s.held, delivery)
	s.heldBytes -= size
	if l := s.lanes[key]; l != nil {
		l.heldBytes -= size
		l.Drop(1)
	}
}

// admit decides about a stored delivery that is due.
func (s *scheduler) admit(w store.Waiting) store.Admission {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.laneOf(store.Lane{Tenant: w.Tenant, Endpoint: w.Endpoint})
	v := l.Admit(now())
	return store.Admission{Lease: v.Admit, Gate: l.gate(v.Next)}
}

// unadmit gives back the places of rows that were admitted but not leased,
// because the transaction failed.
func (s *scheduler) unadmit(rows []store.Lane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range rows {
		if l := s.lanes[key]; l != nil {
			l.Drop(1)
		}
	}
}

// again makes lanes ask once more whose turn came to nothing.
func (s *scheduler) again(keys []store.Lane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range keys {
		if l := s.lanes[key]; l != nil {
			s.hungry[l] = struct{}{}
		}
	}
}

// asking returns the lanes that have stored work and room for it.
func (s *scheduler) asking(limit int) []store.Lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []store.Lane
	for l := range s.hungry {
		if len(keys) == limit {
			break
		}
		delete(s.hungry, l)
		keys = append(keys, l.key)
	}
	return keys
}

// turn returns what a lane takes of its parked rows now, at most budget.
func (s *scheduler) turn(key store.Lane, budget int) store.Turn {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, at := s.laneOf(key), now()
	return store.Turn{Max: min(l.Turn(at), budget), Gate: l.gate(l.Gate(at))}
}

// took records what a lane's turn brought. What came is pushed afterwards.
func (s *scheduler) took(key store.Lane, asked, got int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lanes[key]
	switch {
	case l == nil:
	case asked > 0:
		l.Taken(asked, got)
		s.feed(l)
	case l.Wants(now()): // there was no room for it
		s.hungry[l] = struct{}{}
	}
}

// feed asks the claim loop for more if the lane wants it.
func (s *scheduler) feed(l *laneShell) {
	if _, asked := s.hungry[l]; !asked && l.Wants(now()) {
		s.hungry[l] = struct{}{}
		s.hooks.wake()
	}
}

// apply carries out what a change of a lane asks for.
func (s *scheduler) apply(l *laneShell, e lane.Effect) {
	if e.Release {
		s.giveBack(l, l.queue.all())
	}
	if e.Reopen {
		l.Stored()
		s.feed(l)
	}
}

// giveBack returns jobs that were not started to the store, parked.
func (s *scheduler) giveBack(l *laneShell, jobs []*job) {
	if len(jobs) > 0 {
		l.Drop(len(jobs))
		l.Stored()
		s.hooks.release(jobs, l.gate(l.Gate(now())))
	}
}

// shed gives back what lanes hold in memory whose endpoints have stopped
// answering, if the bounds that all lanes share are half reached. It also counts
// what is under way by what its endpoint looks like now.
func (s *scheduler) shed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := now()
	tight := len(s.held) > maxHeldJobs/2 || s.heldBytes > maxHeldBytes/2
	for _, l := range s.lanes {
		s.reclass(l)
		if tight {
			s.giveBack(l, l.queue.last(l.Excess(at)))
		}
	}
	s.staff()
}

// evict forgets idle lanes if there are many.
func (s *scheduler) evict() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, l := range s.lanes {
		if len(s.lanes) <= maxIdleLanes {
			return
		}
		if l.Idle() && !l.listed && !l.loading && !l.waits {
			delete(s.lanes, key)
			delete(s.hungry, l)
		}
	}
}
