package dispatcher

import (
	"sync"
	"time"

	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/store"
)

// schedulerHooks are what the scheduler needs done outside its mutex. None of
// them may block.
type schedulerHooks struct {
	// spawn starts a worker.
	spawn func()
	// load fetches what a lane needs to know of its endpoint.
	load func(*laneShell)
	// release gives jobs back to the store, parked behind the gate.
	release func([]*job, store.Gate)
	// settle queues an outcome to be written.
	settle func(*settling)
	// wake makes the claim loop look again.
	wake func()
}

// successEvery is how often the time of an endpoint's last success is written.
const successEvery = 10 * time.Second

// crashedLimit bounds the deliveries under way that a process died with. One
// that was in hand at a single crash weighs 1, so that a few dozen bystanders
// do not hold each other up; one that was sent when a process died takes all
// of it, so that the next crash counts for it alone.
const crashedLimit = 16

func (j *job) crashWeight() int {
	switch j.Crashes {
	case 0:
		return 0
	case 1:
		return 1
	}
	return crashedLimit
}

// scheduler owns the lanes and decides which delivery starts next. Its mutex is
// never held across I/O.
type scheduler struct {
	slots int
	hooks schedulerHooks

	mu    sync.Mutex
	lanes map[store.Lane]*laneShell
	// ready are the lanes that may start something, by class.
	ready [lane.Classes]ring
	// hungry are the lanes that have stored work and room for it.
	hungry map[*laneShell]struct{}
	// crashed are deliveries that a process died with, and crashedWeight says
	// how much of crashedLimit those under way take (see crashWeight).
	crashed       []*job
	crashedWeight int
	// held is what is leased to us, by delivery, with the claim.
	held      map[string]int64
	heldBytes int
	// reserved counts places that were taken for events being published.
	reserved sync.WaitGroup
	// starved says that the claim loop could claim more if there was room.
	starved bool
	// workers are goroutines, running those of them that have a delivery, by
	// the class that its lane had; unsettled counts results that are not
	// written yet.
	workers, unsettled int
	running            [lane.Classes]int
	// lastClass is the class whose lane was looked at last.
	lastClass lane.Class
	// validUntil is when the lease stops being certain.
	validUntil time.Time
	// onHold says that outcomes cannot be written at the moment.
	onHold bool
	closed bool
}

func newScheduler(slots int, hooks schedulerHooks) *scheduler {
	return &scheduler{
		slots:  slots,
		hooks:  hooks,
		lanes:  make(map[store.Lane]*laneShell),
		hungry: make(map[*laneShell]struct{}),
		held:   make(map[string]int64),
	}
}

// push queues jobs whose places were taken before, by reserve, admit or a turn.
func (s *scheduler) push(jobs []*job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range jobs {
		if j.reserved > 0 {
			s.reserved.Done()
		}
		if s.closed {
			continue // the rows go back when the lease is resigned
		}
		s.held[j.Delivery] = j.Claim
		l := s.laneOf(j.key())
		j.lane = l
		l.queue = append(l.queue, j)
		s.list(l)
	}
	s.staff()
}

// capacity returns how many more deliveries may be claimed now.
func (s *scheduler) capacity() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0
	}
	room := max(maxHeldJobs-len(s.held), 0)
	s.starved = room < maxHeldJobs/4
	return room
}

// list puts a lane that may start something into its ring.
func (s *scheduler) list(l *laneShell) {
	switch {
	case l.listed || len(l.queue) == 0 || !l.Ready(now()):
	default:
		s.ready[l.Class(now())].push(l)
	}
}

// free returns how many more deliveries of a class may run: endpoints that look
// bad get a quarter of the slots, those that nobody knows get half.
func (s *scheduler) free(c lane.Class) int {
	share := [lane.Classes]int{lane.Good: s.slots, lane.Unproven: s.slots / 2, lane.Suspect: s.slots / 4}
	return max(share[c], 1) - s.running[c]
}

// staff starts as many workers as there are lanes that may start something.
func (s *scheduler) staff() {
	if s.closed || s.onHold {
		return
	}
	work, running := 0, 0
	for c := range lane.Classes {
		work += max(min(len(s.ready[c].lanes), s.free(c)), 0)
		running += s.running[c]
	}
	if len(s.crashed) > 0 && s.crashedFits(s.crashed[0]) {
		work++
	}
	for s.workers-running < work && s.workers+s.unsettled < s.slots {
		s.workers++
		s.hooks.spawn()
	}
}

// next returns the delivery that a worker sends now, or nil if the worker
// should end.
func (s *scheduler) next() *job {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.pick()
	if j == nil {
		s.workers--
		return nil
	}
	j.route = j.lane.route
	j.class = j.lane.Class(now())
	s.running[j.class]++
	s.staff()
	return j
}

