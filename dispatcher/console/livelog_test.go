package console_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/console"
	"github.com/postrider/postrider/webhook"
)

// TestLiveLogRefuses asks for the live log as those who may not see it.
func TestLiveLogRefuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(_ *dispatcher.Config, cfg *console.Config) { cfg.AllowViewer = false })
		path := "/" + w.create(webhook.Endpoint{URL: "https://acme.example/"}).ID + "/deliveries/live"
		for as, want := range map[string]int{
			"": http.StatusUnauthorized, "viewer " + acme: http.StatusForbidden, "stranger " + acme: http.StatusForbidden, "king " + acme: http.StatusForbidden,
			"down " + acme: http.StatusServiceUnavailable, "admin globex": http.StatusNotFound,
		} {
			w.get(as, path).is(want).inert()
		}
	})
}

// TestLiveLogEndsWithItsSession revokes the token of a customer who follows a log: the
// stream ends when they are looked at again.
func TestLiveLogEndsWithItsSession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withPortal)
		ep := w.create(webhook.Endpoint{URL: "https://acme.example/"})
		made, secret := w.token("", time.Hour)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/"+ep.ID+"/deliveries/live", nil)
		r.Header.Set("Cookie", w.enter(secret))
		rec, ended := httptest.NewRecorder(), make(chan struct{})
		go func() { w.ui.ServeHTTP(rec, r); close(ended) }()
		time.Sleep(time.Minute) // virtual
		select {
		case <-ended:
			t.Fatalf("the stream ended by itself: %d %s", rec.Code, rec.Body)
		default:
		}
		if err := w.m.RevokePortalToken(t.Context(), acme, made.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(31 * time.Second) // virtual: who looks is looked at every 30 seconds
		select {
		case <-ended:
		default:
			t.Error("the stream goes on after its token was revoked")
		}
		if got := rec.Header().Get("Content-Type"); !strings.HasPrefix(got, "text/event-stream") {
			t.Errorf("the live log has the type %q", got)
		}
	})
}
