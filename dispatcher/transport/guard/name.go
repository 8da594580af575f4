package guard

import (
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
)

// name judges a host that is not in brackets and returns its normal form: a
// domain name, or a dotted IPv4 address. Internationalised names are mapped
// first and judged as ASCII, so that circled digits and ideographic full stops
// are seen as what a resolver would make of them.
func (g *Guard) name(host string, scope Scope) (string, error) {
	host, ok := ascii(host)
	if !ok {
		return "", errInvalid()
	}
	host = strings.TrimSuffix(host, ".")
	if !validName(host) {
		return "", errInvalid()
	}
	dot := strings.LastIndexByte(host, '.')
	if number(host[dot+1:]) {
		addr, err := netip.ParseAddr(host)
		if err != nil {
			return "", errInvalid()
		}
		if !g.Allowed(Destination{host, scope}, addr) {
			return "", errNotAllowed()
		}
		return host, nil
	}
	if g.Public() && (dot < 0 || specialTLD[host[dot+1:]]) && !g.open.name(host) {
		return "", errNotAllowed()
	}
	if !g.list.allowsName(host) || !scope.allowsName(host) {
		return "", errNotAllowed()
	}
	return host, nil
}

// profile is UTS 46 as browsers use it: mapped for lookup, non-transitional,
// letters, digits and hyphens only. Hyphens in the third and fourth place are
// left alone, since real names have them; lengths are validName's to check.
var profile = idna.New(
	idna.MapForLookup(),
	idna.BidiRule(),
	idna.Transitional(false),
	idna.StrictDomainName(true),
	idna.CheckHyphens(false),
)

// ascii returns the lower-case ASCII form of a host name.
func ascii(host string) (string, bool) {
	plain := !strings.Contains(host, "xn--")
	for i := range len(host) {
		if c := host[i]; c >= 0x80 || 'A' <= c && c <= 'Z' {
			plain = false
			break
		}
	}
	if plain {
		return host, true
	}
	host, err := profile.ToASCII(host)
	return host, err == nil
}

// validName reports whether host is labels of 1 to 63 letters, digits and inner
// hyphens (RFC 1123 section 2.1), 253 bytes in all.
func validName(host string) bool {
	if host == "" || len(host) > 253 {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if c := label[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
	}
	return true
}

// number reports whether a host that ends in this label is an IPv4 address to
// browsers and resolvers, in whatever base (WHATWG URL, "ends in a number").
func number(label string) bool {
	digits := "0123456789"
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		label, digits = hex, "0123456789abcdef"
	}
	return strings.Trim(label, digits) == ""
}

// specialTLD holds the top-level domains that are not in the public DNS but may
// be in a private one: special-use names (RFC 6761, 6762, 7686, 8375, 9476,
// and ICANN's reservation of internal), and those that RFC 6762 appendix G and
// common software use for local networks.
var specialTLD = map[string]bool{
	"alt": true, "arpa": true, "invalid": true, "local": true, "localhost": true, "onion": true, "test": true,
	"internal": true, "corp": true, "home": true, "intranet": true, "lan": true, "localdomain": true, "private": true,
	"svc": true, // what Kubernetes' search list completes to svc.cluster.local
}
