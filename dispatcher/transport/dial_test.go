package transport_test

import (
	"net"
	"net/netip"
	"net/url"
	"sync"
	"testing"

	"code.dny.dev/ssrf"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard/guardtest"
	"github.com/postrider/postrider/webhook"
)

// dials is what a recording dialler was about to connect to.
type dials struct {
	mu    sync.Mutex
	addrs []netip.AddrPort
}

// newRecorder returns a transport that records its dials and makes none, over a
// name server that knows a zone; "*" is any name that is not in it.
func newRecorder(t *testing.T, zone map[string][]answer) (*transport.HTTP, *dials) {
	t.Helper()
	h, d := newHTTP(t, transport.HTTPConfig{Resolver: newResolver(t, zone)}), new(dials)
	h.RecordDials(func(address string) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.addrs = append(d.addrs, netip.MustParseAddrPort(address))
	})
	return h, d
}

// take returns the dials since it was last called.
func (d *dials) take() []netip.AddrPort {
	d.mu.Lock()
	defer d.mu.Unlock()
	got := d.addrs
	d.addrs = nil
	return got
}

// public is an answer for names of which it does not matter what they mean.
const public = "198.41.0.4"

// TestHostileURLsAreNotDialled sends to every URL of the table, as if it had been
// stored by other means than the API.
func TestHostileURLsAreNotDialled(t *testing.T) {
	h, dialled := newRecorder(t, map[string][]answer{"*": {{a: public}}})
	for _, row := range guardtest.ReadHostile(t, "guard/testdata") {
		resp, err := post(t, h, row.URL, generous)
		wantClass(t, resp, err, webhook.ClassBlockedAddress, blocked)
		if got := dialled.take(); got != nil {
			t.Errorf("Send to %q dialled %v; want no dial", row.URL, got)
		}
	}
}

func TestLegitimateURLsAreDialled(t *testing.T) {
	h, dialled := newRecorder(t, map[string][]answer{"*": {{a: public}}})
	for _, row := range guardtest.ReadLegitimate(t, "guard/testdata") {
		u, err := url.Parse(row.Normal)
		if err != nil {
			t.Fatal(err)
		}
		host, port := u.Hostname(), u.Port()
		if _, err := netip.ParseAddr(host); err != nil {
			host = public
		}
		if port == "" {
			port = "443"
		}
		resp, failure := post(t, h, row.URL, generous)
		if failure == nil || failure.Class == webhook.ClassBlockedAddress {
			t.Errorf("Send to %q = %+v, %v; want it dialled", row.URL, resp, failure)
		}
		want := netip.MustParseAddrPort(net.JoinHostPort(host, port))
		if got := dialled.take(); len(got) != 1 || got[0] != want {
			t.Errorf("Send to %q dialled %v; want %v once", row.URL, got, want)
		}
	}
}

// TestDeniedAnswersAreNotDialled lets a name resolve to the edges of every range
// that another project denies: alone, as AAAA only, among good addresses, behind
// an alias, and after the name was good.
func TestDeniedAnswersAreNotDialled(t *testing.T) {
	const good4, good6 = public, "2001:503:ba3e::2:30"
	theirs := ssrf.New(ssrf.WithAnyPort())
	for _, p := range append(ssrf.IPv4DeniedPrefixes, ssrf.IPv6DeniedPrefixes...) {
		bad := p.Addr().String()
		zone := map[string][]answer{"inside.example.": {{a: bad}}}
		names := []string{"inside", "alias", "rebind"}
		if p.Addr().Is4() {
			zone["mixed.example."] = []answer{{a: good4, a2: bad}}
			zone["swapped.example."] = []answer{{a: bad, a2: good4}}
			zone["mapped.example."] = []answer{{aaaa: "::ffff:" + bad}}
			zone["rebind.example."] = []answer{{a: good4}, {a: bad}}
			names = append(names, "mixed", "swapped", "mapped")
		} else {
			zone["inside.example."] = []answer{{aaaa: bad}}
			zone["mixed.example."] = []answer{{a: good4, aaaa: bad}}
			zone["rebind.example."] = []answer{{aaaa: good6}, {aaaa: bad}}
			names = append(names, "mixed")
		}
		zone["alias.example."] = []answer{{cname: "inside.example."}}
		h, dialled := newRecorder(t, zone)
		if _, err := post(t, h, "https://rebind.example/", generous); err == nil || len(dialled.take()) == 0 {
			t.Fatalf("Send while the name is good = %v; want a dial", err)
		}
		for _, name := range names {
			_, _ = post(t, h, "https://"+name+".example/", generous)
			for _, got := range dialled.take() {
				if theirs.SafeAddr(got.Addr()) != nil {
					t.Errorf("Send to a name (%s) of %s dialled %v", name, bad, got)
				}
			}
		}
	}
}
