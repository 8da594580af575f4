package guard

import "net/netip"

// AllowedAddr reports whether a connection to addr is allowed. It denies all
// that the IANA special-purpose registries list for IPv4 and IPv6 (RFC 6890 and
// its updates), multicast, every IPv6 range that carries an IPv4 address inside,
// every address with a zone, all of IPv6 outside global unicast (2000::/3), and
// the metadata services of clouds. An IPv4-mapped address is judged as the IPv4
// address that it is. Config opens some of it. What lists say is Allowed's to ask.
func (g *Guard) AllowedAddr(addr netip.Addr) bool {
	if !addr.IsValid() || addr.Zone() != "" {
		return false
	}
	if addr = g.inner(addr.Unmap()); addr.Is4() {
		return g.allowed4(addr)
	}
	return g.allowed6(addr)
}

// inner returns the IPv4 address that addr carries by a NAT64 prefix of the site,
// or addr.
func (g *Guard) inner(addr netip.Addr) netip.Addr {
	for _, p := range g.cfg.NAT64 {
		if p.Contains(addr) {
			return embedded4(p, addr)
		}
	}
	return addr
}

func (g *Guard) allowed4(addr netip.Addr) bool {
	switch {
	case within(addr, closed):
		return false
	case g.cfg.AllowPrivate && within(addr, private), within(addr, g.open.prefixes):
		return true
	}
	return !within(addr, special4)
}

func (g *Guard) allowed6(addr netip.Addr) bool {
	switch {
	case within(addr, closed) && !addr.IsLoopback(), isatap(addr):
		return false
	case g.cfg.AllowPrivate && within(addr, private), within(addr, g.open.prefixes):
		return true
	}
	return globalUnicast.Contains(addr) && !within(addr, special6)
}

func within(addr netip.Addr, table []netip.Prefix) bool {
	for _, p := range table {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// special4 is the IANA IPv4 special-purpose registry and multicast.
var special4 = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network, RFC 791; Linux connects 0.0.0.0 to loopback
	netip.MustParsePrefix("10.0.0.0/8"),      // private, RFC 1918
	netip.MustParsePrefix("100.64.0.0/10"),   // shared (CGNAT), RFC 6598
	netip.MustParsePrefix("127.0.0.0/8"),     // loopback, RFC 1122
	netip.MustParsePrefix("169.254.0.0/16"),  // link local, RFC 3927; cloud metadata
	netip.MustParsePrefix("172.16.0.0/12"),   // private, RFC 1918
	netip.MustParsePrefix("192.0.0.0/24"),    // IETF protocol assignments, RFC 6890
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation, RFC 5737
	netip.MustParsePrefix("192.31.196.0/24"), // AS112, RFC 7535
	netip.MustParsePrefix("192.52.193.0/24"), // AMT, RFC 7450
	netip.MustParsePrefix("192.88.99.0/24"),  // 6to4 relay anycast, RFC 7526
	netip.MustParsePrefix("192.168.0.0/16"),  // private, RFC 1918
	netip.MustParsePrefix("192.175.48.0/24"), // AS112 direct delegation, RFC 7534
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarking, RFC 2544
	netip.MustParsePrefix("198.51.100.0/24"), // documentation, RFC 5737
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation, RFC 5737
	netip.MustParsePrefix("224.0.0.0/4"),     // multicast, RFC 5771
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, RFC 1112; limited broadcast, RFC 8190
}

// globalUnicast is the only part of IPv6 that is the internet (RFC 4291). Being
// outside it denies, among others: IPv4-compatible ::/96, SIIT
// ::ffff:0:0:0/96, both NAT64 prefixes 64:ff9b::/96 and 64:ff9b:1::/48, discard
// 100::/64, SRv6 5f00::/16, unique local fc00::/7, link local fe80::/10, site
// local fec0::/10 and multicast ff00::/8.
var globalUnicast = netip.MustParsePrefix("2000::/3")

// special6 is what the IANA IPv6 special-purpose registry has inside
// globalUnicast.
var special6 = []netip.Prefix{
	netip.MustParsePrefix("2001::/23"),         // IETF protocol assignments, RFC 2928: Teredo, ORCHID, benchmarking, …
	netip.MustParsePrefix("2001:db8::/32"),     // documentation, RFC 3849
	netip.MustParsePrefix("2002::/16"),         // 6to4, RFC 3056: carries an IPv4 address
	netip.MustParsePrefix("2620:4f:8000::/48"), // AS112 direct delegation, RFC 7534
	netip.MustParsePrefix("3fff::/20"),         // documentation, RFC 9637
}

// private is what Config.AllowPrivate opens.
var private = []netip.Prefix{
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("::1/128"),
	netip.MustParsePrefix("fc00::/7"),
}

// closed is what no configuration opens: the services that hand credentials to
// whoever asks from inside a cloud, addresses that mean this machine or link or many
// machines at once, and IPv6 ranges whose addresses carry an IPv4 address, which
// nobody would judge.
var closed = []netip.Prefix{
	netip.MustParsePrefix("168.63.129.16/32"),   // Azure, a public address
	netip.MustParsePrefix("100.100.100.200/32"), // Alibaba Cloud, in the shared address space
	netip.MustParsePrefix("192.0.0.192/32"),     // Oracle Cloud, among the protocol assignments
	netip.MustParsePrefix("fd00:ec2::/32"),      // AWS, unique local
	netip.MustParsePrefix("fd20:ce::254/128"),   // Google Cloud, unique local
	netip.MustParsePrefix("fd00:c1::/32"),       // Oracle Cloud, unique local
	netip.MustParsePrefix("fd00:42::/32"),       // Scaleway, unique local

	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"), // most metadata services
	netip.MustParsePrefix("224.0.0.0/4"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("fe80::/10"),
	netip.MustParsePrefix("ff00::/8"),

	netip.MustParsePrefix("::/96"),           // IPv4-compatible, RFC 4291; "::1" is an exception
	netip.MustParsePrefix("::ffff:0:0:0/96"), // SIIT, RFC 2765
	netip.MustParsePrefix("64:ff9b::/96"),    // NAT64, RFC 6052
	netip.MustParsePrefix("64:ff9b:1::/48"),  // NAT64 of a site, RFC 8215
	netip.MustParsePrefix("2001::/32"),       // Teredo, RFC 4380
	netip.MustParsePrefix("2002::/16"),       // 6to4, RFC 3056
}

// isatap reports whether the interface id is one of ISATAP (RFC 5214 section
// 6.1), which carries an IPv4 address below any prefix.
func isatap(addr netip.Addr) bool {
	b := addr.As16()
	return b[8]&^0x02 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
}

// nat64Bits are the prefix lengths of RFC 6052 section 2.2.
var nat64Bits = []int{32, 40, 48, 56, 64, 96}

// embedded4 returns the IPv4 address inside addr, which p contains. It follows
// the prefix and steps over byte 8 (RFC 6052 section 2.2).
func embedded4(p netip.Prefix, addr netip.Addr) netip.Addr {
	b := addr.As16()
	var v4 [4]byte
	at := p.Bits() / 8
	for i := range v4 {
		if at == 8 {
			at++
		}
		v4[i] = b[at]
		at++
	}
	return netip.AddrFrom4(v4)
}
