package httpapi

import (
	"net/netip"
	"time"

	"golang.org/x/time/rate"
)

// failures bounds how often an address may come without valid credentials, at the pace
// of tests: ten at once, and one a second.
type failures struct{ from *buckets }

func newFailures() *failures { return &failures{newBuckets(rate.Every(time.Second), 10)} }

// allows reports whether an address may try, or how long it has to wait.
func (f *failures) allows(address string) (wait time.Duration, ok bool) {
	return f.from.look(network(address))
}

// count remembers a failure.
func (f *failures) count(address string) { f.from.take(network(address)) }

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
