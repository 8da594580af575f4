package webhooktest_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// fakeTB is a test that may fail. It notes what it is told.
type fakeTB struct {
	testing.TB
	mu       sync.Mutex
	failures []string
}

func (f *fakeTB) Helper() {}

func (f *fakeTB) Errorf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failures = append(f.failures, fmt.Sprintf(format, args...))
}

func (f *fakeTB) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	runtime.Goexit()
}

func (f *fakeTB) Fatal(args ...any) { f.Fatalf("%s", fmt.Sprint(args...)) }

// failure runs f in a goroutine of its own and returns what failed meanwhile, or "".
func (f *fakeTB) failure(do func()) string {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	<-done
	f.mu.Lock()
	defer f.mu.Unlock()
	said := strings.Join(f.failures, "\n")
	f.failures = nil
	return said
}

// wants fails the real test unless do fails, and says all that it should. It returns
// what was said.
func (f *fakeTB) wants(do func(), says ...string) string {
	f.TB.Helper()
	got := f.failure(do)
	if got == "" {
		f.TB.Errorf("the test passed; want a failure that says %q", says)
	}
	for _, s := range says {
		if !strings.Contains(got, s) {
			f.TB.Errorf("the failure is\n%s\nwant it to say %q", got, s)
		}
	}
	return got
}
