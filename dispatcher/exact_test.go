package dispatcher_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// slowEvents makes loading an event's payload take a while.
type slowEvents struct {
	store.Store
	delay atomic.Int64
}

func (s *slowEvents) EventsByKey(ctx context.Context, keys []store.EventKey) ([]webhook.Event, error) {
	time.Sleep(time.Duration(s.delay.Load()))
	return s.Store.EventsByKey(ctx, keys)
}

// A delivery that was started while the lease was certain, and is ready to be
// sent when it no longer is, must not be sent.
func TestNothingIsSentOnceTheLeaseIsUncertain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &slowEvents{Store: memstore.New()}
		cut := &faultyStore{Store: st}
		w := newWorld(t, cut, dispatcher.Config{})
		ep := w.endpoint("ok", status(200))
		w.publish(50, "a") // nothing runs: they are claimed, and their payloads loaded
		st.delay.Store(int64(29 * time.Second))
		began := time.Now()
		cut.setFault(func(call string, after bool) error {
			if call == "renew" {
				return store.ErrUnavailable
			}
			return nil
		})
		stop := w.run()
		wait(5 * time.Minute)
		for _, a := range w.net.to(ep.URL) {
			if since := a.at.Sub(began); since > 25*time.Second {
				t.Errorf("sent %v after the last time the lease was known to be ours for 30 s", since)
			}
		}
		st.delay.Store(0)
		cut.setFault(nil)
		wait(time.Minute)
		want(t, "delivered in the end", w.deliveries(ep.ID)[webhook.DeliveryDelivered], 50)
		stop()
	})
}

// After Delete or Pause has returned nothing more is sent, whatever is on its
// way through the engine.
func TestDeleteAndPauseStopWhatIsBeingPrepared(t *testing.T) {
	for _, action := range []string{"delete", "pause"} {
		synctest.Test(t, func(t *testing.T) {
			st := &slowEvents{Store: memstore.New()}
			w := newWorld(t, st, dispatcher.Config{})
			ep := w.endpoint("ok", status(200))
			w.publish(50, "a")
			st.delay.Store(int64(5 * time.Second))
			defer w.run()()
			wait(2 * time.Second)
			if action == "delete" {
				if err := w.manage.DeleteEndpoint(t.Context(), "acme", ep.ID); err != nil {
					t.Fatal(err)
				}
			} else if _, err := w.manage.Pause(t.Context(), "acme", ep.ID); err != nil {
				t.Fatal(err)
			}
			wait(10 * time.Minute)
			want(t, "sent after "+action, len(w.net.to(ep.URL)), 0)
		})
	}
}

// A slow answer to Acquire must not stretch the time in which we send.
func TestLeaseCountsFromTheAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cut := &faultyStore{Store: memstore.New()}
		w := newWorld(t, cut, dispatcher.Config{})
		ep := w.endpoint("ok", status(500))
		cut.setFault(func(call string, after bool) error {
			switch {
			case call == "acquire" && after:
				time.Sleep(28 * time.Second)
			case call == "renew":
				return store.ErrUnavailable
			}
			return nil
		})
		stop := w.run()
		w.publish(5, "a")
		wait(2 * time.Minute)
		want(t, "sends without a lease that is certain", len(w.net.to(ep.URL)), 0)
		cut.setFault(nil)
		stop()
	})
}

// One outcome that the store refuses must not keep the others from being
// written; its own is written without what the receiver answered.
func TestRefusedOutcomeStandsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &picky{Store: memstore.New()}
		w := newWorld(t, st, dispatcher.Config{})
		ep := w.endpoint("ok", func(_ context.Context, n int, _ *transport.Request) (*transport.Response, error) {
			body := "fine"
			if n == 17 {
				body = "poison"
			}
			return &transport.Response{StatusCode: 200, Body: []byte(body)}, nil
		})
		defer w.run()()
		w.publish(100, "a")
		wait(5 * time.Second)
		want(t, "delivered", w.deliveries(ep.ID)[webhook.DeliveryDelivered], 100)
		want(t, "arrivals", len(w.net.to(ep.URL)), 100)
	})
}

