package schedule

import (
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/store"
)

// maxIdleLanes is how many lanes without work are remembered.
const maxIdleLanes = 1024

// laneShell is a lane with the deliveries it counts. The scheduler's mutex
// guards it.
type laneShell struct {
	lane.Lane
	key      store.Lane
	revision int64
	queue    jobQueue
	// waiters are events being published that wait a moment for a place.
	waiters []*waiter
	// heldBytes is the lane's share of the hand-over budget in use.
	heldBytes int
	// fresh says that the store may have ordered deliveries that it had not, or
	// that were held up, when the lane last asked. Until foreign, another process
	// owns the lane.
	fresh   bool
	foreign time.Time
	// successSaved is when the time of the last success was last written.
	successSaved time.Time
	// route is how to send to the endpoint; set once the lane was loaded.
	route *send.Route
	// class is the lane's class as it is counted, running what it has under
	// way, crashedOnce how much of that a process died with once.
	class                lane.Class
	running, crashedOnce int
	// listed says that the lane is in a ring, and order which of its places
	// there is the valid one.
	listed bool
	order  uint64
	// alarm is when time alone gives the lane something to do, and its place
	// among those that have a time, counted from 1.
	alarm      time.Time
	alarmPlace int
	// waits says that it waits for a crashed delivery to end, loading that its
	// configuration is being fetched.
	waits, loading bool
}

func (l *laneShell) gate(next time.Time) store.Gate {
	return store.Gate{Tenant: l.key.Tenant, Endpoint: l.key.Endpoint, Next: next, Revision: l.revision}
}

// drop gives back the places of jobs that were not started.
func (l *laneShell) drop(jobs []*Job) {
	for _, j := range jobs {
		l.Drop(j.Priority.Rank())
	}
}

// laneOf returns the lane of an endpoint and begins to load one that is new or
// out of date.
func (s *Scheduler) laneOf(key store.Lane) *laneShell {
	l := s.lanes[key]
	if l == nil {
		l = &laneShell{key: key}
		s.lanes[key] = l
	}
	if !l.Loaded() && !l.loading {
		l.loading = true
		s.hooks.Load(l.key)
	}
	return l
}

// Loaded gives a lane what was fetched for it. It reports false if the
// endpoint has changed meanwhile, so that it must be fetched again.
func (s *Scheduler) Loaded(key store.Lane, r *send.Route, cfg lane.Config, health lane.Health) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lanes[key] // one that is loading is not evicted
	if r.Revision < l.revision {
		return false
	}
	l.loading = false
	l.revision, l.route = r.Revision, r
	s.apply(l, l.Load(clock.Now(), cfg, health))
	s.list(l)
	s.place(l)
	s.staff()
	return true
}

// Changed tells a lane that its endpoint has changed. What the change says
// about sending takes effect before it returns.
func (s *Scheduler) Changed(key store.Lane, revision int64, cfg lane.Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lanes[key]
	if l == nil || l.revision >= revision {
		return
	}
	l.revision = revision
	s.apply(l, l.Outdate(clock.Now(), cfg))
	s.laneOf(key)
}

// Learn tells a lane what the store knows of its endpoint's health.
func (s *Scheduler) Learn(key store.Lane, health lane.Health) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.lanes[key]; l != nil && !s.closed {
		s.apply(l, l.Learn(clock.Now(), health))
		s.list(l)
		s.staff()
	}
}

// Active reports whether any lane has deliveries or is recovering from an outage,
// so that what other processes find out about its endpoint matters.
func (s *Scheduler) Active() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lanes {
		if !l.Idle() || l.Backlog() {
			return true
		}
	}
	return false
}

// LoadFailed shuts a lane whose configuration could not be fetched, until it is
// tried again.
func (s *Scheduler) LoadFailed(key store.Lane, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lanes[key]
	s.apply(l, l.Block(until))
}

// apply carries out what a change of a lane asks for.
func (s *Scheduler) apply(l *laneShell, e lane.Effect) {
	if e.Release {
		s.giveBack(l, l.queue.all())
	}
	if e.Reopen {
		l.fresh = true
		if !l.Backlog() {
			l.Unsure()
		}
		s.feed(l)
	}
}

// giveBack returns jobs that were not started to the store, parked.
func (s *Scheduler) giveBack(l *laneShell, jobs []*Job) {
	if len(jobs) > 0 {
		l.drop(jobs)
		for _, j := range jobs {
			l.Stored(j.Priority.Rank())
		}
		s.hooks.Release(jobs, l.gate(l.Gate(clock.Now())))
	}
}

// Shed gives back what lanes hold in memory whose endpoints have stopped
// answering, if the bounds that all lanes share are half reached. It also counts
// what is under way by what its endpoint looks like now.
func (s *Scheduler) Shed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := clock.Now()
	tight := len(s.held) > maxHeldJobs/2 || s.heldBytes > maxHeldBytes/2
	for _, l := range s.lanes {
		s.reclass(l)
		if tight {
			s.giveBack(l, l.queue.last(l.Excess(at)))
		}
	}
	s.staff()
}

// Evict forgets idle lanes if there are many. One that has ordered deliveries which are
// not settled yet is to ask for the next of their keys.
func (s *Scheduler) Evict() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, l := range s.lanes {
		if len(s.lanes) <= maxIdleLanes {
			return
		}
		if l.Idle() && l.queue.keyed.idle() && l.alarmPlace == 0 && !l.listed && !l.loading && !l.waits && len(l.waiters) == 0 {
			delete(s.lanes, key)
			delete(s.hungry, l)
		}
	}
}
