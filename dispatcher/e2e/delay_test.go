package e2e_test

import (
	"slices"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Delayed events that this process and another one have published arrive within a
// second of their time, and none before it.
func TestDeliverAt(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, st store.Store) {
		const events = 100
		h, elsewhere := newHost(t, st, dispatcher.Config{}), newHost(t, st, dispatcher.Config{})
		rc := newReceiver(t, nil)
		h.create(webhook.Endpoint{URL: rc.URL})
		h.start()
		due := make(map[string]time.Time, events)
		for i := range events {
			ev := event("a", i)
			ev.DeliverAt = time.Now().Add(200*time.Millisecond + time.Duration(i)*17*time.Millisecond)
			publisher := h
			if i%2 == 1 {
				publisher = elsewhere
			}
			due[publisher.publish(ev).EventID] = ev.DeliverAt
		}
		eventually(t, "not all events have arrived", func() bool { return rc.count() == events })
		var late []time.Duration
		for _, a := range rc.got() {
			late = append(late, a.at.Sub(due[a.id]))
		}
		slices.Sort(late)
		if late[0] < 0 {
			t.Errorf("an event arrived %v before its time", -late[0])
		}
		if p99 := late[events*99/100-1]; p99 > time.Second {
			t.Errorf("99 of 100 events arrived within %v of their time, want within a second", p99)
		}
		t.Logf("late by %v (median), %v (99 of 100), %v (all)", late[events/2], late[events*99/100-1], late[events-1])
	})
}