type picky struct{ store.Store }

func (p *picky) Settle(ctx context.Context, now time.Time, s store.Settlement) (store.SettleResult, error) {
	for _, it := range s.Items {
		if it.Attempt != nil && strings.Contains(string(it.Attempt.ResponseBody), "poison") {
			return store.SettleResult{}, errors.New("invalid byte sequence")
		}
	}
	return p.Store.Settle(ctx, now, s)
}

// The health that is stored is the one that the lane saw: a success that came
// after failures ends them, in whatever order the deliveries' ids are.
func TestStoredHealthFollowsTheOrderOfAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		block := make(chan struct{})
		st := &faultyStore{Store: memstore.New()}
		w := newWorld(t, st, dispatcher.Config{})
		ep := w.endpoint("flaky", status(200))
		defer w.run()()
		w.publish(1, "a") // proven, so that eight go at once
		wait(time.Second)
		var hold sync.Once
		st.setFault(func(call string, after bool) error {
			if call == "settle" && !after {
				hold.Do(func() { <-block })
			}
			return nil
		})
		w.net.mu.Lock()
		w.net.handlers[ep.URL] = func(ctx context.Context, n int, _ *transport.Request) (*transport.Response, error) {
			if n == 2 { // the oldest delivery is answered last
				time.Sleep(500 * time.Millisecond)
				return &transport.Response{StatusCode: 200}, nil
			}
			time.Sleep(100 * time.Millisecond)
			return &transport.Response{StatusCode: 500}, nil
		}
		w.net.mu.Unlock()
		w.publish(5, "a")
		wait(time.Second)
		close(block) // all outcomes are written in few batches
		wait(time.Second)
		h, err := w.manage.Health(t.Context(), "acme", ep.ID)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "failures in a row after a success", h.Failures, 0)
	})
}

// A turn that fails is asked for again at once, not when the gate says.
func TestFailedTurnIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &faultyStore{Store: memstore.New()}
		w := newWorld(t, st, dispatcher.Config{})
		ep := w.endpoint("dead", nil)
		defer w.run()()
		w.publish(100, "a")
		wait(30 * time.Minute) // the breaker's wait is five minutes by now
		w.net.mu.Lock()
		w.net.handlers[ep.URL] = status(200)
		w.net.mu.Unlock()
		var failed atomic.Int64
		before := len(w.net.to(ep.URL))
		st.setFault(func(call string, after bool) error {
			if call == "take" && !after && len(w.net.to(ep.URL)) > before && failed.Add(1) <= 3 {
				return store.ErrUnavailable
			}
			return nil
		})
		for range 600 {
			wait(time.Second)
			if w.deliveries(ep.ID)[webhook.DeliveryDelivered] > 0 {
				break
			}
		}
		wait(20 * time.Second)
		if n := w.deliveries(ep.ID)[webhook.DeliveryDelivered]; n < 80 {
			t.Errorf("twenty seconds after the probe succeeded %d are delivered (%d turns failed), want nearly all", n, failed.Load())
		}
	})
}

// Publishes to an endpoint that takes nothing must not keep the claim loop busy.
func TestShutLaneCostsNoClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &faultyStore{Store: memstore.New()}
		w := newWorld(t, st, dispatcher.Config{})
		ep := w.endpoint("paused", status(200))
		defer w.run()()
		w.publish(1, "a")
		wait(time.Second)
		if _, err := w.manage.Pause(t.Context(), "acme", ep.ID); err != nil {
			t.Fatal(err)
		}
		wait(5 * time.Second)
		var claims atomic.Int64
		st.setFault(func(call string, after bool) error {
			if !after && (call == "poll" || call == "take") {
				claims.Add(1)
			}
			return nil
		})
		for range 1000 {
			w.publish(1, "a")
			wait(10 * time.Millisecond)
		}
		if n := claims.Load(); n > 200 {
			t.Errorf("1,000 publishes to a paused endpoint in 10 s made %d claims, want at most a few a second", n)
		}
	})
}

