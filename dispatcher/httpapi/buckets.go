package httpapi

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// buckets are token buckets of one size, by name. A name that nobody has used for so long
// that its bucket is full again is forgotten.
type buckets struct {
	limit rate.Limit
	burst int

	mu sync.Mutex
	of map[string]*rate.Limiter
}

// maxBuckets bounds the memory: some 100 bytes each.
const maxBuckets = 10_000

func newBuckets(limit rate.Limit, burst int) *buckets {
	return &buckets{limit: limit, burst: burst, of: make(map[string]*rate.Limiter)}
}

// look reports whether a name has a token, or how long it has to wait for one.
func (b *buckets) look(name string) (wait time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.wait(b.of[name])
}

// take is look, and takes the token.
func (b *buckets) take(name string) (wait time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.of[name]
	if l == nil {
		b.makeRoom()
		l = rate.NewLimiter(b.limit, b.burst)
		b.of[name] = l
	}
	wait, ok = b.wait(l)
	if ok {
		l.Allow()
	}
	return wait, ok
}

func (b *buckets) wait(l *rate.Limiter) (time.Duration, bool) {
	if l == nil || l.Tokens() >= 1 {
		return 0, true
	}
	return time.Duration((1 - l.Tokens()) / float64(b.limit) * float64(time.Second)), false
}

// makeRoom forgets names that have been quiet, and then any until a tenth is free: who comes
// under ever new names must not make each of them cost a look at all.
func (b *buckets) makeRoom() {
	if len(b.of) < maxBuckets {
		return
	}
	for name, l := range b.of {
		if l.Tokens() >= float64(b.burst) {
			delete(b.of, name)
		}
	}
	for name := range b.of {
		if len(b.of) <= maxBuckets*9/10 {
			return
		}
		delete(b.of, name)
	}
}
