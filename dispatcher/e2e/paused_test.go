package e2e_test

import (
	"fmt"
	"testing"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// A process that starts on a backlog of paused endpoints, which it has to load to
// know that they are, holds none of it: all waits in the store, and nothing is in
// the way of an endpoint that is active.
func TestPausedBacklogIsNotHeld(t *testing.T) {
	t.Parallel()
	const endpoints, events = 40, 12
	st := openStore(t, databaseFile(t))
	h := newHost(t, st, dispatcher.Config{})
	var last webhook.Endpoint
	for i := range endpoints {
		last, _ = h.create(webhook.Endpoint{URL: fmt.Sprintf("http://127.0.0.1:4009/%d", i), Status: webhook.EndpointPaused})
	}
	rc := newReceiver(t, nil)
	h.create(webhook.Endpoint{URL: rc.URL, EventTypes: []string{"b"}})
	for i := range events {
		h.publish(event("a", i))
	}
	h.start()

	count := func(where string) (n int) {
		t.Helper()
		if err := st.DB().QueryRowContext(t.Context(), `SELECT count(*) FROM postrider_queue WHERE `+where).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	eventually(t, "deliveries of paused endpoints are waiting or leased, not parked", func() bool {
		return count("owner = 0 AND parked = 1") == endpoints*events
	})
	want(t, "leased deliveries of paused endpoints", count("owner <> 0"), 0)

	r := h.publish(event("b", 1)) // the paused ones get it too
	eventually(t, "an active endpoint gets nothing", func() bool { return rc.byID()[r.EventID] == 1 })
	if _, err := h.manage.UpdateEndpoint(t.Context(), tenant, last.ID, func(ep *webhook.Endpoint) error {
		ep.URL = rc.URL
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.manage.Resume(t.Context(), tenant, last.ID); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what waited is not sent after a resume", func() bool {
		return h.count(store.DeliveryFilter{Endpoint: last.ID}, webhook.DeliveryDelivered) == events+1
	})
}
