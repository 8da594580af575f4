package schedule

import (
	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/lane"
)

// Stats returns how many lanes there are in each state, how many deliveries or batches
// are under way, and how many deliveries this process holds. It looks at every lane, so
// it is for those who ask a few times a minute.
func (s *Scheduler) Stats() (lanes map[lane.State]int, inFlight, held int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := clock.Now()
	lanes = make(map[lane.State]int)
	for _, l := range s.lanes {
		lanes[l.State(at)]++
	}
	for _, n := range s.running {
		inFlight += n
	}
	return lanes, inFlight, len(s.held)
}
