package guard_test

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"

	"code.dny.dev/ssrf"

	"github.com/postrider/postrider/dispatcher/transport/guard"
)

// special are addresses that some comparable guard has let through.
var special = []string{
	"0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.100.100.200", "100.127.255.255", "127.0.0.1", "127.255.255.255",
	"169.254.0.0", "169.254.169.254", "169.254.170.2", "169.254.255.255", "172.16.0.0", "172.31.255.255", "192.0.0.0", "192.0.0.8", "192.0.0.9",
	"192.0.0.10", "192.0.0.170", "192.0.0.192", "192.0.2.0", "192.31.196.1", "192.52.193.1", "192.88.99.2", "192.168.0.0", "192.168.255.255",
	"192.175.48.1", "198.18.0.0", "198.19.255.255", "198.51.100.0", "203.0.113.255", "224.0.0.0", "239.255.255.255", "240.0.0.0", "255.255.255.255",
	"168.63.129.16",
	"::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:8.8.8.8%eth0", "::ffff:0:7f00:1", "::ffff:0:808:808",
	"64:ff9b::127.0.0.1", "64:ff9b::8.8.8.8", "64:ff9b:1::1", "64:ff9b:1:ffff::8.8.8.8", "100::1", "100:0:0:1::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:1::1",
	"2001:2::1", "2001:3::1", "2001:4:112::1", "2001:10::1", "2001:20::1", "2001:30::1", "2001:1ff:ffff::1", "2001:db8::1", "2002::1", "2002:7f00:1::", "2002:808:808::1",
	"2620:4f:8000::1", "3fff::1", "3fff:fff:ffff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fd20:ce::254", "fdff::1", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "ff00::1", "ff02::1", "ff0e::1",
	"2606:4700::5efe:7f00:1", "2606:4700::200:5efe:a00:1", "2606:4700::1%1", "4000::1", "1::1", "8000::1",
}

func TestSpecialAddressesAreDenied(t *testing.T) {
	for _, s := range special {
		if new(guard.Guard).AllowedAddr(addr(s)) {
			t.Errorf("AllowedAddr(%s) = true; want false", s)
		}
	}
	if new(guard.Guard).AllowedAddr(netip.Addr{}) {
		t.Error("AllowedAddr(zero) = true; want false: what cannot be read is denied")
	}
}

func TestPublicAddressesAreAllowed(t *testing.T) {
	for _, s := range []string{
		"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0", "168.63.129.15", "168.63.129.17",
		"169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0", "192.0.3.0", "192.167.255.255", "192.169.0.0",
		"198.17.255.255", "198.20.0.0", "223.255.255.255", "::ffff:8.8.8.8",
		"2000::1", "2001:200::1", "2001:4860:4860::8888", "2001:db7::1", "2001:db9::1", "2003::1", "2606:4700:4700::1111", "2620:4f:8001::1", "2a00:1450::1", "3ffe::1",
		"2606:4700::5eff:7f00:1", "2606:4700::300:5efe:a00:1", "2606:4700:0:0:0100:5efe:a00:1",
	} {
		if !new(guard.Guard).AllowedAddr(addr(s)) {
			t.Errorf("AllowedAddr(%s) = false; want true: a real receiver could not be reached", s)
		}
	}
}

// TestSecondOpinion compares the table with that of another project, on the
// edges of all its prefixes, on the special addresses and at random.
func TestSecondOpinion(t *testing.T) {
	theirs := ssrf.New(ssrf.WithAnyPort())
	compare := func(a netip.Addr) {
		if theirs.SafeAddr(a) != nil && !a.Is4In6() && new(guard.Guard).AllowedAddr(a) {
			t.Errorf("AllowedAddr(%s) = true, but code.dny.dev/ssrf denies it", a)
		}
	}
	for _, p := range append(ssrf.IPv4DeniedPrefixes, ssrf.IPv6DeniedPrefixes...) {
		compare(p.Addr())
		compare(last(p))
		compare(p.Addr().Next())
	}
	for _, s := range special {
		compare(addr(s))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		var b [16]byte
		binary.BigEndian.PutUint64(b[:], random.Uint64())
		binary.BigEndian.PutUint64(b[8:], random.Uint64())
		compare(netip.AddrFrom16(b))
		compare(netip.AddrFrom4([4]byte(b[:4])))
	}
}

