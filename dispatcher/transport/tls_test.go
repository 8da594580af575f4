package transport_test

import (
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"testing"
)

// newTLSServer starts a receiver that speaks HTTP/2.
func newTLSServer(t *testing.T, receiver http.Handler) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(receiver)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv
}

func roots(srv *httptest.Server) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(srv.Certificate())
	return pool
}
