package dispatcher_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// Who waits for a key in vain has published nothing.
func TestBusyKeyUntilContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &busy{Store: memstore.New(), began: time.Now()}, dispatcher.Config{})
		ep := w.endpoint("ok", status(200))
		defer w.run()()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		ev := event("a", 1)
		ev.IdempotencyKey = "k"
		if _, err := w.Publish(ctx, ev); !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Publish while the key is in use = %v; want ErrUnavailable and the context's error", err)
		}
		wait(10 * time.Second)
		want(t, "arrivals", len(w.net.to(ep.URL)), 0)
	})
}

// A key that a host's transaction holds costs its own caller time, not the batch.
func TestBusyKeyHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &busy{Store: memstore.New(), began: time.Now()}, dispatcher.Config{})
		ep := w.endpoint("ok", status(200))
		defer w.run()()
		events := make([]webhook.Event, 50)
		for i := range events {
			events[i] = event("a", i)
		}
		events[31].IdempotencyKey = "k"
		start := time.Now()
		var took time.Duration
		var single sync.WaitGroup
		single.Go(func() {
			if _, err := w.Publish(t.Context(), event("a", "later")); err != nil {
				t.Errorf("Publish = %v", err)
			}
			took = time.Since(start)
		})
		for i, a := range w.PublishMany(t.Context(), events) {
			if a.Err != nil || a.EventID == "" {
				t.Errorf("event %d = %+v; want it stored", i, a)
			}
		}
		single.Wait()
		if all := time.Since(start); took > 0 || all < 5*time.Second || all > 8*time.Second {
			t.Errorf("the others took %v and all %v; want nothing, and a little more than the 5 s that the key is held", took, time.Since(start))
		}
		wait(2 * time.Second)
		want(t, "arrivals", len(w.net.to(ep.URL)), 51)
	})
}

// busy holds all keys for 5 seconds.
type busy struct {
	store.Store
	began time.Time
}

func (b *busy) Publish(ctx context.Context, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	results := make([]store.PublishResult, len(pubs))
	for i := range pubs {
		if pubs[i].Event.IdempotencyKey != "" && time.Since(b.began) < 5*time.Second {
			results[i].Outcome = store.PublishBusy
			continue
		}
		one, err := b.Store.Publish(ctx, now, pubs[i:i+1])
		if err != nil {
			return nil, err
		}
		results[i] = one[0]
	}
	return results, nil
}