func last(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

func TestAllowPrivateAddresses(t *testing.T) {
	g := newGuard(t, guard.Config{AllowPrivate: true})
	for _, s := range []string{"127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "::1", "fc00::1", "fd12::1", "::ffff:127.0.0.1", "8.8.8.8", "2606:4700::1"} {
		if !g.AllowedAddr(addr(s)) {
			t.Errorf("AllowedAddr(%s) with AllowPrivate = false; want true", s)
		}
	}
	for _, s := range []string{
		"0.0.0.0", "0.0.0.1", "169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "192.0.0.192", "192.0.2.1", "224.0.0.1", "255.255.255.255",
		"::", "::127.0.0.1", "::ffff:0.0.0.0", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::", "fe80::1", "fd00:ec2::254", "fd20:ce::254", "fd00:c1::a9fe:a9fe", "fd00:42::42", "ff02::1", "fd12::5efe:a9fe:a9fe", "fd12::1%eth0",
	} {
		if g.AllowedAddr(addr(s)) {
			t.Errorf("AllowedAddr(%s) with AllowPrivate = true; want false: only loopback and private networks are opened", s)
		}
	}
}

// TestNAT64 takes its addresses from the table of RFC 6052 section 2.4, with
// other IPv4 addresses inside.
func TestNAT64(t *testing.T) {
	for prefix, pair := range map[string][2]string{ // an address that carries 8.8.8.8, and one with 10.0.0.1
		"2a00:db8::/32":           {"2a00:db8:808:808::", "2a00:db8:a00:1::"},
		"2a00:db8:100::/40":       {"2a00:db8:108:808:8::", "2a00:db8:10a::1:0:0:0"},
		"2a00:db8:122::/48":       {"2a00:db8:122:808:8:800::", "2a00:db8:122:a00:0:100::"},
		"2a00:db8:122:300::/56":   {"2a00:db8:122:308:8:808::", "2a00:db8:122:30a:0:1::"},
		"2a00:db8:122:344::/64":   {"2a00:db8:122:344:8:808:800:0", "2a00:db8:122:344:a:0:100:0"},
		"2a00:db8:122:344::/96":   {"2a00:db8:122:344::808:808", "2a00:db8:122:344::a00:1"},
		"64:ff9b::/96":            {"64:ff9b::8.8.8.8", "64:ff9b::10.0.0.1"},
		"fd64:0:0:0:0:0:0:0/96":   {"fd64::8.8.8.8", "fd64::169.254.169.254"},
		"64:ff9b:1:fffe:0:0::/96": {"64:ff9b:1:fffe::8.8.8.8", "64:ff9b:1:fffe::127.0.0.1"},
	} {
		g := newGuard(t, guard.Config{NAT64: []netip.Prefix{netip.MustParsePrefix(prefix)}})
		if !g.AllowedAddr(addr(pair[0])) {
			t.Errorf("AllowedAddr(%s) with NAT64 %s = false; want true: it carries 8.8.8.8", pair[0], prefix)
		}
		if g.AllowedAddr(addr(pair[1])) {
			t.Errorf("AllowedAddr(%s) with NAT64 %s = true; want false: it carries a denied address", pair[1], prefix)
		}
	}
	for _, bad := range []netip.Prefix{{}, netip.MustParsePrefix("2a00::/33"), netip.MustParsePrefix("10.0.0.0/32"), netip.MustParsePrefix("::ffff:0:0/96")} {
		if _, err := guard.New(guard.Config{NAT64: []netip.Prefix{bad}}); err == nil {
			t.Errorf("New with NAT64 %s = nil error; want one", bad)
		}
	}
}

func TestControlFailsClosed(t *testing.T) {
	g := new(guard.Guard)
	if err := g.Control(guard.Destination{})(t.Context(), "tcp4", "8.8.8.8:443", nil); err != nil {
		t.Errorf("Control(tcp4 8.8.8.8:443) = %v; want nil", err)
	}
	for _, c := range [][2]string{
		{"tcp4", "127.0.0.1:443"},
		{"tcp6", "[::1]:443"},
		{"tcp6", "[fe80::1%eth0]:443"},
		{"tcp4", "8.8.8.8"},
		{"tcp4", ""},
		{"tcp4", "example.com:443"},
		{"udp4", "8.8.8.8:53"},
		{"unix", "/var/run/docker.sock"},
		{"tcp", "8.8.8.8:443"},
		{"", "8.8.8.8:443"},
		{"ip4:1", "8.8.8.8"},
	} {
		if err := g.Control(guard.Destination{})(t.Context(), c[0], c[1], nil); !errors.Is(err, guard.ErrBlocked) {
			t.Errorf("Control(%s, %s) = %v; want ErrBlocked", c[0], c[1], err)
		}
	}
}
