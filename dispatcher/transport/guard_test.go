package transport_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/webhook"
)

// ok answers every request of a connection's first and closes it, so that the
// next Send has to resolve and connect again.
var ok = afterRequest(func(c net.Conn) {
	say(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
})

const blocked = "destination address is not allowed"

// TestNamesOfInternalAddresses sends to public names that resolve to a receiver
// on loopback, which must not see a connection.
func TestNamesOfInternalAddresses(t *testing.T) {
	r := newRawReceiver(t, ok)
	_, port, _ := net.SplitHostPort(r.Addr().String())
	zone := map[string][]answer{
		"v4.example.":        {{a: "127.0.0.1"}},
		"v6.example.":        {{aaaa: "::1"}},
		"mapped.example.":    {{aaaa: "::ffff:127.0.0.1"}},
		"zero.example.":      {{a: "0.0.0.0"}},
		"zero6.example.":     {{aaaa: "::"}},
		"mixed.example.":     {{a: "10.255.255.1", a2: "127.0.0.1", aaaa: "::1"}},
		"alias.example.":     {{cname: "inside.example."}},
		"inside.example.":    {{a: "127.0.0.1"}},
		"nat64.example.":     {{aaaa: "64:ff9b::7f00:1"}},
		"linklocal.example.": {{a: "169.254.169.254"}},
	}
	for _, cfg := range []guard.Config{{}, {AllowHTTP: true}} {
		h := newHTTP(t, transport.HTTPConfig{Guard: cfg, Resolver: newResolver(t, zone)})
		for name := range zone {
			scheme := "https://"
			if cfg.AllowHTTP {
				scheme = "http://"
			}
			resp, err := post(t, h, scheme+strings.TrimSuffix(name, ".")+":"+port+"/?token=c4n4ry", generous)
			wantClass(t, resp, err, webhook.ClassBlockedAddress, blocked)
			if !errors.Is(err, guard.ErrBlocked) || err.RemoteAddr != "" {
				t.Errorf("Send to %s = %+v; want ErrBlocked and no address", name, err)
			}
		}
	}
	if n := r.accepted.Load(); n != 0 {
		t.Errorf("names of internal addresses made %d connections; want 0", n)
	}
}

// TestRebinding lets a name resolve to the receiver first and then to an address
// that is denied, but which Linux would connect to the same receiver.
func TestRebinding(t *testing.T) {
	r := newRawReceiver(t, ok)
	_, port, _ := net.SplitHostPort(r.Addr().String())
	resolver := newResolver(t, map[string][]answer{"rebind.example.": {{a: "127.0.0.1"}, {a: "0.0.0.0"}}})
	h := newHTTP(t, transport.HTTPConfig{Guard: open, Resolver: resolver})
	url := "http://rebind.example:" + port + "/"

	if resp, err := post(t, h, url, generous); err != nil || resp.Timings.DNS <= 0 {
		t.Fatalf("Send while the name is good = %+v, %v; want a response and the time DNS took", resp, err)
	}
	resp, err := post(t, h, url, generous)
	wantClass(t, resp, err, webhook.ClassBlockedAddress, blocked)
	if n := r.accepted.Load(); n != 1 {
		t.Errorf("the receiver saw %d connections; want 1: the address must be judged at every dial", n)
	}
}

// TestMixedAnswers has a good address where nobody listens, so that the dialler
// goes on to the denied one.
func TestMixedAnswers(t *testing.T) {
	r := newRawReceiver(t, ok)
	_, port, _ := net.SplitHostPort(r.Addr().String())
	resolver := newResolver(t, map[string][]answer{"mixed.example.": {{a: "127.0.0.9", a2: "0.0.0.0"}}})
	h := newHTTP(t, transport.HTTPConfig{Guard: open, Resolver: resolver})
	resp, err := post(t, h, "http://mixed.example:"+port+"/", generous)
	if err == nil {
		t.Errorf("Send = status %d; want an error: every address that is tried must be judged", resp.StatusCode)
	}
	if n := r.accepted.Load(); n != 0 {
		t.Errorf("the receiver saw %d connections; want 0", n)
	}
}

// TestLiteralsAreJudgedAtSend holds for endpoints that were stored before the
// guard was tightened, or by other means than the API.
func TestLiteralsAreJudgedAtSend(t *testing.T) {
	r := newRawReceiver(t, ok)
	h := newHTTP(t, transport.HTTPConfig{})
	_, port, _ := net.SplitHostPort(r.Addr().String())
	for _, host := range []string{"127.0.0.1", "0x7f000001", "2130706433", "127.1", "localhost", "[::ffff:127.0.0.1]", "①②⑦.⓪.⓪.①", "user@127.0.0.1"} {
		for _, scheme := range []string{"http://", "https://"} {
			resp, err := post(t, h, scheme+host+":"+port+"/", generous)
			wantClass(t, resp, err, webhook.ClassBlockedAddress, blocked)
		}
	}
	httpsOnly := newHTTP(t, transport.HTTPConfig{Guard: guard.Config{AllowPrivate: true}})
	resp, err := post(t, httpsOnly, "http://127.0.0.1:"+port+"/", generous)
	wantClass(t, resp, err, webhook.ClassBlockedAddress, blocked)
	if n := r.accepted.Load(); n != 0 {
		t.Errorf("denied URLs made %d connections; want 0", n)
	}
}

func TestUnknownHost(t *testing.T) {
	h := newHTTP(t, transport.HTTPConfig{Resolver: newResolver(t, nil)})
	resp, err := post(t, h, "https://nowhere.example/", generous)
	wantClass(t, resp, err, webhook.ClassDNS, "no such host")
}

func TestSilentNameServer(t *testing.T) {
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	silent := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		<-release
		return nil, net.ErrClosed
	}}
	resp, err := post(t, newHTTP(t, transport.HTTPConfig{Resolver: silent}), "https://receiver.example/", shortly)
	wantClass(t, resp, err, webhook.ClassTimeout, "context deadline exceeded")
}

func TestCheckURL(t *testing.T) {
	h := newHTTP(t, transport.HTTPConfig{})
	if got, err := h.CheckURL("https://Example.com"); err != nil || got != "https://example.com/" {
		t.Errorf("CheckURL(https://Example.com) = %q, %v; want its normal form", got, err)
	}
	if _, err := h.CheckURL("https://127.0.0.1/"); !errors.Is(err, webhook.ErrInvalid) {
		t.Errorf("CheckURL(https://127.0.0.1/) = %v; want ErrInvalid", err)
	}
}
