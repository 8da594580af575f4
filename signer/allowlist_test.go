package signer_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/postrider/postrider/signer"
)

func TestAllowList(t *testing.T) {
	sender := signer.AllowListConfig{Allow: []string{"203.0.113.0/24", "2001:db8::7"}}
	proxied := sender
	proxied.TrustedProxies = []string{"10.0.0.0/8", "fd00::1"}
	for _, tt := range []struct {
		name      string
		cfg       signer.AllowListConfig
		remote    string
		forwarded []string
		want      bool
		from      string
	}{
		{"in the prefix", sender, "203.0.113.9:4711", nil, true, ""},
		{"outside", sender, "203.0.114.9:4711", nil, false, "203.0.114.9"},
		{"single address", sender, "[2001:db8::7]:4711", nil, true, ""},
		{"its neighbour", sender, "[2001:db8::8]:4711", nil, false, "2001:db8::8"},
		{"IPv4 in IPv6 form", sender, "[::ffff:203.0.113.9]:4711", nil, true, ""},
		{"with a zone", sender, "[2001:db8::7%eth0]:4711", nil, true, ""},
		{"no address", sender, "@", nil, false, "invalid IP"},
		{"forged header", sender, "198.51.100.1:1", []string{"203.0.113.9"}, false, "198.51.100.1"},

		{"by a proxy", proxied, "10.1.2.3:1", []string{"203.0.113.9"}, true, ""},
		{"by two proxies", proxied, "[fd00::1]:1", []string{"203.0.113.9, 10.1.2.3"}, true, ""},
		{"by two proxies, in two headers", proxied, "10.0.0.1:1", []string{"203.0.113.9", "10.1.2.3"}, true, ""},
		{"with ports", proxied, "10.1.2.3:1", []string{"[2001:db8::7]:99"}, true, ""},
		{"forged before the proxy", proxied, "10.1.2.3:1", []string{"203.0.113.9, 198.51.100.1"}, false, "198.51.100.1"},
		{"forged, not by a proxy", proxied, "198.51.100.1:1", []string{"203.0.113.9"}, false, "198.51.100.1"},
		{"a proxy's own request", proxied, "10.1.2.3:1", nil, false, "10.1.2.3"},
		{"only proxies", proxied, "10.1.2.3:1", []string{"10.1.1.1, 10.2.2.2"}, false, "10.1.1.1"},
		{"junk", proxied, "10.1.2.3:1", []string{"203.0.113.9, unknown"}, false, "invalid IP"},
		{"empty element", proxied, "10.1.2.3:1", []string{"203.0.113.9,"}, false, "invalid IP"},
		{"junk beyond the sender", proxied, "10.1.2.3:1", []string{"unknown, 203.0.113.9"}, true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			told := ""
			tt.cfg.OnReject = func(_ *http.Request, from netip.Addr) { told = from.String() }
			middleware, err := signer.AllowList(tt.cfg)
			if err != nil {
				t.Fatal(err)
			}
			called := false
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			r.RemoteAddr, r.Header["X-Forwarded-For"] = tt.remote, tt.forwarded
			w := httptest.NewRecorder()
			middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true })).ServeHTTP(w, r)
			if called != tt.want || told != tt.from || !tt.want && (w.Code != http.StatusForbidden || w.Body.String() != "Address is not allowed.") {
				t.Errorf("passed = %v, answer %d %q, OnReject told %q; want passed = %v, told %q", called, w.Code, w.Body, told, tt.want, tt.from)
			}
		})
	}
}

func TestAllowListRefuses(t *testing.T) {
	for name, cfg := range map[string]signer.AllowListConfig{
		"nothing":               {},
		"a name":                {Allow: []string{"example.com"}},
		"bits behind the end":   {Allow: []string{"10.1.2.3/8"}},
		"IPv4 in IPv6 form":     {Allow: []string{"::ffff:10.0.0.0/104"}},
		"a zone":                {Allow: []string{"fe80::1%eth0"}},
		"a bad proxy":           {Allow: []string{"10.0.0.0/8"}, TrustedProxies: []string{"10.0.0.0/33"}},
		"all the world's proxy": {Allow: []string{"10.0.0.0/8"}, TrustedProxies: []string{"::/0"}},
	} {
		if _, err := signer.AllowList(cfg); err == nil {
			t.Errorf("AllowList with %s: no error", name)
		}
	}
}
