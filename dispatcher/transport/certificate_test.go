package transport_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/webhook"
)

// certificate is a self-signed certificate of a receiver, and a pool that
// trusts it.
type certificate struct {
	pair  tls.Certificate
	roots *x509.CertPool
}

func validCertificate(*x509.Certificate) {}

// newCertificate returns a certificate for 127.0.0.1 that is good for an hour,
// unless spoil changes it.
func newCertificate(t *testing.T, spoil func(*x509.Certificate)) certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "receiver"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames:              []string{"receiver.example"},
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	spoil(template)
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return certificate{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots}
}

func TestBadTLS(t *testing.T) {
	valid := newCertificate(t, validCertificate)
	serveTLS := func(cert certificate, change func(*tls.Config)) func(net.Conn) {
		return func(c net.Conn) {
			cfg := &tls.Config{Certificates: []tls.Certificate{cert.pair}}
			change(cfg)
			conn := tls.Server(c, cfg)
			defer conn.Close()
			if _, err := readRequest(conn); err == nil {
				say(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			}
		}
	}
	plain := func(*tls.Config) {}
	expired := newCertificate(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	early := newCertificate(t, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) })
	other := newCertificate(t, func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 2)} })

	for _, c := range []struct {
		name    string
		roots   *x509.CertPool
		serve   func(net.Conn)
		timeout time.Duration
		class   webhook.ErrorClass
		text    string
	}{
		{"expired", expired.roots, serveTLS(expired, plain), generous, webhook.ClassTLS, "certificate has expired or is not yet valid"},
		{"not yet valid", early.roots, serveTLS(early, plain), generous, webhook.ClassTLS, "certificate has expired or is not yet valid"},
		{"wrong name", other.roots, serveTLS(other, plain), generous, webhook.ClassTLS, "certificate is for another host"},
		{"unknown authority", nil, serveTLS(valid, plain), generous, webhook.ClassTLS, "certificate is signed by an unknown authority"},
		{"TLS 1.1", valid.roots, serveTLS(valid, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }), generous, webhook.ClassTLS, "tls: protocol version not supported"},
		{"client certificate wanted", valid.roots, serveTLS(valid, func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert; c.MaxVersion = tls.VersionTLS12 }), generous, webhook.ClassTLS, "tls: handshake failure"},
		{"garbage", valid.roots, func(c net.Conn) { say(c, "c4n4ry c4n4ry c4n4ry\r\n\r\n"); hold(c) }, generous, webhook.ClassTLS, "TLS handshake failed"},
		{"plain HTTP", valid.roots, func(c net.Conn) { say(c, "HTTP/1.1 400 Bad Request\r\n\r\n"); hold(c) }, generous, webhook.ClassTLS, "TLS handshake failed"},
		{"silence", valid.roots, hold, shortly, webhook.ClassTimeout, "context deadline exceeded"},
		{"close", valid.roots, func(net.Conn) {}, generous, webhook.ClassConnect, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRawReceiver(t, c.serve)
			h := newHTTP(t, transport.HTTPConfig{Guard: open, RootCAs: c.roots})
			resp, err := post(t, h, "https://"+r.Addr().String()+"/", c.timeout)
			if c.text == "" && err != nil {
				c.text = err.Err.Error() // whether FIN or RST is seen first is chance
			}
			wantClass(t, resp, err, c.class, c.text)
			if err.RemoteAddr != r.Addr().String() {
				t.Errorf("RemoteAddr = %q; want %q", err.RemoteAddr, r.Addr())
			}
		})
	}
}

// TestSlowHandshake waits for the real five seconds.
func TestSlowHandshake(t *testing.T) {
	if testing.Short() {
		t.Skip("takes five seconds")
	}
	t.Parallel()
	r := newRawReceiver(t, hold)
	resp, err := post(t, newHTTP(t, transport.HTTPConfig{Guard: open}), "https://"+r.Addr().String()+"/", generous)
	wantClass(t, resp, err, webhook.ClassTimeout, "TLS handshake took too long")
}

func TestGoodTLS(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		srv := newTLSServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			say(w, r.Proto)
		}))
		srv.TLS.MaxVersion = version
		h := newHTTP(t, transport.HTTPConfig{Guard: open, RootCAs: roots(srv)})
		resp, err := post(t, h, srv.URL, generous)
		if err != nil || string(resp.Body) != "HTTP/2.0" {
			t.Errorf("Send over %s = %+v, %v; want an answer in HTTP/2", tls.VersionName(version), resp, err)
			continue
		}
		if resp.Timings.TLS <= 0 || resp.Timings.Connect <= 0 || resp.Timings.FirstByte <= 0 {
			t.Errorf("Timings = %+v; want the phases of a new connection", resp.Timings)
		}
		again, err := post(t, h, srv.URL, generous)
		if err != nil || again.Timings.TLS != 0 || again.Timings.Connect != 0 || again.Timings.FirstByte <= 0 {
			t.Errorf("second Send = %+v, %v; want the connection used again, without the phases of making it", again, err)
		}
	}
}
