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

// scheduler owns the lanes and decides which delivery starts next. Its mutex is
// never held across I/O.
type scheduler struct {
	slots int
	hooks schedulerHooks

	mu    sync.Mutex
	lanes map[store.Lane]*laneShell
	// ready are the lanes that may start something, by class; lastClass is the
	// class whose lane was looked at last.
	ready     [lane.Classes]ring
	lastClass lane.Class
	// hungry are the lanes that have stored work and room for it.
	hungry map[*laneShell]struct{}
	crashes
	// held is what is leased to us, by delivery, with the claim.
	held      map[string]int64
	heldBytes int
	// reserved counts places that were taken for events being published.
	reserved sync.WaitGroup
	// starved says that the claim loop could claim more if there was room.
	starved bool
	// workers are goroutines; running counts those that have a delivery, by the
	// class of its lane, and active the lanes they work for; unsettled counts
	// results that are not written yet.
	workers, active, unsettled int
	running                    [lane.Classes]int
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
		j.lane = s.laneOf(j.key())
		j.lane.queue.add(j)
		s.list(j.lane)
	}
	at := now()
	for _, j := range jobs { // a lane may have been shut since the place was taken
		if l := j.lane; l != nil && l.queue.len() > 0 && l.Shut(at) {
			s.apply(l, lane.Effect{Release: true})
		}
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

// list puts a lane that may start something into the ring of its class.
func (s *scheduler) list(l *laneShell) {
	s.reclass(l)
	if !l.listed && l.queue.len() > 0 && l.Ready(now()) {
		s.ready[l.class].push(l)
	}
}

// reclass moves a lane, and what it has under way, to the class that it has
// now.
func (s *scheduler) reclass(l *laneShell) {
	class := l.Class(now())
	if class == l.class {
		return
	}
	s.running[l.class] -= l.running
	s.running[class] += l.running
	l.class = class
	if l.listed {
		s.ready[class].push(l) // its place in the old ring is void
	}
}

// running returns how many deliveries are under way.
func (s *scheduler) underWay() (n int) {
	for _, r := range s.running {
		n += r
	}
	return n
}

// free returns how many more deliveries of a class may run: endpoints that look
// bad get a quarter of the slots, those that nobody knows get half.
func (s *scheduler) free(c lane.Class) int {
	share := [lane.Classes]int{lane.Good: s.slots, lane.Unproven: s.slots / 2, lane.Suspect: s.slots / 4}
	return max(share[c], 1) - s.running[c]
}

// fair reports whether a lane may take one more slot. While more than half are
// taken, lanes share that half evenly, and an eighth is kept for those that have
// nothing under way: endpoints that all begin to hang at the same moment must
// leave something for one that does not.
func (s *scheduler) fair(l *laneShell) bool {
	used := s.underWay()
	switch {
	case l.running == 0 || used < s.slots/2:
		return true
	case used >= s.slots-s.slots/8:
		return false
	}
	return l.running < max(s.slots/2/max(s.active, 1), 1)
}

// staff starts as many workers as there are lanes that may start something.
func (s *scheduler) staff() {
	if s.closed || s.onHold {
		return
	}
	work := 0
	for c := range lane.Classes {
		work += max(min(s.ready[c].len(), s.free(c)), 0)
	}
	for idle := s.workers - s.underWay(); idle < work && s.workers+s.unsettled < s.slots; idle++ {
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
	s.staff()
	return j
}

func (s *scheduler) pick() *job {
	if s.closed || s.onHold || s.workers+s.unsettled > s.slots || !now().Before(s.validUntil) {
		return nil
	}
	tries := 0
	for c := range s.ready {
		tries += s.ready[c].len()
	}
	for ; tries > 0; tries-- {
		l := s.popLane()
		if l == nil {
			return nil
		}
		if !s.fair(l) {
			s.list(l) // to the back
			continue
		}
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
// if it could start more. It returns nil if the lane cannot start one now.
func (s *scheduler) start(l *laneShell) *job {
	at := now()
	if l.queue.len() == 0 || !l.Ready(at) {
		return nil
	}
	j := l.queue.take(s.crashes.admits)
	if j == nil {
		s.crashes.wait(l)
		return nil
	}
	s.crashes.begin(j)
	j.probe = l.Start(at)
	j.route = l.route
	if l.running++; l.running == 1 {
		s.active++
	}
	s.running[l.class]++
	s.list(l)
	s.feed(l)
	return j
}

// current reports whether a job that was started may be sent: the lease is
// certain, and its endpoint is as it was when the job started.
func (s *scheduler) current(j *job) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := now()
	return !s.closed && at.Before(s.validUntil) && j.lane.Loaded() && j.lane.route == j.route &&
		(j.probe || !j.lane.Shut(at))
}

// finish records a result and hands its outcome over to be settled, in the order
// of the results. The job keeps its slot until then.
func (s *scheduler) finish(j *job, r lane.Result, out *settling) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, l := now(), j.lane
	s.running[l.class]--
	s.unsettled++
	if l.running--; l.running == 0 {
		s.active--
	}
	for _, waiting := range s.crashes.end(j) {
		s.list(waiting)
	}
	out.Health = s.healthEffect(l, at, r)
	s.apply(l, l.Finish(at, r, j.probe))
	out.Trips = l.Trips()
	s.hooks.settle(out)
	s.list(l)
	s.feed(l)
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
	var rest []*job
	for _, l := range s.lanes {
		jobs := l.queue.all()
		l.Drop(len(jobs))
		rest = append(rest, jobs...)
	}
	return rest
}
