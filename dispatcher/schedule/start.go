package schedule

import (
	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/lane"
)

// Next returns the delivery that a worker sends now, or nil if the worker
// should end.
func (s *Scheduler) Next() *Job {
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

func (s *Scheduler) pick() *Job {
	if s.closed || s.onHold || s.workers+s.unsettled > s.slots || !clock.Now().Before(s.validUntil) {
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
func (s *Scheduler) popLane() *laneShell {
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
func (s *Scheduler) start(l *laneShell) *Job {
	at := clock.Now()
	some, loose := l.startable(at)
	if !some || !l.Ready(at) {
		s.setAlarm(l) // its slot may have lapsed while no worker was free
		return nil
	}
	j := l.queue.take(s.crashes.admits, loose, l.Batch())
	if j == nil {
		s.crashes.wait(l)
		return nil
	}
	s.crashes.begin(j)
	s.mark(j)
	j.probe = l.StartBatch(at, j.ranks())
	j.Route = l.route
	if l.running++; l.running == 1 {
		s.active++
	}
	s.tenants[l.key.Tenant]++
	s.running[l.class]++
	s.list(l)
	s.place(l)
	s.feed(l)
	return j
}

// Current reports whether a job that was started may be sent: the lease is
// certain, and its endpoint is as it was when the job started.
func (s *Scheduler) Current(j *Job) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := clock.Now()
	return !s.closed && at.Before(s.validUntil) && j.lane.Loaded() && j.lane.route == j.Route &&
		(j.probe || !j.lane.Shut(at))
}

// staff starts as many workers as there are lanes that may start something.
func (s *Scheduler) staff() {
	if s.closed || s.onHold {
		return
	}
	work := 0
	for c := range lane.Classes {
		work += max(min(s.ready[c].len(), s.free(c)), 0)
	}
	for idle := s.workers - s.underWay(); idle < work && s.workers+s.unsettled < s.slots; idle++ {
		s.workers++
		s.hooks.Spawn()
	}
}

// list puts a lane that may start something into the ring of its class.
func (s *Scheduler) list(l *laneShell) {
	s.reclass(l)
	if at := clock.Now(); !l.listed {
		if some, _ := l.startable(at); some && l.Ready(at) {
			s.ready[l.class].push(l)
		}
	}
	s.setAlarm(l)
}

// reclass moves a lane, and what it has under way, to the class that it has
// now.
func (s *Scheduler) reclass(l *laneShell) {
	class := l.Class(clock.Now())
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

// underWay returns how many deliveries are under way.
func (s *Scheduler) underWay() (n int) {
	for _, r := range s.running {
		n += r
	}
	return n
}

// free returns how many more deliveries of a class may run: endpoints that look
// bad get a quarter of the slots, those that nobody knows get half.
func (s *Scheduler) free(c lane.Class) int {
	share := [lane.Classes]int{lane.Good: s.slots, lane.Unproven: s.slots / 2, lane.Suspect: s.slots / 4}
	return max(share[c], 1) - s.running[c]
}

// fair reports whether a lane may take one more slot. While more than half are
// taken, lanes share that half evenly, and an eighth is kept for those that have
// nothing under way: endpoints that all begin to hang at the same moment must
// leave something for one that does not. Tenants share the half evenly too, so
// that one with a thousand endpoints does not count for a thousand; what it has
// under way at one endpoint must not stop its others, though, and only the last
// eighth is closed to those.
func (s *Scheduler) fair(l *laneShell) bool {
	used := s.underWay()
	if used < s.slots/2 {
		return true
	}
	under := s.underShare(l.key.Tenant)
	if l.running > 0 {
		return under && used < s.slots-s.slots/8 && l.running < max(s.slots/2/max(s.active, 1), 1)
	}
	if len(s.tenants) == 1 && s.tenants[l.key.Tenant] > 0 {
		return used < s.slots-s.slots/128 // the next tenant must be able to begin
	}
	return under || used < s.slots-s.slots/8
}

// underShare reports whether a tenant has less under way than its even part of
// half of the slots, as one has that is alone.
func (s *Scheduler) underShare(tenant string) bool {
	n := s.tenants[tenant]
	return n == 0 || len(s.tenants) == 1 || n < s.slots/2/len(s.tenants)
}
