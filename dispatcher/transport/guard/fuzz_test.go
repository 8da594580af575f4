package guard_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/dispatcher/transport/guard/guardtest"
	"github.com/postrider/postrider/webhook"
)

// FuzzCheckURL holds CheckURL against rules written down a second time, in
// another way, and against what net/url and net/http make of its result.
func FuzzCheckURL(f *testing.F) {
	for _, row := range guardtest.ReadHostile(f, "testdata") {
		f.Add(row.URL)
	}
	for _, row := range guardtest.ReadLegitimate(f, "testdata") {
		f.Add(row.URL)
	}
	guards := map[string]*guard.Guard{
		"zero":    new(guard.Guard),
		"private": newGuard(f, guard.Config{AllowHTTP: true, AllowPrivate: true}),
	}
	f.Fuzz(func(t *testing.T, raw string) {
		for name, g := range guards {
			normal, err := g.CheckURL(raw)
			if err != nil {
				if !errors.Is(err, webhook.ErrInvalid) || normal != "" {
					t.Fatalf("%s: CheckURL(%q) = %q, %v; want an *InvalidError alone", name, raw, normal, err)
				}
				continue
			}
			if again, err := g.CheckURL(normal); err != nil || again != normal {
				t.Fatalf("%s: CheckURL(%q) = %q, %v; want it unchanged", name, normal, again, err)
			}
			classify(t, g, normal)
			agree(t, g, normal)
		}
	})
}

var (
	normalForm = regexp.MustCompile(`^(https?)://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?/[!$-;=?-Z\[\]_a-z~]*$`)
	dotted     = regexp.MustCompile(`^(0|[1-9][0-9]{0,2})(\.(0|[1-9][0-9]{0,2})){3}$`)
	domain     = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	numeric    = regexp.MustCompile(`(^|\.)([0-9]+|0x[0-9a-f]*)$`)
	internal   = regexp.MustCompile(`^[^.]+$|\.(localhost|local|internal|test|invalid|onion|arpa|svc|lan|home|corp|alt|localdomain|private|intranet)$`)
)

// classify fails if normal is not a URL that g may accept.
func classify(t *testing.T, g *guard.Guard, normal string) {
	m := normalForm.FindStringSubmatch(normal)
	if m == nil {
		t.Fatalf("CheckURL accepted %q, which is not in normal form", normal)
	}
	scheme, host := m[1], m[2]
	if g.Public() && scheme != "https" {
		t.Fatalf("CheckURL accepted %q without AllowHTTP", normal)
	}
	literal := strings.Trim(host, "[]")
	if a, err := netip.ParseAddr(literal); err == nil {
		if !g.AllowedAddr(a) || a.String() != literal {
			t.Fatalf("CheckURL accepted %q with a denied address, or one that is not canonical", normal)
		}
		if a.Is4() != dotted.MatchString(host) || g.Public() && net.ParseIP(literal).IsPrivate() {
			t.Fatalf("CheckURL accepted %q, whose address reads differently elsewhere", normal)
		}
		return
	}
	if !domain.MatchString(host) || numeric.MatchString(host) || len(host) > 253 {
		t.Fatalf("CheckURL accepted %q, whose host is neither an address nor a name", normal)
	}
	if g.Public() && internal.MatchString(host) {
		t.Fatalf("CheckURL accepted %q, an internal name", normal)
	}
}

var errNotDialled = errors.New("not dialled")

// agree fails if net/url or net/http would go elsewhere than ParseURL says.
func agree(t *testing.T, g *guard.Guard, normal string) {
	ours, err := g.ParseURL(normal, guard.Scope{})
	if err != nil {
		t.Fatalf("ParseURL(%q) = %v", normal, err)
	}
	theirs, err := url.Parse(normal)
	if err != nil {
		t.Fatalf("url.Parse(%q) = %v", normal, err)
	}
	if ours.Host != theirs.Host || ours.RequestURI() != theirs.RequestURI() || theirs.User != nil || theirs.Fragment != "" || theirs.Opaque != "" {
		t.Fatalf("ParseURL(%q) = %#v, but url.Parse = %#v", normal, ours, theirs)
	}
	var dialled string
	tr := &http.Transport{DialContext: func(_ context.Context, _, addr string) (net.Conn, error) {
		dialled = addr
		return nil, errNotDialled
	}}
	resp, err := tr.RoundTrip(&http.Request{Method: "POST", URL: ours, Header: http.Header{}})
	if err == nil {
		resp.Body.Close()
	}
	if !errors.Is(err, errNotDialled) {
		t.Fatalf("RoundTrip(%q) = %v; want a dial", normal, err)
	}
	port := ours.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[ours.Scheme]
	}
	if want := net.JoinHostPort(ours.Hostname(), port); dialled != want {
		t.Fatalf("net/http dials %q for %q; want %q", dialled, normal, want)
	}
}

// FuzzList holds the lists against the standard library's way to judge ranges, and a
// plain reading of what a domain is.
func FuzzList(f *testing.F) {
	f.Add("8.8.0.0/16", "8.8.4.4", "a.example", "8.8.8.8")
	f.Add("2606:4700::/32", "a.example", "b.a.example", "2606:4700::1")
	f.Add("a.example", "0.0.0.0/0", "a.example", "::ffff:8.8.8.8")
	f.Add("", "::/0", "x", "2a00::1")
	f.Fuzz(func(t *testing.T, allow, deny, host, address string) {
		addr, err := netip.ParseAddr(address)
		if err != nil || !plainText.MatchString(allow+deny) {
			return // TestLists has internationalised domains
		}
		l, err := guard.NewList(nonEmpty(allow), nonEmpty(deny))
		if err != nil {
			return
		}
		got := new(guard.Guard).Allowed(guard.Destination{Host: host, Scope: guard.Scope{Endpoint: l}}, addr)
		want := new(guard.Guard).AllowedAddr(addr) && !matches(deny, host, addr) && (allow == "" || matches(allow, host, addr))
		if got != want {
			t.Errorf("Allowed(%q at %s) with allowed %q, denied %q = %v; want %v", host, addr, allow, deny, got, want)
		}
	})
}

var plainText = regexp.MustCompile(`^[a-z0-9.:/]*$`)

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// matches is what an entry that is valid means.
func matches(entry, host string, addr netip.Addr) bool {
	if entry == "" {
		return false
	}
	if ip := net.ParseIP(entry); ip != nil {
		return ip.Equal(addr.AsSlice())
	}
	if _, block, err := net.ParseCIDR(entry); err == nil {
		return block.Contains(addr.AsSlice())
	}
	domain := strings.Trim(entry, ".")
	return host == domain || strings.HasSuffix(host, "."+domain)
}
