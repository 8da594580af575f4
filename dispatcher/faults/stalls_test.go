package faults_test

import (
	"sync"
	"testing"
	"time"
)

// stalls measures how long the machine keeps a process from running what is due, in the
// process that it is started in. What takes longer by that, or comes in a heap after it,
// is not the library's doing.
type stalls struct {
	end, ended chan struct{}
	stop       func()

	mu      sync.Mutex // guards what follows
	longest time.Duration
	total   time.Duration
}

const (
	stallStep = 5 * time.Millisecond
	// stallLeast is what counts as a stall. With little else to do, and with other tests
	// beside, no timer was measured to be that late.
	stallLeast = 3 * time.Millisecond
)

// watchStalls measures until stop is called.
func watchStalls() *stalls {
	s := &stalls{end: make(chan struct{}), ended: make(chan struct{})}
	s.stop = sync.OnceFunc(func() { close(s.end); <-s.ended })
	go s.watch()
	return s
}

// stallsIn measures until the test ends.
func stallsIn(t *testing.T) *stalls {
	t.Helper()
	s := watchStalls()
	t.Cleanup(s.stop)
	return s
}

func (s *stalls) watch() {
	defer close(s.ended)
	timer := time.NewTimer(stallStep)
	defer timer.Stop()
	for due := time.Now().Add(stallStep); ; due = time.Now().Add(stallStep) {
		select {
		case <-s.end:
			return
		case <-timer.C:
		}
		if late := time.Since(due); late >= stallLeast {
			s.mu.Lock()
			s.longest, s.total = max(s.longest, late), s.total+late
			s.mu.Unlock()
		}
		timer.Reset(stallStep)
	}
}

// worst returns the longest stall so far, and sum all of them together.
func (s *stalls) worst() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.longest
}

func (s *stalls) sum() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total
}
