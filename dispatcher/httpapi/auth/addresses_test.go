package auth_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/postrider/postrider/dispatcher/httpapi/auth"
	"github.com/postrider/postrider/webhook"
)

func TestAddresses(t *testing.T) {
	t.Parallel()
	list, err := auth.NewAddresses("192.0.2.7", "198.51.100.0/24", "2001:db8::/32")
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]bool{
		"192.0.2.7": true, "192.0.2.8": false, "198.51.100.255": true, "198.51.101.0": false, "::ffff:192.0.2.7": true,
		"2001:db8:1::1": true, "2001:db8::1%eth0": true, "2001:db9::1": false, "": false, "localhost": false, "192.0.2.7:80": false,
	} {
		if got := list.Has(address); got != want {
			t.Errorf("Has(%q) = %v; want %v", address, got, want)
		}
	}
	for _, bad := range []string{"", "x", "192.0.2.1/24", "192.0.2.0/33", "::ffff:192.0.2.7", "fe80::1%eth0", "192.0.2.7:80"} {
		if err := list.Set("203.0.113.1", bad); err == nil || list.Has("203.0.113.1") || !list.Has("192.0.2.7") {
			t.Errorf("Set with %q = %v; want an error, and the list as it was", bad, err)
		}
		if a, err := auth.NewAddresses(bad); err == nil || a.Has("192.0.2.7") {
			t.Errorf("NewAddresses with %q = %v; want an error, and an empty list", bad, err)
		}
	}
}

// Who comes from elsewhere is not even asked for credentials, and a change counts at once.
func TestAddressesFrom(t *testing.T) {
	t.Parallel()
	list, err := auth.NewAddresses("192.0.2.0/24") // where httptest's requests come from
	if err != nil {
		t.Fatal(err)
	}
	authenticate, asked := returns(ada(), nil)
	byConnection := list.From(nil, authenticate)
	byHeader := list.From(func(r *http.Request) string { return r.Header.Get("X-Real-Ip") }, authenticate)
	behind := with()
	behind.Header.Set("X-Real-Ip", "203.0.113.9")
	bare := with()
	bare.RemoteAddr = "192.0.2.1"
	step := func(what string, f auth.Func, r *http.Request, in bool) {
		t.Helper()
		before := *asked
		_, err := f(r)
		if in != (err == nil) || !in && !errors.Is(err, webhook.ErrForbidden) || in != (*asked > before) {
			t.Errorf("%s = %v after %d questions; want it let in: %v, else ErrForbidden without one", what, err, *asked-before, in)
		}
	}
	step("on the list", byConnection, with(), true)
	step("an address without port", byConnection, bare, true)
	step("another by the header", byHeader, behind, false)
	if err := list.Set("203.0.113.9"); err != nil {
		t.Fatal(err)
	}
	step("no longer on the list", byConnection, with(), false)
	step("on the list now", byHeader, behind, true)
	if err := list.Set(); err != nil {
		t.Fatal(err)
	}
	step("an empty list", byHeader, behind, false)
	step("no list", new(auth.Addresses).From(nil, authenticate), with(), false)
}
