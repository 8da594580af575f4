package auth

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"

	"github.com/postrider/postrider/webhook"
)

// Addresses is a list of where requests may come from. It can be changed at any time, and
// is safe for concurrent use. Create it with NewAddresses.
type Addresses struct {
	ranges atomic.Pointer[[]netip.Prefix]
}

// NewAddresses returns a list of addresses, and ranges in CIDR notation: "192.0.2.7",
// "2001:db8::/32". An empty list lets nobody in. The error says which entry is none.
func NewAddresses(ranges ...string) (*Addresses, error) {
	a := new(Addresses)
	return a, a.Set(ranges...)
}

// Set replaces the list, which counts for every request from then on. After an error, which
// says which entry is none, the list is what it was; a new one is empty.
func (a *Addresses) Set(ranges ...string) error {
	parsed := make([]netip.Prefix, len(ranges))
	for i, text := range ranges {
		var ok bool
		if parsed[i], ok = webhook.ParseIPRange(text); !ok {
			return fmt.Errorf("auth: %q is neither an address nor a range in CIDR notation without host bits", text)
		}
	}
	a.ranges.Store(&parsed)
	return nil
}

// Has reports whether an address is on the list. An IPv4 address in IPv6 notation is
// what it stands for; a text that is no address is on no list.
func (a *Addresses) Has(address string) bool {
	ip, err := netip.ParseAddr(address)
	ranges := a.ranges.Load()
	if err != nil || ranges == nil {
		return false
	}
	ip = ip.Unmap().WithZone("")
	for _, r := range *ranges {
		if r.Contains(ip) {
			return true
		}
	}
	return false
}

// From asks an authenticator about requests that come from an address on the list; all
// others are webhook.ErrForbidden, whatever credentials they have. clientAddress is that
// of the handler's Config, and should be the same; nil stands for the address of the
// connection.
func (a *Addresses) From(clientAddress func(*http.Request) string, authenticate Func) Func {
	if clientAddress == nil {
		clientAddress = connectionAddress
	}
	return func(r *http.Request) (webhook.Principal, error) {
		if !a.Has(clientAddress(r)) {
			return webhook.Principal{}, fmt.Errorf("%w: the address is not on the list", webhook.ErrForbidden)
		}
		return authenticate(r)
	}
}

func connectionAddress(r *http.Request) string {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return cmp.Or(host, r.RemoteAddr)
}
