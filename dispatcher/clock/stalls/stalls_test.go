package stalls_test

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher/clock/stalls"
)

// In a bubble no time passes but what everybody waits for, so there are no stalls.
func TestNothingStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := stalls.Start()
		time.Sleep(time.Minute)
		w.Stop()
		w.Stop() // does no harm
		if w.Longest() != 0 || w.Total() != 0 {
			t.Errorf("stalls = %v, %v in all; want none", w.Longest(), w.Total())
		}
	})
}

// A process whose processors are all taken by what does not let go has a stall.
func TestStall(t *testing.T) {
	w := stalls.Start()
	defer w.Stop()
	for deadline := time.Now().Add(time.Minute); w.Longest() == 0; {
		if time.Now().After(deadline) {
			t.Fatal("no stall was measured while the world stood still, again and again")
		}
		stopTheWorld()
	}
	if w.Total() < w.Longest() {
		t.Errorf("stalls = %v, %v in all; want at least the longest", w.Longest(), w.Total())
	}
}

// stopTheWorld keeps the process from running for a while: the stacks of many goroutines
// are written while all stand still.
func stopTheWorld() {
	end := make(chan struct{})
	for range 5_000 {
		go func() { <-end }()
	}
	runtime.Stack(make([]byte, 64<<20), true)
	close(end)
}

func TestHeap(t *testing.T) {
	if got := stalls.Heap(50, 110*time.Millisecond); got != 6 {
		t.Errorf("Heap(50, 110ms) = %d; want 6, as 5.5 is rounded up", got)
	}
	if got := stalls.Heap(50, 0); got != 0 {
		t.Errorf("Heap(50, 0) = %d; want 0", got)
	}
}
