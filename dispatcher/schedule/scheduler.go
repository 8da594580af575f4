package schedule

import (
	"sync"
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/store"
)

// Hooks are what the scheduler needs done. They are called under its mutex, so
// none of them may block or call the scheduler.
type Hooks struct {
	// Spawn starts a worker, which calls Next until there is nothing.
	Spawn func()
	// Load begins to fetch what a lane needs to know of its endpoint; Loaded and
	// LoadFailed take what came of it.
	Load func(store.Lane)
	// Release gives jobs back to the store, parked behind the gate.
	Release func([]*Job, store.Gate)
	// Settle queues an outcome to be written.
	Settle func(*Settling)
	// Wake makes the claim loop look again.
	Wake func()
	// Alarm says that Due is to be called at Alarm, which is earlier than it
	// was.
	Alarm func()
}

// Scheduler owns the lanes and decides which delivery starts next. Its mutex is
// never held across I/O. It is safe for concurrent use.
type Scheduler struct {
	slots int
	hooks Hooks

	mu    sync.Mutex
	lanes map[store.Lane]*laneShell
	// ready are the lanes that may start something, by class; lastClass is the
	// class whose lane was looked at last.
	ready     [lane.Classes]ring
	lastClass lane.Class
	// hungry are the lanes that have left work in the store, and whether the
	// claim loop was woken for it.
	hungry  map[*laneShell]bool
	crashes crashes
	// alarms are the lanes that have something to do at a time.
	alarms alarms
	// held is what is leased to us, by delivery, with the claim.
	held      map[string]int64
	heldBytes int
	// canceled is what is not to be sent any more, by delivery, with the claim.
	canceled map[string]int64
	// reserved counts places that were taken for events being published.
	reserved sync.WaitGroup
	// starved says that the claim loop could claim more if there was room.
	starved bool
	// workers are goroutines; running counts those that have a delivery, by the
	// class of its lane, and active the lanes they work for; unsettled counts
	// results that are not written yet.
	workers, active, unsettled int
	running                    [lane.Classes]int
	// tenants counts what is under way by tenant, of those that have anything.
	tenants map[string]int
	// validUntil is when the lease stops being certain.
	validUntil time.Time
	// onHold says that outcomes cannot be written at the moment.
	onHold bool
	closed bool
}

// New returns a scheduler that lets up to slots deliveries be under way. Nothing
// starts before Certain says for how long it may.
func New(slots int, hooks Hooks) *Scheduler {
	return &Scheduler{
		slots:  slots,
		hooks:  hooks,
		lanes:  make(map[store.Lane]*laneShell),
		hungry: make(map[*laneShell]bool),
		held:   make(map[string]int64),

		tenants: make(map[string]int),
	}
}

// Push queues jobs whose places were taken before, by Reserve, Admit or a Turn.
func (s *Scheduler) Push(jobs []*Job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := clock.Now()
	var bound []*Job
	for _, j := range jobs {
		if j.Reserved > 0 {
			s.reserved.Done()
		}
		if s.closed {
			continue // the rows go back when the lease is resigned
		}
		s.held[j.Delivery] = j.Claim
		j.lane, j.since = s.laneOf(j.Lane()), at
		if j.Batch != "" {
			bound = append(bound, j)
			continue
		}
		j.lane.queue.add(j)
		s.list(j.lane)
	}
	if bound != nil {
		s.pushBound(bound)
	}
	for _, j := range jobs { // a lane may have been shut since the place was taken
		if l := j.lane; l != nil && !l.queue.empty() && l.Shut(at) {
			s.apply(l, lane.Effect{Release: true})
		}
	}
	s.staff()
}

// Hold stops deliveries from starting, or lets them. What is under way goes on.
func (s *Scheduler) Hold(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onHold = on
}

// Certain extends the time in which deliveries may start.
func (s *Scheduler) Certain(until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.validUntil = until
	s.staff()
}

// Unknown returns those of the leased rows that this process does not hold.
func (s *Scheduler) Unknown(rows []store.Held) []store.Held {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lost []store.Held
	for _, r := range rows {
		if claim, ok := s.held[r.Delivery]; !ok || claim != r.Claim {
			lost = append(lost, r)
		}
	}
	return lost
}

// Close stops everything from starting and returns what was not started.
func (s *Scheduler) Close() []*Job {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	var rest []*Job
	for _, l := range s.lanes {
		jobs := l.queue.all()
		l.drop(jobs)
		rest = append(rest, jobs...)
	}
	return rest
}

// AwaitReserved returns when no place is reserved any more: what was taken for
// events being published was pushed or given back.
func (s *Scheduler) AwaitReserved() { s.reserved.Wait() }
