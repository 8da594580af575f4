package guard

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// ErrBlocked is returned by Control for an address that the guard denies. Its
// text names no address, so that nobody can map a network by reading it.
var ErrBlocked = errors.New("destination address is not allowed")

// Config opens what a Guard denies. Only the host's code can set it; there is
// no way to it through the management API.
type Config struct {
	// AllowHTTP accepts http URLs beside https.
	// Defaults to false.
	AllowHTTP bool
	// AllowPrivate lets deliveries reach loopback, private networks (RFC 1918,
	// RFC 4193) and the shared address space (RFC 6598), and accepts names that
	// only a private DNS can know. It is meant for tests and internal
	// installations. Metadata services, link-local, unspecified, multicast and
	// all other special addresses stay denied.
	// Defaults to false.
	AllowPrivate bool
	// NAT64 holds the site's own NAT64 prefixes (RFC 6052; /32, /40, /48, /56,
	// /64 or /96). An address inside one is judged by the IPv4 address that it
	// carries. List 64:ff9b::/96 here on a network with DNS64.
	// Defaults to none: the well-known prefixes are denied as a whole.
	NAT64 []netip.Prefix
}

// Guard judges URLs and addresses. It is safe for concurrent use. The zero
// value accepts https URLs and public addresses only.
type Guard struct {
	cfg Config
}

// New returns a guard, or an error if a NAT64 prefix is none of RFC 6052.
func New(cfg Config) (*Guard, error) {
	cfg.NAT64 = slices.Clone(cfg.NAT64)
	for i, p := range cfg.NAT64 {
		if !p.IsValid() || !p.Addr().Is6() || p.Addr().Is4In6() || !slices.Contains(nat64Bits, p.Bits()) {
			return nil, fmt.Errorf("guard: NAT64 prefix %q is none of RFC 6052", p)
		}
		cfg.NAT64[i] = p.Masked()
	}
	return &Guard{cfg: cfg}, nil
}

// Control has the signature of net.Dialer.ControlContext, which the dialler
// calls with each address it is about to connect to. It returns ErrBlocked for
// everything but a TCP connection to an allowed address, and for whatever it
// cannot read.
func (g *Guard) Control(_ context.Context, network, address string, _ syscall.RawConn) error {
	if !dialGuarded {
		return nil
	}
	if network != "tcp4" && network != "tcp6" {
		return ErrBlocked
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !g.AllowedAddr(ap.Addr()) {
		return ErrBlocked
	}
	return nil
}

// Public reports whether the guard lets only public addresses through.
func (g *Guard) Public() bool { return !g.cfg.AllowPrivate }
