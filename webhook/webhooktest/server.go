package webhooktest

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
)

// NewReceiver starts a receiver with https on the loopback interface, which answers
// by a script (see Receiver.Answer). It is closed with the test. A dispatcher reaches
// it if its Config.HTTP is Loopback. It fails the test in a synctest bubble, where
// time stands still while anybody waits for a network: take a Network there.
func NewReceiver(t testing.TB, script ...http.Handler) *Receiver {
	t.Helper()
	if inBubble(t) {
		t.Fatal("webhooktest: NewReceiver in a synctest bubble, where virtual time stops for real sockets; use Network.NewReceiver")
	}
	rc := newReceiver(t, "", script)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(rc.serve))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that fail, as they are meant to
	var expired atomic.Pointer[tls.Certificate]
	srv.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		if cert := expired.Load(); cert != nil {
			// Without tickets, by which a session goes on under the certificate it began with.
			return &tls.Config{Certificates: []tls.Certificate{*cert}, MinVersion: tls.VersionTLS12, SessionTicketsDisabled: true}, nil
		}
		return nil, nil
	}}
	srv.StartTLS()
	rc.URL = srv.URL
	rc.stop = sync.OnceFunc(srv.Close)
	rc.expire = func() {
		t.Helper()
		cert, err := expiredCertificate(srv.TLS.Certificates[0])
		if err != nil {
			t.Fatalf("webhooktest: make a certificate: %v", err)
		}
		expired.Store(&cert)
		srv.CloseClientConnections()
	}
	t.Cleanup(rc.stop)
	return rc
}

// Loopback returns the HTTP configuration of a dispatcher that may deliver to
// receivers of NewReceiver: it trusts their certificates, and opens the loopback
// interface, which is closed otherwise. Nothing else is opened; http, private networks
// and whatever else the guard refuses stay refused.
func Loopback() transport.HTTPConfig {
	roots := x509.NewCertPool()
	roots.AddCert(loopbackCertificate())
	return transport.HTTPConfig{
		Guard:   guard.Config{Open: []string{"127.0.0.0/8", "::1/128"}},
		RootCAs: roots,
	}
}

// loopbackCertificate is the one of all servers of httptest. Only a server that was
// started shows it.
var loopbackCertificate = sync.OnceValue(func() *x509.Certificate {
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	defer srv.Close()
	return srv.Certificate()
})

// expiredCertificate returns a certificate for the same names and key that was valid
// until yesterday. It is signed by the valid one, so nothing else is wrong with it.
func expiredCertificate(valid tls.Certificate) (tls.Certificate, error) {
	leaf, err := x509.ParseCertificate(valid.Certificate[0])
	if err != nil {
		return tls.Certificate{}, err
	}
	template := *leaf
	template.NotBefore, template.NotAfter = time.Now().AddDate(0, 0, -2), time.Now().AddDate(0, 0, -1)
	der, err := x509.CreateCertificate(nil, &template, leaf, leaf.PublicKey, valid.PrivateKey)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: valid.PrivateKey}, nil
}
