package schedule

import "github.com/postrider/postrider/store"

// Cancel sees to it that deliveries of this process that have not been started are
// not sent, at their turn. Those that it does not hold yet may be on their way to it
// from a claim; ForgetCanceled forgets them when none is.
func (s *Scheduler) Cancel(rows []store.Held) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.canceled == nil {
		s.canceled = make(map[string]int64)
	}
	for _, r := range rows {
		s.canceled[r.Delivery] = r.Claim
	}
}

// ForgetCanceled forgets what was canceled and is not held.
func (s *Scheduler) ForgetCanceled() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for delivery, claim := range s.canceled {
		if s.held[delivery] != claim {
			delete(s.canceled, delivery)
		}
	}
}

// TookCanceled gives back the places of rows that turns brought and that are not
// pushed, since they were canceled. What is behind them in their keys may go now.
func (s *Scheduler) TookCanceled(rows []store.Claimed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range rows {
		l := s.lanes[store.Lane{Tenant: rows[i].Tenant, Endpoint: rows[i].Endpoint}]
		if l == nil {
			continue
		}
		l.Drop(rows[i].Priority.Rank())
		l.fresh = l.fresh || rows[i].Ordered
		s.feed(l)
	}
}

// mark says of a job that starts whether it was canceled.
func (s *Scheduler) mark(j *Job) {
	if claim, ok := s.canceled[j.Delivery]; ok && claim == j.Claim {
		j.Canceled = true
	}
}
