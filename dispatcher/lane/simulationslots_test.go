package lane_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/postrider/postrider/dispatcher/lane"
)

// slots asks the store for what the lane wants, as the store gives it, or fails to.
func (s *shell) slots() {
	r, ok := s.lane.Slots(s.now)
	if !ok {
		return
	}
	if s.rnd.IntN(10) == 0 {
		s.lane.NotGranted(s.now)
		return
	}
	if s.free.Before(s.now) {
		s.free = s.now
	}
	s.given = slices.DeleteFunc(s.given, s.lapsed)
	first := s.free.Add(-r.Slack)
	n := 0
	for ; n < r.Want && !first.Add(time.Duration(n)*r.Interval).After(s.now.Add(lane.Ahead)); n++ {
		s.free = s.free.Add(r.Interval)
		at := first.Add(time.Duration(n) * r.Interval)
		if at.Before(s.now) {
			at = s.now
		}
		s.given = append(s.given, at)
	}
	s.lane.Granted(s.now, first, r, n)
	s.note("granted %d of %d", n, r.Want)
}

// lapsed reports whether a slot may be used no more.
func (s *shell) lapsed(at time.Time) bool {
	late := 100 * time.Millisecond
	if s.cfg.Interval <= 10*time.Millisecond { // one is few
		late = 500 * time.Millisecond
	}
	return at.Before(s.now.Add(-late))
}

// used takes the slot of a delivery that starts, which there must be.
func (s *shell) used() error {
	for i, at := range s.given {
		if !at.After(s.now) && !s.lapsed(at) {
			s.given = append(s.given[:i:i], s.given[i+1:]...)
			return nil
		}
	}
	return fmt.Errorf("a delivery starts without a slot: %v are given", s.given)
}

// compete is another process that takes slots of the endpoint.
func (s *shell) compete() {
	if s.free.Before(s.now) {
		s.free = s.now
	}
	s.free = s.free.Add(time.Duration(s.rnd.IntN(1000)) * time.Millisecond)
	s.note("another process takes slots until %v", s.free.Sub(s.now))
}
