package transport_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/webhook"
)

// pemOf returns a certificate as an endpoint takes it.
func (c certificate) pemOf() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.pair.Certificate[0]}))
}

// client returns the settings of an endpoint that shows this certificate.
func (c certificate) client(t *testing.T) webhook.TLS {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return webhook.TLS{
		ClientCertificate: webhook.NewCredential(c.pemOf()),
		ClientKey:         webhook.NewCredential(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))),
	}
}

func (c certificate) leaf(t *testing.T) *x509.Certificate {
	t.Helper()
	leaf, err := x509.ParseCertificate(c.pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

func (c certificate) pin(t *testing.T) string {
	t.Helper()
	sum := sha256.Sum256(c.leaf(t).RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// identityServer answers with the fingerprint of the client certificate that a
// request's connection has, and counts connections.
type identityServer struct {
	*httptest.Server
	own certificate
	// conns counts connections, alive those that are open.
	conns, alive atomic.Int64
}

func newIdentityServer(t *testing.T, http2 bool, change func(*tls.Config)) *identityServer {
	t.Helper()
	s := &identityServer{own: newCertificate(t, validCertificate)}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, cert := range r.TLS.PeerCertificates {
			sum := sha256.Sum256(cert.Raw)
			say(w, hex.EncodeToString(sum[:]))
		}
	}))
	s.EnableHTTP2, s.Config.ErrorLog = http2, log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{s.own.pair}}
	change(s.TLS)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			s.conns.Add(1)
			s.alive.Add(1)
		case http.StateClosed:
			s.alive.Add(-1)
		}
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// wantClient makes a server want the certificate of one of these clients.
func wantClient(clients ...certificate) func(*tls.Config) {
	return func(c *tls.Config) {
		c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		for _, client := range clients {
			leaf, _ := x509.ParseCertificate(client.pair.Certificate[0])
			c.ClientCAs.AddCert(leaf)
		}
	}
}

func sendWith(t *testing.T, h *transport.HTTP, url string, settings webhook.TLS) (*transport.Response, *transport.Error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), generous)
	defer cancel()
	resp, err := h.Send(ctx, &transport.Request{URL: url, Body: []byte(`1`), TLS: transport.NewTLS(settings)})
	if err == nil {
		return resp, nil
	}
	return nil, err.(*transport.Error)
}

func TestTLSSettings(t *testing.T) {
	client, stranger := newCertificate(t, validCertificate), newCertificate(t, validCertificate)
	open12 := func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }
	anyone := func(*tls.Config) {}
	const unknown = "certificate is signed by an unknown authority"
	const refused = "refused" // by an alert, which in TLS 1.3 may be lost
	for _, tt := range []struct {
		name   string
		server func(*tls.Config)
		asks   func(*identityServer) webhook.TLS
		text   string // of a tls_error; "" for an answer, refused for an alert
	}{
		{"authority", anyone, func(s *identityServer) webhook.TLS { return webhook.TLS{Authorities: s.own.pemOf()} }, ""},
		{"no authority", anyone, func(*identityServer) webhook.TLS { return webhook.TLS{} }, unknown},
		{"another authority", anyone, func(*identityServer) webhook.TLS { return webhook.TLS{Authorities: stranger.pemOf()} }, unknown},
		{"TLS 1.3 of two", anyone, func(s *identityServer) webhook.TLS {
			return webhook.TLS{Authorities: s.own.pemOf(), MinVersion: webhook.TLS13}
		}, ""},
		{"TLS 1.3 with a receiver of 1.2", open12, func(s *identityServer) webhook.TLS {
			return webhook.TLS{Authorities: s.own.pemOf(), MinVersion: webhook.TLS13}
		}, "tls: protocol version not supported"},
		{"TLS 1.2 with a receiver of 1.2", open12, func(s *identityServer) webhook.TLS { return webhook.TLS{Authorities: s.own.pemOf()} }, ""},
		{"pin", anyone, func(s *identityServer) webhook.TLS {
			return webhook.TLS{Authorities: s.own.pemOf(), Pins: []string{stranger.pin(t), s.own.pin(t)}}
		}, ""},
		{"pin of another key", anyone, func(s *identityServer) webhook.TLS {
			return webhook.TLS{Authorities: s.own.pemOf(), Pins: []string{stranger.pin(t)}}
		}, "certificate has none of the pinned keys"},
		{"pin of a certificate that nobody vouches for", anyone, func(s *identityServer) webhook.TLS {
			return webhook.TLS{Pins: []string{s.own.pin(t)}}
		}, unknown},
		{"client certificate", wantClient(client), func(s *identityServer) webhook.TLS {
			asks := client.client(t)
			asks.Authorities = s.own.pemOf()
			return asks
		}, ""},
		{"client certificate over TLS 1.2", func(c *tls.Config) { wantClient(client)(c); open12(c) }, func(s *identityServer) webhook.TLS {
			asks := client.client(t)
			asks.Authorities = s.own.pemOf()
			return asks
		}, ""},
		{"no client certificate", wantClient(client), func(s *identityServer) webhook.TLS { return webhook.TLS{Authorities: s.own.pemOf()} }, refused},
		{"no client certificate over TLS 1.2", func(c *tls.Config) { wantClient(client)(c); open12(c) }, func(s *identityServer) webhook.TLS {
			return webhook.TLS{Authorities: s.own.pemOf()}
		}, "tls: handshake failure"},
		{"a stranger's client certificate", wantClient(client), func(s *identityServer) webhook.TLS {
			asks := stranger.client(t)
			asks.Authorities = s.own.pemOf()
			return asks
		}, refused},
		{"a client key that cannot be read", anyone, func(s *identityServer) webhook.TLS {
			asks := client.client(t)
			asks.Authorities, asks.ClientKey = s.own.pemOf(), webhook.NewCredential("x")
			return asks
		}, "client certificate cannot be used"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, http2 := range []bool{false, true} {
				s := newIdentityServer(t, http2, tt.server)
				resp, err := sendWith(t, newHTTP(t, transport.HTTPConfig{Guard: open}), s.URL, tt.asks(s))
				switch {
				case tt.text == "" && err != nil:
					t.Errorf("Send = %v; want an answer", err)
				case tt.text == refused && (err == nil || err.Class != webhook.ClassTLS):
					t.Errorf("Send = %+v, %v; want a tls_error", resp, err)
				case tt.text != "" && tt.text != refused:
					wantClass(t, resp, err, webhook.ClassTLS, tt.text)
				}
			}
		})
	}
}

