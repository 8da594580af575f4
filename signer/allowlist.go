package signer

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// AllowListConfig says from which addresses webhooks are taken.
type AllowListConfig struct {
	// Allow are the sender's addresses: prefixes such as "203.0.113.0/24", or
	// single addresses. At least one is required.
	Allow []string

	// TrustedProxies are the addresses of the receiver's own proxies, in the
	// same form. A request that comes from one of them is judged by the
	// X-Forwarded-For header, read from its end: the last address there that is
	// not a trusted proxy's is the sender's, and whatever stands before it,
	// which anybody can send, is not looked at. The proxies must add to that
	// header or set it.
	// Defaults to none: only the address of the connection counts.
	TrustedProxies []string

	// OnReject is told of every request that was turned away, with the address
	// that it was judged by; that is not valid if the header could not be read.
	// Defaults to nil, and then nobody is told.
	OnReject func(r *http.Request, from netip.Addr)
}

const (
	headerForwarded = "X-Forwarded-For"
	textForbidden   = "Address is not allowed."
)

// AllowList returns middleware that passes requests from the sender's addresses
// on and answers all others 403, before anything of them is read. It is no
// substitute for a signature: addresses say where a request came from, not who
// made it. The error names the first entry that is no address or prefix; a prefix
// has no bits set behind its length, an IPv4 one is written as such, and not all
// the world can be a trusted proxy.
func AllowList(cfg AllowListConfig) (func(http.Handler) http.Handler, error) {
	if len(cfg.Allow) == 0 {
		return nil, errors.New("signer: an allow list needs an address")
	}
	allow, err := parsePrefixes(cfg.Allow)
	if err != nil {
		return nil, err
	}
	proxies, err := parsePrefixes(cfg.TrustedProxies)
	if err != nil {
		return nil, fmt.Errorf("trusted proxies: %w", err)
	}
	for _, p := range proxies {
		if p.Bits() == 0 {
			return nil, errors.New("signer: trusted proxies cannot be all the world")
		}
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			from := senderOf(r, proxies)
			if !allow.contain(from) {
				if cfg.OnReject != nil {
					cfg.OnReject(r, from)
				}
				refuse(w, http.StatusForbidden, textForbidden)
				return
			}
			next.ServeHTTP(w, r)
		})
	}, nil
}

// senderOf returns the address that a request comes from, as far as it can be
// trusted, or the zero Addr.
func senderOf(r *http.Request, proxies prefixes) netip.Addr {
	connected, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	from := plainAddr(connected.Addr())
	forwarded := strings.Join(r.Header[headerForwarded], ",")
	for proxies.contain(from) && forwarded != "" {
		i := strings.LastIndexByte(forwarded, ',')
		if from, err = parseForwarded(forwarded[i+1:]); err != nil {
			return netip.Addr{}
		}
		forwarded = forwarded[:max(i, 0)]
	}
	return from
}

// parseForwarded reads one address of X-Forwarded-For, which some proxies write
// with a port.
func parseForwarded(s string) (netip.Addr, error) {
	s = strings.Trim(s, " \t")
	addr, err := netip.ParseAddr(s)
	if err != nil {
		var with netip.AddrPort
		with, err = netip.ParseAddrPort(s)
		addr = with.Addr()
	}
	return plainAddr(addr), err
}

// plainAddr returns an address in the one form that prefixes are compared with.
func plainAddr(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

type prefixes []netip.Prefix

func parsePrefixes(texts []string) (prefixes, error) {
	list := make(prefixes, 0, len(texts))
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			var addr netip.Addr
			if addr, err = netip.ParseAddr(text); err == nil && addr.Zone() == "" {
				p = netip.PrefixFrom(addr, addr.BitLen())
			}
		}
		if err != nil || !p.IsValid() || p != p.Masked() || p.Addr() != plainAddr(p.Addr()) {
			return nil, fmt.Errorf("signer: %q is no address or prefix", text)
		}
		list = append(list, p)
	}
	return list, nil
}

func (list prefixes) contain(a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
