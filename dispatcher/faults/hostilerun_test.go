package faults_test

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"
)

// TestFaultHostile (F4) publishes to endpoints that mistreat whoever sends to them,
// each in a way of its own, and to healthy ones.
func TestFaultHostile(t *testing.T) {
	lasting := 4 * time.Second
	switch {
	case *hostileFor > 0:
		lasting = *hostileFor
	case long:
		lasting = 10 * time.Minute
	case os.Getenv("POSTRIDER_FAULTS") != "":
		lasting = time.Minute
	}
	var before time.Duration
	if lasting >= time.Minute { // long enough to compare
		w := newHostileWorld(t, nil)
		w.run(20 * time.Second)
		w.close()
		before = w.p99()
	}
	goroutines, files, memory := runtime.NumGoroutine(), openFiles(), residentMemory()

	w := newHostileWorld(t, hostileModes)
	published := w.run(lasting)
	p99, missing := w.p99(), w.missing(published)
	for i, m := range w.modes {
		got, seen := w.byURL[w.endpoints[i].URL], attemptsOf(t, w.manage, w.endpoints[i].ID)
		for class, n := range seen {
			if !slices.Contains(m.classes, class) {
				t.Errorf("%s: %d attempts of class %q; want %q alone", m.name, n, class, m.classes)
			}
		}
		if got.attempts.Load() < 3 || len(seen) == 0 {
			t.Errorf("%s: %d attempts; want 3 at least to say anything", m.name, got.attempts.Load())
		}
	}
	var longest time.Duration
	for url, got := range w.byURL {
		longest = max(longest, time.Duration(got.longest.Load()))
		if n := got.late.Load(); n > 0 {
			t.Errorf("%d attempts at %s lasted over their deadline and a second, up to %v", n, url, time.Duration(got.longest.Load()))
		}
	}
	if n := w.reached.Load(); n != 0 {
		t.Errorf("redirects made %d connections; want 0", n)
	}
	if missing != 0 {
		t.Errorf("%d of %d events are missing at healthy endpoints; want all there", missing, published)
	}
	if before > 0 && p99 > max(2*before, 500*time.Millisecond) {
		t.Errorf("p99 at healthy endpoints = %v; want at most twice the %v without hostile ones, or 500 ms", p99, before)
	}
	w.close()
	settled := func() bool {
		runtime.GC()
		return runtime.NumGoroutine() <= goroutines+5 && openFiles() <= files+5
	}
	for deadline := time.Now().Add(10 * time.Second); !settled() && time.Now().Before(deadline); {
		<-time.After(20 * time.Millisecond)
	}
	if !settled() {
		t.Errorf("goroutines %d, files %d at the end; want the %d and %d of the beginning and 5 more at most", runtime.NumGoroutine(), openFiles(), goroutines, files)
	}
	grown := residentMemory() - memory
	if grown > 100<<20 {
		t.Errorf("resident memory grew by %d MiB; want less than 100", grown>>20)
	}
	t.Logf("F4, %v: %d events, %d modes; longest attempt %v; healthy p99 %v (alone %v); memory %+d MiB; goroutines %d, files %d", lasting, published, len(w.modes), longest, p99, before, grown>>20, runtime.NumGoroutine(), openFiles())
}

// openFiles counts the process's file descriptors, where that can be told.
func openFiles() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

// residentMemory returns this process's resident memory in bytes, where that can be
// told.
func residentMemory() int64 { return residentMemoryOf(os.Getpid()) }

// residentMemoryOf is residentMemory of any process.
func residentMemoryOf(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	var total, resident int64
	if err == nil {
		_, err = fmt.Sscan(string(status), &total, &resident)
	}
	if err != nil {
		return 0
	}
	return resident * int64(os.Getpagesize())
}
