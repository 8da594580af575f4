//go:build skewedclock

package clock

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
	"unsafe"
)

// variable holds in the environment how this process's clock goes wrong: by how
// much from the start, and then jumps, each after the time since the start that
// it happens at, all in whole seconds. An example is "-10m,15s=1h,30s=-1h".
const variable = "POSTRIDER_CLOCK"

// Now is the engine's only source of time. Like that of a machine whose clock is
// set, it jumps by the wall and not by the monotonic clock.
func Now() time.Time {
	now := time.Now()
	s := skew()
	return turn(now, s.at(now.Sub(s.start)))
}

// schedule says when the clock is how wrong.
type schedule struct {
	start time.Time
	jumps []jump
}

type jump struct{ after, by time.Duration }

func (s *schedule) at(elapsed time.Duration) (off time.Duration) {
	for _, j := range s.jumps {
		if elapsed >= j.after {
			off += j.by
		}
	}
	return off
}

// skew is read when the time is first asked for.
var skew = sync.OnceValue(func() *schedule {
	s := &schedule{start: time.Now()}
	for i, word := range strings.Split(os.Getenv(variable), ",") {
		after, by, jumps := strings.Cut(word, "=")
		if !jumps {
			after, by = "0s", word
		}
		j, err := parse(after, by)
		if word == "" || err != nil {
			panic(fmt.Sprintf("%s: word %d, %q: %v", variable, i+1, word, err))
		}
		s.jumps = append(s.jumps, j)
	}
	return s
})

func parse(after, by string) (j jump, err error) {
	if j.after, err = time.ParseDuration(after); err == nil {
		j.by, err = time.ParseDuration(by)
	}
	return j, err
}

// turn moves the wall clock's part of a time that time.Now has returned, and
// leaves the monotonic one's alone, which package time has no function for: the
// seconds are the 33 bits above the 30 of the nanoseconds.
func turn(t time.Time, by time.Duration) time.Time {
	*(*uint64)(unsafe.Pointer(&t)) += uint64(by/time.Second) << 30
	return t
}
