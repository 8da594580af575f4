package faults_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// hostileNet has the receivers of a hostile world, each in its way, and the authority that
// their certificates are of.
type hostileNet struct {
	t       *testing.T
	roots   *x509.CertPool
	pem     []byte // of the same
	expired tls.Certificate
	valid   tls.Certificate
	inside  net.Listener // where redirects lead
	reached atomic.Int64 // connections there
	turn    atomic.Int64

	serving sync.WaitGroup
	closers []func()

	mu    sync.Mutex // guards conns
	conns map[net.Conn]bool
}

func newHostileNet(t *testing.T) *hostileNet {
	t.Helper()
	w := &hostileNet{t: t, roots: x509.NewCertPool(), conns: map[net.Conn]bool{}}
	w.valid = w.certificate(time.Hour)
	w.expired = w.certificate(-time.Minute)
	w.inside = w.listen(func(net.Conn) { w.reached.Add(1) })
	return w
}

// receiver starts a receiver of a mode and returns its URL.
func (w *hostileNet) receiver(m hostileMode) string {
	w.t.Helper()
	l := w.listen(func(c net.Conn) { m.serve(w, c) })
	if m.refuses {
		_ = l.Close() // the port is nobody's now
	}
	scheme := "http://"
	if m.secured {
		scheme = "https://"
	}
	return scheme + l.Addr().String() + "/"
}

// healthy starts a receiver that accepts what take does, and returns its URL.
func (w *hostileNet) healthy(take func(*http.Request) bool) string {
	w.t.Helper()
	l, err := (&net.ListenConfig{}).Listen(w.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		if !take(req) {
			rw.WriteHeader(http.StatusBadRequest)
			return
		}
		rw.WriteHeader(http.StatusNoContent)
	})}
	w.serving.Go(func() { _ = srv.Serve(l) }) // until it is closed
	w.closers = append(w.closers, func() { _ = srv.Close() })
	return "http://" + l.Addr().String() + "/"
}

// listen hands each connection to serve until the world ends.
func (w *hostileNet) listen(serve func(net.Conn)) net.Listener {
	w.t.Helper()
	l, err := (&net.ListenConfig{}).Listen(w.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.serving.Go(func() {
				w.track(c, true)
				defer w.track(c, false)
				defer c.Close()
				serve(c)
			})
		}
	})
	w.closers = append(w.closers, func() { _ = l.Close() })
	return l
}

func (w *hostileNet) track(c net.Conn, open bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if open {
		w.conns[c] = true
	} else {
		delete(w.conns, c)
	}
}

// certificate returns a certificate for this machine that is good for so long from
// now, and whose authority is trusted.
func (w *hostileNet) certificate(valid time.Duration) tls.Certificate {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(valid),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		w.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		w.t.Fatal(err)
	}
	w.roots.AddCert(leaf)
	w.pem = append(w.pem, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// close ends the receivers and waits for them.
func (w *hostileNet) close() {
	for _, c := range w.closers {
		c()
	}
	w.mu.Lock()
	for c := range w.conns {
		_ = c.Close()
	}
	w.mu.Unlock()
	w.serving.Wait()
}

// readHTTP1 reads one request of HTTP/1, body included.
func readHTTP1(c net.Conn) error {
	req, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return err
	}
	drain(req.Body)
	return nil
}
