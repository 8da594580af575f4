package e2e_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Two processes publish while an endpoint is paused and resumed again and again:
// every event either was counted in its receipt and is sent, or was skipped.
func TestOnPausedSkip(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, st store.Store) {
		const rounds = 8
		h, elsewhere := newHost(t, st, dispatcher.Config{}), newHost(t, st, dispatcher.Config{})
		rc := newReceiver(t, nil)
		ep, _ := h.create(webhook.Endpoint{URL: rc.URL, OnPaused: webhook.OnPausedSkip})
		h.start()
		var mu sync.Mutex
		receipts := make(map[string]int)
		var done atomic.Bool
		var publishers sync.WaitGroup
		for _, p := range []*host{h, elsewhere} {
			publishers.Go(func() {
				for i := 0; !done.Load(); i++ {
					r, err := p.Publish(t.Context(), event("a", i))
					if err != nil {
						t.Errorf("Publish = %v; want nil", err)
						return
					}
					mu.Lock()
					receipts[r.EventID] = r.Deliveries
					mu.Unlock()
				}
			})
		}
		for range rounds {
			for _, change := range []func() error{
				func() error { _, err := elsewhere.manage.Pause(t.Context(), tenant, ep.ID); return err },
				func() error {
					// Whoever publishes after the pause was written finds it.
					if r := h.publish(event("a", "between")); r.Deliveries != 0 {
						t.Errorf("an event that was published after a pause has %d deliveries; want it skipped", r.Deliveries)
					}
					_, err := elsewhere.manage.Resume(t.Context(), tenant, ep.ID)
					return err
				},
				func() error {
					if r := h.publish(event("b", "between")); r.Deliveries != 1 {
						t.Errorf("an event that was published after a resume has %d deliveries; want 1", r.Deliveries)
					}
					return nil
				},
			} {
				if err := change(); err != nil {
					t.Fatal(err)
				}
			}
		}
		done.Store(true)
		publishers.Wait()
		sent, skipped := 0, 0
		for _, n := range receipts {
			sent += n
			skipped += 1 - n
		}
		sent, skipped = sent+rounds, skipped+rounds // those between
		eventually(t, "not all that receipts count has been delivered", func() bool {
			return h.count(store.DeliveryFilter{}, webhook.DeliveryDelivered) == sent
		})
		want(t, "skipped deliveries", h.count(store.DeliveryFilter{}, webhook.DeliverySkipped), skipped)
		want(t, "events that arrived", len(rc.byID()), sent)
		t.Logf("%d sent, %d skipped", sent, skipped)
	})
}
