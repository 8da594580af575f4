package transport_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/webhook"
)

// A document is fetched whole or not at all, and only from where deliveries may go.
func TestGet(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := r.Body.Read(make([]byte, 1))
		if r.Method != http.MethodGet || n > 0 || r.ContentLength > 0 || len(r.TransferEncoding) > 0 {
			t.Errorf("the server got %s with a body; want GET without one", r.Method)
		}
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "/full", http.StatusFound)
		case "/missing":
			http.Error(w, "canary", http.StatusNotFound)
		case "/full":
			_, _ = w.Write([]byte(strings.Repeat("a", transport.MaxBodyRead)))
		case "/long":
			_, _ = w.Write([]byte(strings.Repeat("a", transport.MaxBodyRead+1)))
		case "/cut":
			w.Header().Set("Content-Length", "10")
			_, _ = w.Write([]byte("canary"))
		}
	}))
	t.Cleanup(srv.Close)
	h := newHTTP(t, transport.HTTPConfig{Guard: open})
	if got, err := h.Get(t.Context(), srv.URL+"/full"); err != nil || len(got) != transport.MaxBodyRead {
		t.Errorf("Get of %d bytes = %d bytes, %v; want all of them", transport.MaxBodyRead, len(got), err)
	}
	for path, class := range map[string]webhook.ErrorClass{
		"/redirect": webhook.ClassHTTPStatus, "/missing": webhook.ClassHTTPStatus, "/long": webhook.ClassProtocol, "/cut": webhook.ClassProtocol,
	} {
		got, err := h.Get(t.Context(), srv.URL+path)
		if failure, ok := errors.AsType[*transport.Error](err); !ok || failure.Class != class || got != nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("Get of %s = %d bytes, %v; want nothing, and class %s", path, len(got), err, class)
		}
	}
	_, err := newHTTP(t, transport.HTTPConfig{}).Get(t.Context(), srv.URL+"/full")
	if failure, ok := errors.AsType[*transport.Error](err); !ok || failure.Class != webhook.ClassBlockedAddress {
		t.Errorf("Get from a private address = %v; want it blocked", err)
	}
}
