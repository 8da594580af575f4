package transport_test

import (
	"bufio"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/webhook"
)

// connectProxy is a proxy on loopback that knows CONNECT.
type connectProxy struct {
	*rawReceiver
	// answer says what is answered instead of connecting, or "".
	answer func(target string) string
	// resolve maps names to addresses, as a proxy's own DNS would.
	resolve map[string]string

	mu      sync.Mutex
	targets []string // what was asked for
	auth    []string
}

func newConnectProxy(t *testing.T) *connectProxy {
	t.Helper()
	p := &connectProxy{answer: func(string) string { return "" }}
	p.rawReceiver = newRawReceiver(t, p.serve)
	return p
}

func (p *connectProxy) url(t *testing.T, userinfo string) *url.URL {
	t.Helper()
	u, err := url.Parse("http://" + userinfo + p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func (p *connectProxy) serve(c net.Conn) {
	from := bufio.NewReader(c)
	req, err := http.ReadRequest(from)
	if err != nil || req.Method != http.MethodConnect {
		say(c, "HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n")
		return
	}
	p.mu.Lock()
	p.targets = append(p.targets, req.Host)
	p.auth = append(p.auth, req.Header.Get("Proxy-Authorization"))
	target := req.Host
	if addr, ok := p.resolve[target]; ok {
		target = addr
	}
	p.mu.Unlock()
	if answer := p.answer(req.Host); answer != "" {
		say(c, answer)
		drain(c)
		return
	}
	to, err := net.Dial("tcp", target)
	if err != nil {
		say(c, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
		return
	}
	defer to.Close()
	say(c, "HTTP/1.1 200 Connected\r\n\r\n")
	var wg sync.WaitGroup
	wg.Go(func() {
		_, _ = io.Copy(to, from)
		_ = to.(*net.TCPConn).CloseWrite()
	})
	_, _ = io.Copy(c, to)
	c.Close()
	wg.Wait()
}

// asked returns what the proxy was asked for since it was last called.
func (p *connectProxy) asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	got := p.targets
	p.targets = nil
	return got
}

func (p *connectProxy) wantAsked(t *testing.T, want ...string) {
	t.Helper()
	if got := p.asked(); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the proxy was asked to connect to %v; want %v", got, want)
	}
}

// TestProxy sends through a proxy that wants a password: http and https, by name
// and by address. The proxy must be asked for the address that was judged.
func TestProxy(t *testing.T) {
	p := newConnectProxy(t)
	cert := newCertificate(t, validCertificate)
	zone := map[string][]answer{"receiver.example": {{a: "127.0.0.1"}}}
	h := newHTTP(t, transport.HTTPConfig{Guard: open, RootCAs: cert.roots, Resolver: newResolver(t, zoneOf(zone)), Proxy: p.url(t, "egress:c4n4ry@")})
	for _, secured := range []bool{false, true} {
		r := newCounting(t, secured)
		if secured {
			r.TLS.Certificates[0] = cert.pair
		}
		u, _ := url.Parse(r.URL)
		for _, host := range []string{"receiver.example:" + u.Port(), u.Host} {
			for range 2 { // the second goes over the kept connection
				resp, err := post(t, h, u.Scheme+"://"+host+"/", generous)
				if err != nil || r.host.Load() != host {
					t.Fatalf("Send to %s = %+v, %v; want the receiver's answer", host, resp, err)
				}
				if resp.RemoteAddr != u.Host {
					t.Errorf("RemoteAddr = %q; want %q: the proxy's own address is not the tenant's to know", resp.RemoteAddr, u.Host)
				}
			}
			p.wantAsked(t, u.Host)
		}
	}
	if want := "Basic " + base64.StdEncoding.EncodeToString([]byte("egress:c4n4ry")); p.auth[0] != want {
		t.Errorf("Proxy-Authorization = %q; want %q", p.auth[0], want)
	}
}

// zoneOf returns a zone in which each name is found with and without its last dot.
func zoneOf(zone map[string][]answer) map[string][]answer {
	all := make(map[string][]answer)
	for name, answers := range zone {
		name = strings.TrimSuffix(name, ".")
		all[name], all[name+"."] = answers, answers
	}
	return all
}

// TestProxyDoesNotHideTheDestination sends to names and addresses that the guard
// denies: the proxy must not even be asked.
func TestProxyDoesNotHideTheDestination(t *testing.T) {
	p := newConnectProxy(t)
	h := newHTTP(t, transport.HTTPConfig{Proxy: p.url(t, ""), Resolver: newResolver(t, zoneOf(map[string][]answer{
		"v4": {}, "inside.example": {{a: "127.0.0.1"}}, "v6.example": {{aaaa: "fd00::1"}}, "alias.example": {{cname: "inside.example."}},
	}))})
	for _, raw := range []string{"https://inside.example/", "https://v6.example/", "https://alias.example/", "https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/"} {
		resp, err := post(t, h, raw, generous)
		wantClass(t, resp, err, webhook.ClassBlockedAddress, blocked)
	}
	resp, err := post(t, h, "https://nowhere.example/", generous)
	wantClass(t, resp, err, webhook.ClassDNS, "no such host")
	scoped := guard.Scope{Endpoint: newList(t, nil, []string{public})}
	if _, err := h.Send(t.Context(), &transport.Request{URL: "https://" + public + "/", Scope: scoped}); err == nil || err.(*transport.Error).Class != webhook.ClassBlockedAddress {
		t.Errorf("Send with a list against the address = %v; want it blocked", err)
	}
	if n := p.accepted.Load(); n != 0 {
		t.Errorf("the proxy saw %d connections; want 0", n)
	}
}

// TestProxySkipsDeniedAnswers gives a name a denied address and a good one, then
// two good ones of which the first does not answer.
func TestProxySkipsDeniedAnswers(t *testing.T) {
	p := newConnectProxy(t)
	p.answer = func(string) string { return "HTTP/1.1 502 Bad Gateway\r\n\r\n" }
	h := newHTTP(t, transport.HTTPConfig{Proxy: p.url(t, ""), Resolver: newResolver(t, zoneOf(map[string][]answer{"mixed.example": {{a: "10.0.0.1", a2: public}}, "two.example": {{a: public, a2: "8.8.8.8"}}}))})
	for name, want := range map[string][]string{"mixed": {public + ":443"}, "two": {public + ":443", "8.8.8.8:443"}} {
		resp, err := post(t, h, "https://"+name+".example/", generous)
		wantClass(t, resp, err, webhook.ClassConnect, "egress proxy could not connect to the destination")
		got := p.asked()
		if len(got) != len(want) || !strings.Contains(strings.Join(got, " "), want[0]) {
			t.Errorf("the proxy was asked to connect to %v; want %v in any order", got, want)
		}
	}
}

// TestTrustedProxy leaves names to the proxy. Literals are judged, and so are names
// to which a list of ranges applies.
func TestTrustedProxy(t *testing.T) {
	p := newConnectProxy(t)
	r := newCounting(t, false)
	u, _ := url.Parse(r.URL)
	name := "only-the-proxy-knows.example:" + u.Port()
	p.resolve = map[string]string{name: u.Host}
	h := newHTTP(t, transport.HTTPConfig{Guard: guard.Config{AllowHTTP: true}, Resolver: newResolver(t, zoneOf(map[string][]answer{"public.example": {{a: public}}})), Proxy: p.url(t, ""), ProxyTrusted: true})
	resp, err := post(t, h, "http://"+name+"/", generous)
	if err != nil || resp.RemoteAddr != "" {
		t.Fatalf("Send = %+v, %v; want the answer, from an address that only the proxy knows", resp, err)
	}
	p.wantAsked(t, name)

	resp, err = post(t, h, "http://127.0.0.1/", generous)
	wantClass(t, resp, err, webhook.ClassBlockedAddress, blocked)
	for _, scope := range []guard.Scope{{Endpoint: newList(t, nil, []string{public})}, {Tenant: newList(t, []string{"8.8.8.8"}, nil)}} {
		_, err := h.Send(t.Context(), &transport.Request{URL: "http://public.example/", Scope: scope})
		if err == nil || err.(*transport.Error).Class != webhook.ClassBlockedAddress {
			t.Errorf("Send to a name with a list against its address = %v; want it blocked", err)
		}
	}
	p.wantAsked(t)

	p.answer = func(string) string { return "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n" }
	resp, err = post(t, h, "http://refused.example/", generous)
	wantClass(t, resp, err, webhook.ClassBlockedAddress, blocked)
}

// TestProxyFailures has a proxy that does not work. That is nobody's fault but
// ours, except where the proxy says that it is the destination's.
func TestProxyFailures(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		class        webhook.ErrorClass
		text         string
	}{
		{"wants a password", "HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", webhook.ClassInternal, "egress proxy: answered CONNECT with status 407"},
		{"refuses", "HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\nc4n4r", webhook.ClassInternal, "egress proxy: answered CONNECT with status 403"},
		{"breaks", "HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n", webhook.ClassInternal, "egress proxy: answered CONNECT with status 500"},
		{"redirects", "HTTP/1.1 302 No\r\nLocation: http://127.0.0.1/\r\n\r\n", webhook.ClassInternal, "egress proxy: answered CONNECT with status 302"},
		{"speaks something else", "SSH-2.0-c4n4ry\r\n\r\n", webhook.ClassInternal, "egress proxy: no valid answer to CONNECT"},
		{"says too much", "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", webhook.ClassInternal, "egress proxy: sent more than its answer to CONNECT"},
		{"cannot connect", "HTTP/1.1 502 No\r\n\r\n", webhook.ClassConnect, "egress proxy could not connect to the destination"},
		{"waited too long", "HTTP/1.1 504 No\r\n\r\n", webhook.ClassConnect, "egress proxy could not connect to the destination"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newConnectProxy(t)
			p.answer = func(string) string { return c.answer }
			resp, err := post(t, newHTTP(t, transport.HTTPConfig{Proxy: p.url(t, "")}), "https://"+public+"/?token=c4n4ry", generous)
			wantClass(t, resp, err, c.class, c.text)
			p.wantAsked(t, public+":443")
		})
	}
	t.Run("is not there", func(t *testing.T) {
		p := newConnectProxy(t)
		p.Close()
		_, err := post(t, newHTTP(t, transport.HTTPConfig{Proxy: p.url(t, "u:c4n4ry@")}), "https://"+public+"/", generous)
		if err == nil || err.Class != webhook.ClassInternal || strings.Contains(err.Error(), "c4n4ry") {
			t.Errorf("Send = %v; want class internal without the proxy's password", err)
		}
	})
	t.Run("is TLS and silent", func(t *testing.T) {
		silent := newRawReceiver(t, hold)
		u := &url.URL{Scheme: "https", Host: silent.Addr().String()}
		resp, err := post(t, newHTTP(t, transport.HTTPConfig{Proxy: u}), "https://"+public+"/", shortly)
		wantClass(t, resp, err, webhook.ClassInternal, "egress proxy: did not answer in time")
	})
	t.Run("never answers CONNECT", func(t *testing.T) {
		silent := newRawReceiver(t, hold)
		u := &url.URL{Scheme: "http", Host: silent.Addr().String()}
		resp, err := post(t, newHTTP(t, transport.HTTPConfig{Proxy: u}), "https://"+public+"/", shortly)
		wantClass(t, resp, err, webhook.ClassTimeout, "context deadline exceeded")
	})
}

func TestProxyURL(t *testing.T) {
	for _, raw := range []string{"socks5://127.0.0.1:1080", "//proxy:3128", "http://", "http:///x"} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := transport.NewHTTP(transport.HTTPConfig{Proxy: u}); err == nil {
			t.Errorf("NewHTTP with proxy %q = nil error; want one", raw)
		}
	}
}
