package guard

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/postrider/postrider/webhook"
)

// List narrows what a Guard lets through. An entry is an address, a range in CIDR
// notation, or a domain, which stands for itself and all names below it. If any are
// allowed, a destination must be in one of the ranges that are, or its host in one
// of the domains; in a range or domain that is denied it must never be. A List
// opens nothing. It is safe for concurrent use; a nil *List narrows nothing.
type List struct {
	allow, deny entries
	key         string
}

// NewList returns a list of what is allowed, which is everything if allow is
// empty, and what is denied. It is nil if both are empty. The error says which
// entry is none.
func NewList(allow, deny []string) (*List, error) {
	if len(allow)+len(deny) == 0 {
		return nil, nil
	}
	l := new(List)
	var err error
	if l.allow, err = parseEntries(allow); err != nil {
		return nil, err
	}
	if l.deny, err = parseEntries(deny); err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(strings.Join(l.allow.text, " ") + "\n" + strings.Join(l.deny.text, " ")))
	l.key = hex.EncodeToString(sum[:16]) // as good as the lists themselves, and half a label
	return l, nil
}

// NewRanges is NewList for what has no domains: the lists of an endpoint, whose URL
// has one host.
func NewRanges(allow, deny []string) (*List, error) {
	for _, s := range slices.Concat(allow, deny) {
		if _, ok := webhook.ParseIPRange(s); !ok {
			return nil, fmt.Errorf("guard: %q is neither an address nor a range in CIDR notation without host bits", s)
		}
	}
	return NewList(allow, deny)
}

// Addresses reports whether the list has anything to say about addresses, so that
// a host's name is not enough to be judged.
func (l *List) Addresses() bool {
	return l != nil && (len(l.allow.prefixes) > 0 || len(l.deny.prefixes) > 0)
}

// allowsName reports whether a host may go on to be dialled. Its addresses may be
// denied even so.
func (l *List) allowsName(host string) bool {
	if l == nil {
		return true
	}
	if l.deny.name(host) {
		return false
	}
	return l.allow.empty() || len(l.allow.prefixes) > 0 || l.allow.name(host)
}

// allows judges an address of a host. inner is the IPv4 address that addr carries
// by a NAT64 prefix of the site, or addr itself.
func (l *List) allows(host string, addr, inner netip.Addr) bool {
	if l == nil {
		return true
	}
	if l.deny.name(host) || within(addr, l.deny.prefixes) || within(inner, l.deny.prefixes) {
		return false
	}
	return l.allow.empty() || l.allow.name(host) || within(addr, l.allow.prefixes) || within(inner, l.allow.prefixes)
}

// entries are what one side of a list consists of.
type entries struct {
	prefixes []netip.Prefix
	domains  []string
	text     []string
}

func (e *entries) empty() bool { return len(e.text) == 0 }

// name reports whether a host is one of the domains, or below one.
func (e *entries) name(host string) bool {
	for _, d := range e.domains {
		if rest, ok := strings.CutSuffix(host, d); ok && (rest == "" || rest[len(rest)-1] == '.') {
			return true
		}
	}
	return false
}

func parseEntries(list []string) (entries, error) {
	var e entries
	for _, s := range list {
		if p, ok := webhook.ParseIPRange(s); ok {
			e.prefixes = append(e.prefixes, p)
			e.text = append(e.text, p.String())
			continue
		}
		domain, ok := ascii(s)
		if domain = strings.TrimSuffix(strings.TrimPrefix(domain, "."), "."); !ok || !validName(domain) || number(domain[strings.LastIndexByte(domain, '.')+1:]) {
			return e, fmt.Errorf("guard: %q is neither an address, nor a range in CIDR notation without host bits, nor a domain", s)
		}
		e.domains = append(e.domains, domain)
		e.text = append(e.text, domain)
	}
	return e, nil
}

// Scope is what narrows one request, beside the guard's own lists.
type Scope struct {
	// Tenant and Endpoint are the lists of who the request is made for.
	Tenant, Endpoint *List
}

// Addresses reports whether a list of the scope has anything to say about
// addresses.
func (s Scope) Addresses() bool { return s.Tenant.Addresses() || s.Endpoint.Addresses() }

// Key is different for scopes that judge differently, and "" for one that narrows
// nothing. It is one or two labels of a domain name. Connections must not be shared
// by requests of different keys: what one may reach, the other may not.
func (s Scope) Key() string {
	switch {
	case s.Tenant == nil && s.Endpoint == nil:
		return ""
	case s.Endpoint == nil:
		return "t" + s.Tenant.key
	case s.Tenant == nil:
		return "e" + s.Endpoint.key
	}
	return "t" + s.Tenant.key + ".e" + s.Endpoint.key
}

func (s Scope) allowsName(host string) bool {
	return s.Tenant.allowsName(host) && s.Endpoint.allowsName(host)
}

func (s Scope) allows(host string, addr, inner netip.Addr) bool {
	return s.Tenant.allows(host, addr, inner) && s.Endpoint.allows(host, addr, inner)
}
