package transport_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/webhook"
)

// counting is a receiver that counts its connections and requests.
type counting struct {
	*httptest.Server
	conns, requests atomic.Int64
	host            atomic.Value // of the last request
}

func newCounting(t *testing.T, tls bool) *counting {
	t.Helper()
	c := new(counting)
	c.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.requests.Add(1)
		c.host.Store(r.Host)
		say(w, r.Proto)
	}))
	c.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			c.conns.Add(1)
		}
	}
	if c.EnableHTTP2 = tls; tls {
		c.StartTLS()
	} else {
		c.Start()
	}
	t.Cleanup(c.Close)
	return c
}

func newList(t *testing.T, allow, deny []string) *guard.List {
	t.Helper()
	l, err := guard.NewList(allow, deny)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestListsAndKeptConnections has a connection ready to an address, made for a
// request without lists, or with other ones, and sends requests whose lists forbid
// the address. net/http would let them have the connection, past the guard.
func TestListsAndKeptConnections(t *testing.T) {
	none := guard.Scope{}
	loopback := guard.Scope{Endpoint: newList(t, []string{"127.0.0.0/8"}, nil)}
	same := guard.Scope{Endpoint: newList(t, []string{"127.0.0.0/8"}, nil)}
	forTenant := guard.Scope{Tenant: loopback.Endpoint}
	forbidden := []guard.Scope{
		{Endpoint: newList(t, nil, []string{"127.0.0.1"})},
		{Tenant: newList(t, nil, []string{"127.0.0.1"})},
		{Endpoint: newList(t, []string{"8.8.8.8"}, nil)},
		{Tenant: newList(t, []string{"8.8.8.8"}, nil), Endpoint: loopback.Endpoint},
		{Tenant: loopback.Endpoint, Endpoint: newList(t, nil, []string{"receiver.example"})},
	}
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(proto, func(t *testing.T) {
			r := newCounting(t, proto == "HTTP/2.0")
			u, err := url.Parse(r.URL)
			if err != nil {
				t.Fatal(err)
			}
			cfg := transport.HTTPConfig{Guard: open, Resolver: newResolver(t, map[string][]answer{"receiver.example": {{a: "127.0.0.1"}}, "receiver.example.": {{a: "127.0.0.1"}}})}
			host := "receiver.example:" + u.Port()
			if proto == "HTTP/2.0" {
				cert := newCertificate(t, validCertificate)
				r.TLS.Certificates[0] = cert.pair
				cfg.RootCAs = cert.roots
			}
			h := newHTTP(t, cfg)
			send := func(scope guard.Scope) (*transport.Response, error) {
				return h.Send(t.Context(), &transport.Request{URL: u.Scheme + "://" + host + "/", Body: []byte(`{}`), Scope: scope})
			}
			conns := int64(0)
			for i, scope := range []guard.Scope{none, none, loopback, same, forTenant, none} {
				resp, err := send(scope)
				if err != nil || string(resp.Body) != proto {
					t.Fatalf("Send %d, which no list forbids = %+v, %v; want an answer in %s", i, resp, err, proto)
				}
				if got := r.host.Load(); got != host {
					t.Errorf("Send %d had Host %q; want %q", i, got, host)
				}
				if resp.RemoteAddr != "127.0.0.1:"+u.Port() {
					t.Errorf("Send %d: RemoteAddr = %q; want the receiver's", i, resp.RemoteAddr)
				}
				for _, scope := range forbidden {
					resp, err := send(scope)
					if err == nil {
						t.Fatalf("Send with a list that forbids the address of a kept connection = %d; want it blocked", resp.StatusCode)
					}
					wantClass(t, nil, err.(*transport.Error), webhook.ClassBlockedAddress, blocked)
				}
				conns = r.conns.Load()
			}
			if n := r.requests.Load(); n != 6 {
				t.Errorf("the receiver saw %d requests; want 6: the allowed ones alone", n)
			}
			if conns != 3 {
				t.Errorf("the receiver saw %d connections; want 3: one for no list, one for equal lists of endpoints, one for the tenant's", conns)
			}
		})
	}
}

// TestListsOfLiterals sends to addresses, IPv6 too, for which net/http keeps
// connections under names that must not run into each other.
func TestListsOfLiterals(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Skipf("no listener on %s: %v", addr, err)
		}
		srv := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { say(w, r.Host) })}}
		srv.Start()
		t.Cleanup(srv.Close)
		h := newHTTP(t, transport.HTTPConfig{Guard: open})
		for _, allow := range [][]string{nil, {"127.0.0.0/8", "::1"}} {
			resp, err := h.Send(t.Context(), &transport.Request{URL: "http://" + l.Addr().String() + "/", Scope: guard.Scope{Endpoint: newList(t, allow, nil)}})
			if err != nil || string(resp.Body) != l.Addr().String() {
				t.Errorf("Send to %s with allowed %v = %+v, %v; want it answered for that host", l.Addr(), allow, resp, err)
			}
		}
	}
}
