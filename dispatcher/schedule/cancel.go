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

// mark says of a job that starts whether it was canceled.
func (s *Scheduler) mark(j *Job) {
	if claim, ok := s.canceled[j.Delivery]; ok && claim == j.Claim {
		j.Canceled = true
	}
}
