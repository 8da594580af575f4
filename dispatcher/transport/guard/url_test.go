package guard_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/dispatcher/transport/guard/guardtest"
	"github.com/postrider/postrider/webhook"
)

var messages = map[string]string{
	webhook.CodeURLInvalid:    "Endpoint must be a valid HTTPS URL.",
	webhook.CodeURLNotAllowed: "Endpoint address is not allowed.",
}

func TestHostileURLs(t *testing.T) {
	for _, row := range guardtest.ReadHostile(t, "testdata") {
		raw, code := row.URL, row.Code
		normal, err := new(guard.Guard).CheckURL(raw)
		var invalid *webhook.InvalidError
		if !errors.As(err, &invalid) {
			t.Errorf("CheckURL(%q) = %q, %v; want %s: deliveries would go there", raw, normal, err, code)
			continue
		}
		want := []webhook.FieldError{{Field: "url", Code: code, Message: messages[code]}}
		if diff := cmp.Diff(want, invalid.Fields); diff != "" {
			t.Errorf("CheckURL(%q): wrong error for the person who typed it (-want +got)\n%s", raw, diff)
		}
	}
}

func TestLegitimateURLs(t *testing.T) {
	for _, row := range guardtest.ReadLegitimate(t, "testdata") {
		raw, want := row.URL, row.Normal
		got, err := new(guard.Guard).CheckURL(raw)
		if err != nil || got != want {
			t.Errorf("CheckURL(%q) = %q, %v; want %q: a real receiver would be refused or misread", raw, got, err, want)
		}
		if again, err := new(guard.Guard).CheckURL(got); err != nil || again != got {
			t.Errorf("CheckURL(%q) = %q, %v; want it unchanged: what is stored is checked again at every send", got, again, err)
		}
	}
}

func TestAllowHTTP(t *testing.T) {
	g := newGuard(t, guard.Config{AllowHTTP: true})
	for raw, want := range map[string]string{
		"http://example.com:80/a":   "http://example.com/a",
		"http://example.com:443/a":  "http://example.com:443/a",
		"https://example.com:443/a": "https://example.com/a",
	} {
		if got, err := g.CheckURL(raw); err != nil || got != want {
			t.Errorf("CheckURL(%q) with AllowHTTP = %q, %v; want %q", raw, got, err, want)
		}
	}
	if got, err := g.CheckURL("http://127.0.0.1/"); err == nil {
		t.Errorf("CheckURL(http://127.0.0.1/) with AllowHTTP = %q; want an error: plain http does not open private addresses", got)
	}
}

func TestAllowPrivateURLs(t *testing.T) {
	g := newGuard(t, guard.Config{AllowPrivate: true})
	for _, raw := range []string{"https://localhost:8443/", "https://receiver/", "https://127.0.0.1/", "https://[::1]/", "https://api.default.svc.cluster.local/", "https://x.test/"} {
		if got, err := g.CheckURL(raw); err != nil || got != raw {
			t.Errorf("CheckURL(%q) with AllowPrivate = %q, %v; want it accepted", raw, got, err)
		}
	}
	for _, raw := range []string{"https://0.0.0.0/", "https://169.254.169.254/", "https://[::]/", "https://[fd00:ec2::254]/", "http://localhost/", "https://2130706433/", "https://127.1/"} {
		if got, err := g.CheckURL(raw); err == nil {
			t.Errorf("CheckURL(%q) with AllowPrivate = %q; want an error: only loopback and private networks are opened", raw, got)
		}
	}
}

func newGuard(t testing.TB, cfg guard.Config) *guard.Guard {
	t.Helper()
	g, err := guard.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }
