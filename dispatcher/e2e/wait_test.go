package e2e_test

import (
	"testing"
	"time"
)

// patience is how long a test waits for what should take milliseconds. It is for what
// hangs: a busy machine may take its time.
const patience = 2 * time.Minute

// eventually waits until cond holds, and fails the test if that takes longer
// than patience.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	if !holdsWithin(patience, cond) {
		t.Fatalf("waited %v: %s", patience, what)
	}
}

// holdsWithin looks every few milliseconds whether cond holds, and reports
// whether it did within a time.
func holdsWithin(limit time.Duration, cond func() bool) bool {
	deadline := time.Now().Add(limit)
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !cond() {
		if time.Now().After(deadline) {
			return false
		}
		<-ticker.C
	}
	return true
}

// want reports a value that is not the expected one.
func want[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v; want %v", what, got, want)
	}
}
