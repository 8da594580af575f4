package guard_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/postrider/postrider/dispatcher/transport/guard"
)

func newList(t *testing.T, allow, deny string) *guard.List {
	t.Helper()
	l, err := guard.NewList(strings.Fields(allow), strings.Fields(deny))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestLists asks the same of a list of the tenant, the endpoint and the guard
// itself.
func TestLists(t *testing.T) {
	for _, c := range []struct {
		name, allow, deny string
		host, addr        string
		want              bool
	}{
		{"no list", "", "", "a.example", "8.8.8.8", true},
		{"range allowed", "8.8.0.0/16", "", "a.example", "8.8.8.8", true},
		{"outside what is allowed", "8.8.0.0/16", "", "a.example", "8.9.0.1", false},
		{"address allowed", "8.8.8.8", "", "a.example", "8.8.8.8", true},
		{"another address", "8.8.8.8", "", "a.example", "8.8.8.9", false},
		{"IPv6 range allowed", "2606:4700::/32", "", "a.example", "2606:4700::1", true},
		{"outside of an IPv6 range", "2606:4700::/32", "", "a.example", "2606:4701::1", false},
		{"IPv4 range, IPv6 address", "8.8.0.0/16", "", "a.example", "2606:4700::1", false},
		{"mapped address in an IPv4 range", "8.8.0.0/16", "", "a.example", "::ffff:8.8.8.8", true},
		{"range denied", "", "8.8.0.0/16", "a.example", "8.8.8.8", false},
		{"outside what is denied", "", "8.8.0.0/16", "a.example", "8.9.0.1", true},
		{"mapped address in a denied range", "", "8.8.0.0/16", "a.example", "::ffff:8.8.8.8", false},
		{"denied wins", "8.0.0.0/8", "8.8.8.8", "a.example", "8.8.8.8", false},
		{"domain allowed", "a.example", "", "a.example", "8.8.8.8", true},
		{"name below an allowed domain", "a.example", "", "x.y.a.example", "8.8.8.8", true},
		{"name that ends alike", "a.example", "", "evila.example", "8.8.8.8", false},
		{"name above an allowed domain", "x.a.example", "", "a.example", "8.8.8.8", false},
		{"domain denied", "", "a.example", "x.a.example", "8.8.8.8", false},
		{"name that ends like a denied one", "", "a.example", "evila.example", "8.8.8.8", true},
		{"domain as people type it", ".A.Example.", "", "x.a.example", "8.8.8.8", true},
		{"domain in Unicode", "bücher.example", "", "xn--bcher-kva.example", "8.8.8.8", true},
		{"domain or range: domain", "a.example 9.9.9.9", "", "a.example", "8.8.8.8", true},
		{"domain or range: range", "a.example 9.9.9.9", "", "b.example", "9.9.9.9", true},
		{"domain or range: neither", "a.example 9.9.9.9", "", "b.example", "8.8.8.8", false},
		{"domain allowed, its address denied", "a.example", "8.8.8.8", "a.example", "8.8.8.8", false},
		{"nothing is opened by a range", "127.0.0.0/8", "", "a.example", "127.0.0.1", false},
		{"nothing is opened by a domain", "a.example", "", "a.example", "10.0.0.1", false},
		{"everything denied", "", "0.0.0.0/0 ::/0", "a.example", "2606:4700::1", false},
	} {
		l := newList(t, c.allow, c.deny)
		global := newGuard(t, guard.Config{Allow: strings.Fields(c.allow), Deny: strings.Fields(c.deny)})
		for whose, got := range map[string]bool{
			"tenant":   new(guard.Guard).Allowed(guard.Destination{Host: c.host, Scope: guard.Scope{Tenant: l}}, addr(c.addr)),
			"endpoint": new(guard.Guard).Allowed(guard.Destination{Host: c.host, Scope: guard.Scope{Endpoint: l}}, addr(c.addr)),
			"guard":    global.Allowed(guard.Destination{Host: c.host}, addr(c.addr)),
		} {
			if got != c.want {
				t.Errorf("%s: Allowed(%s at %s) by the list of the %s = %v; want %v", c.name, c.host, c.addr, whose, got, c.want)
			}
		}
	}
}

// TestListsNarrowOneAnother has three lists that allow different things: what one
// leaves out the others cannot bring back.
func TestListsNarrowOneAnother(t *testing.T) {
	g := newGuard(t, guard.Config{Allow: []string{"8.0.0.0/8", "9.0.0.0/8"}})
	to := guard.Destination{Host: "a.example", Scope: guard.Scope{Tenant: newList(t, "8.0.0.0/8 10.0.0.0/8", ""), Endpoint: newList(t, "8.8.0.0/16 9.0.0.0/8", "8.8.4.4")}}
	for address, want := range map[string]bool{"8.8.8.8": true, "8.8.4.4": false, "8.9.0.1": false, "9.9.9.9": false, "10.0.0.1": false} {
		if got := g.Allowed(to, addr(address)); got != want {
			t.Errorf("Allowed(%s) = %v; want %v", address, got, want)
		}
	}
}

func TestListsOnCreation(t *testing.T) {
	l := newList(t, "8.8.0.0/16 good.example", "8.8.4.4 bad.good.example")
	names := newList(t, "good.example", "")
	for _, c := range []struct {
		raw   string
		scope guard.Scope
		ok    bool
	}{
		{"https://8.8.8.8/", guard.Scope{Tenant: l}, true},
		{"https://8.8.4.4/", guard.Scope{Tenant: l}, false},
		{"https://9.9.9.9/", guard.Scope{Endpoint: l}, false},
		{"https://[2606:4700::1]/", guard.Scope{Endpoint: l}, false},
		{"https://x.Good.example/", guard.Scope{Tenant: l, Endpoint: names}, true},
		{"https://bad.good.example/", guard.Scope{Tenant: l}, false},
		{"https://unknown.example/", guard.Scope{Tenant: l}, true}, // its addresses may be in the range
		{"https://unknown.example/", guard.Scope{Tenant: l, Endpoint: names}, false},
	} {
		if got, err := new(guard.Guard).CheckURLWithin(c.raw, c.scope); (err == nil) != c.ok || err != nil && !strings.Contains(err.Error(), "Endpoint address is not allowed.") {
			t.Errorf("CheckURLWithin(%s) = %q, %v; want it accepted: %v", c.raw, got, err, c.ok)
		}
	}
}

// TestOpen opens a range and a domain, and everything as far as it goes.
func TestOpen(t *testing.T) {
	g := newGuard(t, guard.Config{Open: []string{"10.20.0.0/16", "fd00:7::/32", "hooks.internal"}, Deny: []string{"10.20.0.9"}})
	for address, want := range map[string]bool{
		"10.20.1.1": true, "::ffff:10.20.1.1": true, "10.21.0.1": false, "10.20.0.9": false, "127.0.0.1": false, "fd00:7::1": true, "fd00:8::1": false, "8.8.8.8": true,
	} {
		if got := g.Allowed(guard.Destination{Host: "a.example"}, addr(address)); got != want {
			t.Errorf("Allowed(%s) = %v; want %v", address, got, want)
		}
	}
	for raw, want := range map[string]bool{
		"https://hooks.internal/": true, "https://a.hooks.internal/": true, "https://db.internal/": false, "https://10.20.1.1/": true, "https://10.20.0.9/": false, "https://localhost/": false,
	} {
		if _, err := g.CheckURL(raw); (err == nil) != want {
			t.Errorf("CheckURL(%s) = %v; want it accepted: %v", raw, err, want)
		}
	}
	all := newGuard(t, guard.Config{AllowPrivate: true, Open: []string{"0.0.0.0/0", "::/0"}})
	for _, s := range []string{
		"0.0.0.0", "0.1.2.3", "169.254.169.254", "168.63.129.16", "100.100.100.200", "224.0.0.1", "255.255.255.255", "::", "::7f00:1", "::ffff:0:7f00:1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1",
		"2001:0:7f00:1::", "2002:7f00:1::", "fe80::1", "fd00:ec2::254", "fd20:ce::254", "ff02::1", "2606:4700::5efe:7f00:1", "fd12::1%eth0",
	} {
		if all.AllowedAddr(addr(s)) {
			t.Errorf("AllowedAddr(%s) with everything open = true; want false", s)
		}
	}
	for _, s := range []string{"127.0.0.1", "::1", "10.0.0.1", "198.18.0.1", "fec0::1", "2001:db8::1"} {
		if !all.AllowedAddr(addr(s)) {
			t.Errorf("AllowedAddr(%s) with everything open = false; want true", s)
		}
	}
}

// TestListsLookInside holds for a network with NAT64, where an address is its IPv4
// address to who writes lists.
func TestListsLookInside(t *testing.T) {
	g := newGuard(t, guard.Config{NAT64: []netip.Prefix{netip.MustParsePrefix("64:ff9b::/96")}, Open: []string{"10.20.0.0/16"}})
	denied := guard.Destination{Host: "a.example", Scope: guard.Scope{Endpoint: newList(t, "", "8.8.8.8")}}
	allowed := guard.Destination{Host: "a.example", Scope: guard.Scope{Endpoint: newList(t, "8.8.8.0/24", "")}}
	if g.Allowed(denied, addr("64:ff9b::8.8.8.8")) || !g.Allowed(denied, addr("64:ff9b::8.8.4.4")) {
		t.Error("a list that denies 8.8.8.8 does not judge NAT64 addresses by it")
	}
	if !g.Allowed(allowed, addr("64:ff9b::8.8.8.8")) || g.Allowed(allowed, addr("64:ff9b::8.8.4.4")) {
		t.Error("a list that allows 8.8.8.0/24 does not judge NAT64 addresses by it")
	}
	if !g.AllowedAddr(addr("64:ff9b::10.20.0.1")) || g.AllowedAddr(addr("64:ff9b::10.21.0.1")) {
		t.Error("an opened range does not hold behind NAT64, or more than it does")
	}
}

func TestEntriesThatAreNone(t *testing.T) {
	for _, bad := range []string{"", " ", "10.0.0.1/8", "10.0.0.0/33", "10.0.0", "256.0.0.1", "0x7f.1", "fe80::1%eth0", "::ffff:10.0.0.0/104", "::ffff:10.0.0.1", "a..example", "*.example", "https://a.example", "a_b.example", "a.example/8", "a.example:443"} {
		for side, err := range map[string]error{
			"allow":        second(guard.NewList([]string{bad}, nil)),
			"deny":         second(guard.NewList(nil, []string{bad})),
			"Config.Open":  second(guard.New(guard.Config{Open: []string{bad}})),
			"Config.Allow": second(guard.New(guard.Config{Allow: []string{bad}})),
		} {
			if err == nil {
				t.Errorf("%s with entry %q = nil error; want one", side, bad)
			}
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestScopeKeys wants different keys for scopes that judge differently: they are
// all that keeps one from the connections of the other.
func TestScopeKeys(t *testing.T) {
	a, b, c := newList(t, "8.8.8.8", ""), newList(t, "", "8.8.8.8"), newList(t, "8.8.8.8 9.9.9.9", "")
	seen := make(map[string]guard.Scope)
	for _, s := range []guard.Scope{{}, {Tenant: a}, {Endpoint: a}, {Tenant: b}, {Endpoint: b}, {Tenant: a, Endpoint: b}, {Tenant: b, Endpoint: a}, {Tenant: c}} {
		if other, ok := seen[s.Key()]; ok {
			t.Errorf("Key of %+v = Key of %+v", s, other)
		}
		seen[s.Key()] = s
	}
	if got := (guard.Scope{}).Key(); got != "" {
		t.Errorf("Key of no lists = %q; want none", got)
	}
	if (guard.Scope{Tenant: a}).Key() != (guard.Scope{Tenant: newList(t, "8.8.8.8/32", "")}).Key() {
		t.Error("equal lists have different keys: their endpoints would share no connections")
	}
}
