package transport_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"go.uber.org/goleak"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/dispatcher/transport/transporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	t.Run("HTTP1", func(t *testing.T) {
		transporttest.Run(t, func(t *testing.T, receiver http.Handler) transporttest.Harness {
			srv := httptest.NewServer(receiver)
			t.Cleanup(srv.Close)
			return transporttest.Harness{Transport: newHTTP(t, transport.HTTPConfig{Guard: open}), URL: srv.URL}
		})
	})
	t.Run("HTTP2", func(t *testing.T) {
		transporttest.Run(t, func(t *testing.T, receiver http.Handler) transporttest.Harness {
			srv := newTLSServer(t, receiver)
			h := newHTTP(t, transport.HTTPConfig{Guard: open, RootCAs: roots(srv)})
			return transporttest.Harness{Transport: h, URL: srv.URL}
		})
	})
}

// open lets deliveries reach the receivers of these tests.
var open = guard.Config{AllowHTTP: true, AllowPrivate: true}

func newHTTP(t *testing.T, cfg transport.HTTPConfig) *transport.HTTP {
	t.Helper()
	h, err := transport.NewHTTP(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.CloseIdleConnections)
	return h
}
