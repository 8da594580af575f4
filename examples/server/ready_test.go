package main

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/webhook"
)

// TestReadyIsBoundedInLag has a server whose dispatcher does not run: it is not ready once
// deliveries are late.
func TestReadyIsBoundedInLag(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, err := parse([]string{"-addr", "127.0.0.1:0", "-api-key", testKey, "-key-file", filepath.Join(t.TempDir(), "k"), "-log-level", "error"}, t.Output())
		if err != nil {
			t.Fatal(err)
		}
		s, err := start(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		defer s.listener.Close()
		if _, _, err := manage.New(s.d).CreateEndpoint(t.Context(), webhook.Endpoint{Tenant: "default", URL: "https://a.example/"}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.d.Publish(t.Context(), webhook.Event{Tenant: "default", Type: "a", Data: []byte("1")}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(maxLag)
		if err := s.ready(t.Context()); err != nil {
			t.Errorf("ready after %v = %v; want nil", maxLag, err)
		}
		time.Sleep(2 * time.Second)
		if err := s.ready(t.Context()); err == nil {
			t.Errorf("ready with deliveries that are over %v late = nil; want an error", maxLag)
		}
	})
}
