package schedule

import (
	"slices"
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// waiter is a delivery that is being published and waits for a place.
type waiter struct {
	delivery   string
	rank, size int
	// placed is closed once it has one.
	placed chan struct{}
}

// ReserveSoon is Reserve for a caller who can wait a moment: if the lane has no
// place but works fast, it waits for one. Who publishes faster than the process
// delivers is so slowed down a little, and what is published needs no claim. An
// endpoint that does not work fast delays nobody.
func (s *Scheduler) ReserveSoon(key store.Lane, delivery string, priority webhook.Priority, size int) bool {
	w, ok := s.queueUp(key, delivery, priority.Rank(), size)
	if w == nil {
		return ok
	}
	timer := time.NewTimer(lane.Moment)
	defer timer.Stop()
	select {
	case <-w.placed:
		return true
	case <-timer.C:
		return s.giveUp(key, w)
	}
}

// queueUp takes a place, or returns what waits for one.
func (s *Scheduler) queueUp(key store.Lane, delivery string, rank, size int) (*waiter, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, false
	}
	l, at := s.laneOf(key), clock.Now()
	place := l.lineUp(rank)
	if (place == 0 && l.Room(at, rank) && !s.full(l, size)) || !l.Soon(at, len(l.waiters)+1) {
		return nil, s.reserve(l, delivery, rank, size)
	}
	w := &waiter{delivery: delivery, rank: rank, size: size, placed: make(chan struct{})}
	l.waiters = slices.Insert(l.waiters, place, w)
	return w, false
}

// lineUp returns where one of a rank stands among the lane's waiters.
func (l *laneShell) lineUp(rank int) int {
	place := len(l.waiters)
	for place > 0 && l.waiters[place-1].rank > rank {
		place--
	}
	return place
}

// place gives the waiters of a lane the places that have become free.
func (s *Scheduler) place(l *laneShell) {
	for len(l.waiters) > 0 && !s.closed {
		w := l.waiters[0]
		if !l.Room(clock.Now(), w.rank) || s.full(l, w.size) {
			return
		}
		s.reserve(l, w.delivery, w.rank, w.size)
		l.waiters[0] = nil
		l.waiters = l.waiters[1:]
		close(w.placed)
	}
}

// giveUp ends the waiting of w, and reports whether it had a place at last.
func (s *Scheduler) giveUp(key store.Lane, w *waiter) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-w.placed:
		return true
	default:
	}
	if l := s.lanes[key]; l != nil {
		l.waiters = slices.DeleteFunc(l.waiters, func(o *waiter) bool { return o == w })
	}
	return false
}