func (s *scheduler) pick() *job {
	if s.closed || s.onHold || s.workers+s.unsettled > s.slots || !now().Before(s.validUntil) {
		return nil
	}
	if len(s.crashed) > 0 && s.crashedFits(s.crashed[0]) {
		j := s.crashed[0]
		s.crashed = s.crashed[1:]
		s.crashedWeight += j.crashWeight()
		return j
	}
	for l := s.popLane(); l != nil; l = s.popLane() {
		if j := s.start(l); j != nil {
			return j
		}
	}
	return nil
}

// popLane takes turns between the classes that have slots left.
func (s *scheduler) popLane() *laneShell {
	for range lane.Classes {
		s.lastClass = (s.lastClass + 1) % lane.Classes
		if s.free(s.lastClass) <= 0 {
			continue
		}
		if l := s.ready[s.lastClass].pop(); l != nil {
			return l
		}
	}
	return nil
}

// start takes the first delivery of a lane, which goes to the back of its ring
// if it could start more. It returns nil if the lane cannot start one now, or
// if the delivery must wait for another that a process died with.
func (s *scheduler) start(l *laneShell) *job {
	if len(l.queue) == 0 || !l.Ready(now()) {
		return nil
	}
	j := l.queue[0]
	l.queue[0] = nil
	l.queue = l.queue[1:]
	j.probe = l.Start(now())
	s.list(l)
	s.feed(l)
	if !s.crashedFits(j) {
		s.crashed = append(s.crashed, j)
		return nil
	}
	s.crashedWeight += j.crashWeight()
	return j
}

func (s *scheduler) crashedFits(j *job) bool {
	return j.Crashes == 0 || s.crashedWeight+j.crashWeight() <= crashedLimit
}

// finish records a result and hands its outcome over to be settled, in the order
// of the results. The job keeps its slot until then.
func (s *scheduler) finish(j *job, r lane.Result, out *settling) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running[j.class]--
	s.unsettled++
	s.crashedWeight -= j.crashWeight()
	at, l := now(), j.lane
	out.Health = s.healthEffect(l, at, r)
	s.apply(l, l.Finish(at, r, j.probe))
	out.Trips = l.Trips()
	s.hooks.settle(out)
	s.list(l)
}

// healthEffect returns what a result means for the stored health: a success
// counts if it ends a row of failures, and else every ten seconds.
func (s *scheduler) healthEffect(l *laneShell, at time.Time, r lane.Result) store.HealthEffect {
	switch {
	case r == lane.Failed || r == lane.Throttled:
		return store.HealthFailure
	case r != lane.Succeeded:
		return store.HealthUnchanged
	case l.Failures() == 0 && at.Sub(l.successSaved) < successEvery:
		return store.HealthUnchanged
	}
	l.successSaved = at
	return store.HealthSuccess
}

// settled frees the slots of jobs whose outcome is written, or was refused.
func (s *scheduler) settled(jobs []*job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range jobs {
		s.unhold(j)
	}
	s.unsettled -= len(jobs)
	if s.starved && len(s.held) < maxHeldJobs/2 {
		s.starved = false
		s.hooks.wake()
	}
	s.staff()
}

// released forgets jobs that were given back to the store unsent.
func (s *scheduler) released(jobs []*job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range jobs {
		s.unhold(j)
	}
}

func (s *scheduler) unhold(j *job) {
	if s.held[j.Delivery] == j.Claim {
		delete(s.held, j.Delivery)
	}
	s.heldBytes -= j.reserved
	j.lane.heldBytes -= j.reserved
	j.reserved = 0
}

// hold stops deliveries from starting, or lets them.
func (s *scheduler) hold(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onHold = on
}

// certain extends the time in which deliveries may start.
func (s *scheduler) certain(until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.validUntil = until
	for _, l := range s.lanes {
		s.list(l)
	}
	s.staff()
}

// unknown returns those of the leased rows that this process does not hold.
func (s *scheduler) unknown(rows []store.Held) []store.Held {
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

// close stops everything from starting and returns what was not started.
func (s *scheduler) close() []*job {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	rest := s.crashed
	s.crashed = nil
	for _, l := range s.lanes {
		rest = append(rest, l.queue...)
		l.Drop(len(l.queue))
		l.queue = nil
	}
	return rest
}

// ring is a first-in, first-out list of lanes, each at most once.
type ring struct{ lanes []*laneShell }

func (r *ring) push(l *laneShell) {
	l.listed = true
	r.lanes = append(r.lanes, l)
}

func (r *ring) pop() *laneShell {
	if len(r.lanes) == 0 {
		return nil
	}
	l := r.lanes[0]
	r.lanes[0] = nil
	r.lanes = r.lanes[1:]
	l.listed = false
	return l
}