// TLS settings over plain HTTP are never passed over.
func TestTLSSettingsNeedHTTPS(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request was sent; want none") }))
	defer srv.Close()
	resp, err := sendWith(t, newHTTP(t, transport.HTTPConfig{Guard: open}), srv.URL, webhook.TLS{MinVersion: webhook.TLS13})
	wantClass(t, resp, err, webhook.ClassTLS, "TLS is asked for and the URL is http")
}

// A connection serves requests with the same TLS settings, and no others: not those
// of another client, not those without one, not one with a pin that it was not held
// against.
func TestConnectionsAreNotSharedBetweenIdentities(t *testing.T) {
	a, b := newCertificate(t, validCertificate), newCertificate(t, validCertificate)
	for _, http2 := range []bool{false, true} {
		s := newIdentityServer(t, http2, func(c *tls.Config) {
			wantClient(a, b)(c)
			c.ClientAuth = tls.VerifyClientCertIfGiven
		})
		h := newHTTP(t, transport.HTTPConfig{Guard: open, RootCAs: s.own.roots})
		pinned := a.client(t)
		pinned.Pins = []string{s.own.pin(t)}
		sum := func(c certificate) string {
			d := sha256.Sum256(c.pair.Certificate[0])
			return hex.EncodeToString(d[:])
		}
		for range 3 {
			for _, tt := range []struct {
				settings webhook.TLS
				want     string
			}{{a.client(t), sum(a)}, {webhook.TLS{}, ""}, {b.client(t), sum(b)}, {pinned, sum(a)}} {
				resp, err := sendWith(t, h, s.URL, tt.settings)
				if err != nil || string(resp.Body) != tt.want {
					t.Fatalf("HTTP/2 %t: Send = %+v, %v; want the connection of client %q", http2, resp, err, tt.want)
				}
			}
		}
		if got := s.conns.Load(); got != 4 {
			t.Errorf("HTTP/2 %t: 12 requests with 4 kinds of TLS settings took %d connections; want 4", http2, got)
		}
	}
}

// Who knows under what name a connection is kept cannot ask for it by a URL.
func TestNoURLNamesAConnectionOfOthers(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { say(w, "in") }))
	defer srv.Close()
	h := newHTTP(t, transport.HTTPConfig{Guard: open, Resolver: newResolver(t, map[string][]answer{"receiver.example.": {{a: "127.0.0.1"}}})})
	list, err := guard.NewRanges([]string{"127.0.0.0/8"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	scope, port := guard.Scope{Tenant: list}, strings.TrimPrefix(srv.URL, "http://127.0.0.1")
	resp, err := h.Send(t.Context(), &transport.Request{URL: "http://receiver.example" + port, Scope: scope})
	if err != nil || string(resp.Body) != "in" {
		t.Fatalf("Send = %+v, %v; want an answer", resp, err)
	}
	for _, prefix := range []string{scope.Key(), strings.ToUpper(scope.Key()), transport.PoolName(webhook.TLS{MinVersion: webhook.TLS13})} {
		if resp, err := h.Send(t.Context(), &transport.Request{URL: "http://" + prefix + ".receiver.example" + port}); err == nil {
			t.Errorf("Send to a host below %s = %+v; want no answer, which only a connection of others could give", prefix, resp)
		}
	}
}

// However many endpoints have TLS settings of their own, the connections that are
// kept are no more than for all others together: none is kept for each for ever.
func TestIdentitiesAreBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("makes over a thousand handshakes")
	}
	const kept, more = 1024, 64 // of http.go, and some beyond
	s := newIdentityServer(t, false, func(*tls.Config) {})
	h := newHTTP(t, transport.HTTPConfig{Guard: open, RootCAs: s.own.roots})
	for i := range kept + more {
		other := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		settings := webhook.TLS{Pins: []string{s.own.pin(t), base64.StdEncoding.EncodeToString(other[:])}}
		if _, err := sendWith(t, h, s.URL, settings); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(10 * time.Second); s.alive.Load() > kept; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections are kept after requests with %d kinds of TLS settings; want at most %d", s.alive.Load(), kept+more, kept)
		}
	}
	if got := s.conns.Load(); got != kept+more {
		t.Errorf("%d connections were made for %d kinds of TLS settings; want one each", got, kept+more)
	}
}
