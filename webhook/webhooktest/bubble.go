package webhooktest

import (
	"testing"
	"time"
)

// deadline returns when the test binary gives up, if it does, and whether the test
// runs in a synctest bubble, whose time is not that of the deadline.
func deadline(t testing.TB) (at time.Time, ok, bubble bool) {
	d, limited := t.(interface{ Deadline() (time.Time, bool) })
	if !limited {
		return time.Time{}, false, false
	}
	defer func() {
		if recover() != nil { // how package testing says that this is a bubble
			at, ok, bubble = time.Time{}, false, true
		}
	}()
	at, ok = d.Deadline()
	return at, ok, false
}

func inBubble(t testing.TB) bool {
	_, _, bubble := deadline(t)
	return bubble
}
