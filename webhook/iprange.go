package webhook

import (
	"fmt"
	"net/netip"
)

// ParseIPRange reads an address or a range in CIDR notation, such as "192.0.2.7",
// "10.0.0.0/8" or "2001:db8::/32", as a range. It reports false for what has host
// bits below the prefix, a zone, or an IPv4 address in IPv6 notation: it would not
// mean what it seems to.
func ParseIPRange(text string) (netip.Prefix, bool) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(addr, addr.BitLen()), addr.Zone() == "" && !addr.Is4In6()
	}
	p, err := netip.ParsePrefix(text)
	return p, err == nil && p == p.Masked() && !p.Addr().Is4In6()
}

// maxIPRanges bounds each list of an endpoint: a dial looks at all of them, and as
// many patterns are allowed.
const maxIPRanges = maxPatterns

func (ep Endpoint) validateIPs(inv *InvalidError) {
	for _, list := range []struct {
		field  string
		ranges []string
	}{{"allowed_ips", ep.AllowedIPs}, {"denied_ips", ep.DeniedIPs}} {
		if len(list.ranges) > maxIPRanges {
			inv.Add(list.field, CodeInvalidField, fmt.Sprintf("At most %d addresses or ranges.", maxIPRanges))
			continue
		}
		for _, text := range list.ranges {
			if _, ok := ParseIPRange(text); !ok {
				inv.Add(list.field, CodeInvalidField, "Must be IP addresses, or ranges in CIDR notation without host bits.")
				break
			}
		}
	}
}