// A 410 from a receiver that the endpoint no longer points to pauses nothing.
func TestGoneOfAnOldAddressPausesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		ep := w.endpoint("old", func(ctx context.Context, _ int, _ *transport.Request) (*transport.Response, error) {
			time.Sleep(5 * time.Second)
			return &transport.Response{StatusCode: 410}, nil
		})
		w.net.handlers["https://new.example/"] = status(200)
		defer w.run()()
		w.publish(1, "a")
		wait(time.Second)
		if _, err := w.manage.UpdateEndpoint(t.Context(), "acme", ep.ID, func(ep *webhook.Endpoint) error {
			ep.URL = "https://new.example/"
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		wait(time.Minute)
		got, err := w.manage.Endpoint(t.Context(), "acme", ep.ID)
		if err != nil || got.Status != webhook.EndpointActive {
			t.Errorf("status = %v (%v), want active: it was the old address that is gone", got.Status, err)
		}
	})
}

// A store that hangs must not hold up a drain for longer than it is given.
func TestDrainIsBoundedWhateverTheStoreDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &hanging{Store: memstore.New()}
		w := newWorld(t, st, dispatcher.Config{DrainTimeout: 3 * time.Second})
		w.endpoint("ok", after(time.Second, 200))
		stop := w.run()
		w.publish(50, "a")
		wait(500 * time.Millisecond)
		st.on.Store(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _ = w.Publish(ctx, event("a", 1))
		start := time.Now()
		stop()
		if took := time.Since(start); took > 50*time.Second {
			t.Errorf("drain took %v with a store that hangs for 30 s at a time", took)
		}
		wait(time.Minute) // the publish that was given up ends by itself
	})
}

// hanging answers nothing before its callers give up.
type hanging struct {
	store.Store
	on atomic.Bool
}

func (h *hanging) hang(ctx context.Context) error {
	if h.on.Load() {
		<-ctx.Done()
		return fmt.Errorf("%w: %w", store.ErrUnavailable, ctx.Err())
	}
	return nil
}

func (h *hanging) Publish(ctx context.Context, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	if err := h.hang(ctx); err != nil {
		return nil, err
	}
	return h.Store.Publish(ctx, now, pubs)
}

func (h *hanging) Settle(ctx context.Context, now time.Time, s store.Settlement) (store.SettleResult, error) {
	if err := h.hang(ctx); err != nil {
		return store.SettleResult{}, err
	}
	return h.Store.Settle(ctx, now, s)
}

func (h *hanging) Resign(ctx context.Context, now time.Time, epoch int64) error {
	if err := h.hang(ctx); err != nil {
		return err
	}
	return h.Store.Resign(ctx, now, epoch)
}

// A caller may use its bytes again as soon as Publish has returned, even if it
// gave up while the event was being written.
func TestPublishCopiesWhatItIsGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &faultyStore{Store: memstore.New()}
		w := newWorld(t, st, dispatcher.Config{})
		ep := w.endpoint("ok", status(200))
		defer w.run()()
		release := make(chan struct{})
		st.setFault(func(call string, after bool) error {
			if call == "publish" && !after {
				<-release
			}
			return nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		ev := event("a", "first")
		if _, err := w.Publish(ctx, ev); !errors.Is(err, store.ErrUnknown) {
			t.Fatalf("Publish = %v, want ErrUnknown", err)
		}
		copy(ev.Data, `"SECON"`)
		close(release)
		wait(time.Second)
		got := w.net.to(ep.URL)
		if len(got) != 1 || !strings.HasSuffix(got[0].body, `"data":"first"}`) {
			t.Errorf("arrived: %+v, want the data that Publish was given", got)
		}
	})
}
