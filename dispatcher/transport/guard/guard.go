package guard

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"

	"github.com/postrider/postrider/sabotage"
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
	// Open lists ranges in CIDR notation, and domains, that are let through
	// although the guard denies them: one network of yours, or names that only
	// your DNS knows. A domain opens its names, not the addresses behind them.
	// What AllowPrivate leaves denied as a metadata service, link-local,
	// unspecified, multicast or reserved stays so, and so do IPv6 ranges whose
	// addresses carry an IPv4 address.
	// Defaults to none.
	Open []string
	// Allow lists all ranges and domains that deliveries may go to; see List.
	// It opens nothing that the guard denies.
	// Defaults to everywhere.
	Allow []string
	// Deny lists ranges and domains that deliveries may not go to, not even if
	// Open or Allow has them.
	// Defaults to none.
	Deny []string
}

// Guard judges URLs and addresses. It is safe for concurrent use. The zero
// value accepts https URLs and public addresses only.
type Guard struct {
	cfg  Config
	open entries
	list *List // of Config.Allow and Config.Deny
}

// New returns a guard, or an error if a NAT64 prefix is none of RFC 6052, or an
// entry of a list is none.
func New(cfg Config) (*Guard, error) {
	cfg.NAT64 = slices.Clone(cfg.NAT64)
	for i, p := range cfg.NAT64 {
		if !p.IsValid() || !p.Addr().Is6() || p.Addr().Is4In6() || !slices.Contains(nat64Bits, p.Bits()) {
			return nil, fmt.Errorf("guard: NAT64 prefix %q is none of RFC 6052", p)
		}
		cfg.NAT64[i] = p.Masked()
	}
	g := &Guard{cfg: cfg}
	var err error
	if g.open, err = parseEntries(cfg.Open); err != nil {
		return nil, err
	}
	if g.list, err = NewList(cfg.Allow, cfg.Deny); err != nil {
		return nil, err
	}
	return g, nil
}

// Destination is where a connection is to lead: a host, in the normal form of
// ParseURL and without a port, on behalf of a scope.
type Destination struct {
	Host  string
	Scope Scope
}

// Control returns a net.Dialer's ControlContext for connections to a destination,
// which the dialler calls with each address that it is about to connect to. It
// returns ErrBlocked for everything but a TCP connection to an allowed address, and
// for whatever it cannot read.
func (g *Guard) Control(to Destination) func(context.Context, string, string, syscall.RawConn) error {
	return func(_ context.Context, network, address string, _ syscall.RawConn) error {
		if sabotage.NoGuard {
			return nil
		}
		if network != "tcp4" && network != "tcp6" {
			return ErrBlocked
		}
		ap, err := netip.ParseAddrPort(address)
		if err != nil || !g.Allowed(to, ap.Addr()) {
			return ErrBlocked
		}
		return nil
	}
}

// Allowed reports whether a destination may be reached at an address: if
// AllowedAddr lets it through, and no list is against it.
func (g *Guard) Allowed(to Destination, addr netip.Addr) bool {
	if !g.AllowedAddr(addr) {
		return false
	}
	addr = addr.Unmap()
	inner := g.inner(addr)
	return g.list.allows(to.Host, addr, inner) && to.Scope.allows(to.Host, addr, inner)
}

// Addresses reports whether the guard's own lists, or those of a scope, have
// anything to say about addresses.
func (g *Guard) Addresses(s Scope) bool { return g.list.Addresses() || s.Addresses() }

// Public reports whether the guard lets only public addresses through.
func (g *Guard) Public() bool { return !g.cfg.AllowPrivate }
