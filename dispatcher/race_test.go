//go:build race

package dispatcher_test

import "runtime"

// The race detector's state for the timers of a bubble is not safe for two threads
// that fire them at once, and the process dies of it (golang/go#78156). With one
// thread it finds the same races: it goes by what happens before what.
func init() { runtime.GOMAXPROCS(1) }
