package httpapi

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// failures bounds how often an address may come without valid credentials, at the pace
// of tests: ten at once, and one a second.
type failures struct {
	limit rate.Limit
	burst int

	mu   sync.Mutex
	from map[string]*rate.Limiter
}

// maxAddresses bounds the memory: some 100 bytes each.
const maxAddresses = 10_000

func newFailures() *failures {
	return &failures{limit: rate.Every(time.Second), burst: 10, from: make(map[string]*rate.Limiter)}
}

// allows reports whether an address may try, or how long it has to wait.
func (f *failures) allows(address string) (wait time.Duration, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.from[network(address)]
	if l == nil || l.Tokens() >= 1 {
		return 0, true
	}
	return time.Duration((1 - l.Tokens()) / float64(f.limit) * float64(time.Second)), false
}

// count remembers a failure.
func (f *failures) count(address string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := network(address)
	if f.from[key] == nil {
		f.makeRoom()
		f.from[key] = rate.NewLimiter(f.limit, f.burst)
	}
	f.from[key].Allow()
}

// makeRoom forgets addresses that have been quiet, and if there are none any one.
func (f *failures) makeRoom() {
	if len(f.from) < maxAddresses {
		return
	}
	for address, l := range f.from {
		if l.Tokens() >= float64(f.burst) {
			delete(f.from, address)
		}
	}
	for address := range f.from {
		if len(f.from) < maxAddresses {
			return
		}
		delete(f.from, address)
	}
}

// network returns what one client may have of addresses: of IPv6 a /64.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Unmap().Is4() {
		return address
	}
	prefix, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return prefix.String()
}
