package schedule

import (
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/store"
)

// successEvery is how often the time of an endpoint's last success is written.
const successEvery = 10 * time.Second

// Finish records the result of a job that was started, adds to its outcome what
// that means for the endpoint's health, and hands it over to be settled, in the
// order of the results. The job keeps its slot until Settled.
func (s *Scheduler) Finish(j *Job, r lane.Result, out *Settling) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, l := clock.Now(), j.lane
	s.running[l.class]--
	s.unsettled++
	if l.running--; l.running == 0 {
		s.active--
	}
	if s.tenants[l.key.Tenant]--; s.tenants[l.key.Tenant] == 0 {
		delete(s.tenants, l.key.Tenant)
	}
	for _, waiting := range s.crashes.end(j) {
		s.list(waiting)
	}
	out.Health = s.healthEffect(l, at, r)
	rest := l.finishKey(j, out.Status)
	effect := l.FinishBatch(at, max(len(j.Members), 1), r, j.probe)
	s.apply(l, effect)
	out.Trips, out.Notable = l.Trips(), effect.Notable
	switch {
	case effect.Begins:
		out.Recovery = store.RecoveryBegins
	case effect.Ends:
		out.Recovery = store.RecoveryEnds
	}
	s.hooks.Settle(out)
	s.giveBack(l, rest)
	s.list(l)
	s.feed(l)
}

// healthEffect returns what a result means for the stored health: a success
// counts if it ends a row of failures, and else every ten seconds.
func (s *Scheduler) healthEffect(l *laneShell, at time.Time, r lane.Result) store.HealthEffect {
	switch {
	case r == lane.Failed || r == lane.Throttled || r == lane.TimedOut:
		return store.HealthFailure
	case r != lane.Succeeded:
		return store.HealthUnchanged
	case l.Failures() == 0 && at.Sub(l.successSaved) < successEvery:
		return store.HealthUnchanged
	}
	l.successSaved = at
	return store.HealthSuccess
}

// Settled frees the slots of jobs whose outcome is written, or was refused.
func (s *Scheduler) Settled(jobs []*Job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range jobs {
		s.unhold(j)
	}
	s.unsettled -= len(jobs)
	if s.starved && len(s.held) < maxHeldJobs/2 {
		s.starved = false
		s.hooks.Wake()
	}
	s.staff()
}

// Released forgets jobs that were given back to the store unsent.
func (s *Scheduler) Released(jobs []*Job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range jobs {
		s.unhold(j)
	}
}

func (s *Scheduler) unhold(j *Job) {
	if s.held[j.Delivery] == j.Claim {
		delete(s.held, j.Delivery)
		delete(s.canceled, j.Delivery)
	}
	s.forgetKey(j)
	s.heldBytes -= j.Reserved
	j.lane.heldBytes -= j.Reserved
	j.Reserved = 0
}
