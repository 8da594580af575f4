package dispatcher_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// TestShortLivesPrune has processes that never live for a minute: what is past its
// retention goes all the same.
func TestShortLivesPrune(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{Retention: dispatcher.Retention{Payloads: time.Minute, Deliveries: time.Minute}})
		w.create(webhook.Endpoint{Tenant: "acme", URL: "https://acme.example/"}, status(200))
		r, err := w.Publish(t.Context(), event("a.b", 1))
		if err != nil {
			t.Fatal(err)
		}
		for range 4 {
			stop := w.run()
			wait(30 * time.Second)
			stop()
		}
		if _, err := w.Store().Event(t.Context(), "acme", r.EventID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Event after two minutes, of which it is kept for one = %v; want ErrNotFound", err)
		}
	})
}
