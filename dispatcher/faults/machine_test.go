package faults_test

import (
	"context"
	"flag"
	"strconv"
	"testing"

	"golang.org/x/sync/semaphore"
)

// Most of these tests wait: for a lease to end, a breaker to let a probe through, a
// child to come up. In the short version they do so beside each other, as many as fit
// in the places there are, of which two are one processor of the smallest machine that
// all this has to run on.
const (
	places = 6
	none   = 0 // has subtests that take places
	light  = 1 // mostly waits, and publishes at some steps alone
	heavy  = 2 // keeps children, and a database, busy
)

// A test that counts what is in its own process (goroutines, files) takes no place: it
// is not parallel, so it has the process to itself. One that judges how many attempts
// fall in a second takes all places but one, and measures what the machine itself held
// up (package stalls), since other packages' tests run at the same time whatever we do.
const nearlyAlone = places - light

var machine = semaphore.NewWeighted(places)

// beside runs a test beside others, in the short version.
func beside(t *testing.T, weight int64) {
	t.Helper()
	if !long { // else times are judged to the letter
		take(t, weight)
	}
}

// take runs a test beside others once there is room for it, until its subtests have
// ended too.
func take(t *testing.T, weight int64) {
	t.Helper()
	t.Parallel()
	if long || weight == none {
		return // go test bounds how many run
	}
	if err := machine.Acquire(context.Background(), weight); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { machine.Release(weight) })
}

// makeRoom lets go test start all parallel tests, which then wait for their places,
// unless it was told how many.
func makeRoom() error {
	flag.Parse()
	told := false
	flag.Visit(func(f *flag.Flag) { told = told || f.Name == "test.parallel" })
	if told || long {
		return nil
	}
	return flag.Set("test.parallel", strconv.Itoa(100))
}
