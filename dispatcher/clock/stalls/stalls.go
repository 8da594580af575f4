// Package stalls measures how long the machine keeps a process from running what is due:
// for tests that judge a rate or a deadline in real time. What takes longer by that, or
// comes in a heap after it, is not the doing of the code under test.
package stalls

import (
	"math"
	"sync"
	"time"
)

const (
	step = 5 * time.Millisecond
	// least is what counts as a stall. With little else to do, and with other tests
	// beside, no timer was measured to be that late.
	least = 3 * time.Millisecond
)

// Watch measures the process that it is started in. It is safe for concurrent use.
type Watch struct {
	end, ended chan struct{}
	stop       func()

	mu      sync.Mutex // guards what follows
	longest time.Duration
	total   time.Duration
}

// Start returns a Watch that measures until Stop is called.
func Start() *Watch {
	w := &Watch{end: make(chan struct{}), ended: make(chan struct{})}
	w.stop = sync.OnceFunc(func() { close(w.end); <-w.ended })
	go w.run()
	return w
}

// Stop ends the measurement and waits for that. What was measured stays.
func (w *Watch) Stop() { w.stop() }

func (w *Watch) run() {
	defer close(w.ended)
	timer := time.NewTimer(step)
	defer timer.Stop()
	for due := time.Now().Add(step); ; due = time.Now().Add(step) {
		select {
		case <-w.end:
			return
		case <-timer.C:
		}
		if late := time.Since(due); late >= least {
			w.mu.Lock()
			w.longest, w.total = max(w.longest, late), w.total+late
			w.mu.Unlock()
		}
		timer.Reset(step)
	}
}

// Longest returns the longest stall so far.
func (w *Watch) Longest() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.longest
}

// Total returns all stalls so far together.
func (w *Watch) Total() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.total
}

// Heap returns how many of so many a second a stall may hold up, which then come at
// once, rounded up.
func Heap(perSecond int, stall time.Duration) int {
	return int(math.Ceil(float64(perSecond) * stall.Seconds()))
}
