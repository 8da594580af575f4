package dispatcher_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// inAnySecond returns the most that arrived in any second, whenever it began.
func inAnySecond(got []arrival) int {
	most, first := 0, 0
	for i := range got {
		for got[i].at.Sub(got[first].at) >= time.Second {
			first++
		}
		most = max(most, i+1-first)
	}
	return most
}

// perSecond returns how many arrived in each second from a time on.
func perSecond(got []arrival, from time.Time) (counts []int) {
	for _, a := range got {
		if a.at.Before(from) {
			continue
		}
		s := int(a.at.Sub(from) / time.Second)
		counts = append(counts, make([]int, max(s+1-len(counts), 0))...)
		counts[s]++
	}
	return counts
}

// limitedEndpoint creates an endpoint with a rate limit that answers after a while.
func (w *world) limitedEndpoint(name string, rate webhook.RateLimit, takes time.Duration) webhook.Endpoint {
	w.t.Helper()
	return w.create(webhook.Endpoint{Tenant: "acme", URL: "https://" + name + ".example/", RateLimit: rate}, after(takes, 200))
}

// siblings are n worlds over one store and one network.
func siblings(t *testing.T, n int, cfg dispatcher.Config) []*world {
	st := memstore.New()
	first := newWorld(t, st, cfg)
	ws := []*world{first}
	for len(ws) < n {
		own := cfg
		own.Transport = first.net
		w := newWorld(t, st, own)
		w.net = first.net
		ws = append(ws, w)
	}
	return ws
}

func TestRateLimitHoldsOverProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ws := siblings(t, 3, dispatcher.Config{})
		ep := ws[0].limitedEndpoint("limited", webhook.RateLimit{PerSecond: 50}, 5*time.Millisecond)
		for _, w := range ws {
			defer w.run()()
		}
		began := time.Now()
		const minute = 60 * 50
		for i := range minute + 500 {
			if _, err := ws[i%3].Publish(t.Context(), event("a.b", i)); err != nil {
				t.Fatal(err)
			}
		}
		wait(time.Until(began.Add(time.Minute)))
		got := ws[0].net.to(ep.URL)
		if most := inAnySecond(got); most > 51 {
			t.Errorf("%d deliveries in a second; want 50, or 51 at its edges", most)
		}
		if len(got) < 59*50 {
			t.Errorf("%d deliveries in a minute; want nearly %d: slots are wasted", len(got), minute)
		}
		wait(20 * time.Second)
		want(t, "delivered in the end", ws[0].deliveries(ep.ID)[webhook.DeliveryDelivered], minute+500)
	})
}

func TestBurstIsAllowedAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		ep := w.limitedEndpoint("limited", webhook.RateLimit{PerSecond: 2, Burst: 10}, time.Millisecond)
		defer w.run()()
		w.publish(1, "a.b") // from now on it is known to answer
		wait(10 * time.Second)
		began := time.Now()
		w.publish(30, "a.b")
		wait(time.Second)
		if n := len(w.net.to(ep.URL)) - 1; n < 10 || n > 12 {
			t.Errorf("%d deliveries within a second; want a burst of 10 and at most 2 more", n)
		}
		wait(12 * time.Second)
		got := w.net.to(ep.URL)
		want(t, "delivered", len(got)-1, 30)
		if last := got[len(got)-1].at.Sub(began); last < 9*time.Second {
			t.Errorf("the last of 30 came after %v; want 20 more after the burst at 2/s to take 10 s", last)
		}
	})
}

// TestSlowLimits shows that a rate below one a second holds, and that those who wait
// for it hold nobody up.
func TestSlowLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		slow := w.limitedEndpoint("slow", webhook.RateLimit{PerSecond: 0.1}, time.Millisecond)
		free := w.endpoint("free", after(time.Millisecond, 200))
		defer w.run()()
		w.publish(12, "a.b")
		wait(time.Second)
		want(t, "deliveries without a limit", len(w.net.to(free.URL)), 12)
		wait(2 * time.Minute)
		got := w.net.to(slow.URL)
		want(t, "deliveries at one in ten seconds", len(got), 12)
		for i := 1; i < len(got); i++ {
			if apart := got[i].at.Sub(got[i-1].at); apart < 10*time.Second-lapsed {
				t.Errorf("deliveries %d and %d are %v apart; want 10 s", i-1, i, apart)
			}
		}
	})
}

// lapsed is how late a slot may be used.
const lapsed = 100 * time.Millisecond

// TestNothingIsSentWithoutASlot has a store that does everything but reserve.
func TestNothingIsSentWithoutASlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &faultyStore{Store: memstore.New()}
		w := newWorld(t, st, dispatcher.Config{})
		limited := w.limitedEndpoint("limited", webhook.RateLimit{PerSecond: 100}, time.Millisecond)
		free := w.endpoint("free", after(time.Millisecond, 200))
		st.setFault(func(call string, _ bool) error {
			if call == "reserve rates" {
				return fmt.Errorf("%s: %w", call, store.ErrUnavailable)
			}
			return nil
		})
		defer w.run()()
		w.publish(20, "a.b")
		wait(10 * time.Second)
		want(t, "deliveries within a limit that nobody could ask for", len(w.net.to(limited.URL)), 0)
		want(t, "deliveries without a limit", len(w.net.to(free.URL)), 20)
		st.setFault(nil)
		wait(2 * time.Second)
		want(t, "deliveries once the store answers", len(w.net.to(limited.URL)), 20)
	})
}

// TestLimitMayChange shows that a changed limit holds at once.
func TestLimitMayChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		ep := w.limitedEndpoint("limited", webhook.RateLimit{PerSecond: 10}, time.Millisecond)
		defer w.run()()
		w.publish(400, "a.b")
		wait(5 * time.Second)
		if n := len(w.net.to(ep.URL)); n < 45 || n > 52 {
			t.Errorf("%d deliveries in 5 s; want 50", n)
		}
		change := func(rate float64) {
			if _, err := w.manage.UpdateEndpoint(t.Context(), ep.Tenant, ep.ID, func(ep *webhook.Endpoint) error {
				ep.RateLimit = webhook.RateLimit{PerSecond: rate}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		change(40)
		before := len(w.net.to(ep.URL))
		wait(5 * time.Second)
		if n := len(w.net.to(ep.URL)) - before; n < 180 || n > 205 {
			t.Errorf("%d deliveries in 5 s at 40/s; want 200", n)
		}
		change(0)
		wait(2 * time.Second)
		want(t, "deliveries without a limit any more", len(w.net.to(ep.URL)), 400)
	})
}

// TestManyLimitsCostFewCalls counts what 200 limited endpoints cost the store.
func TestManyLimitsCostFewCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &countingStore{Store: memstore.New()}
		w := newWorld(t, st, dispatcher.Config{})
		var eps []webhook.Endpoint
		for i := range 200 {
			eps = append(eps, w.create(webhook.Endpoint{
				Tenant: "acme", URL: fmt.Sprintf("https://e%d.example/", i), EventTypes: []string{fmt.Sprintf("e%d.*", i)},
				RateLimit: webhook.RateLimit{PerSecond: 1000},
			}, after(2*time.Millisecond, 200)))
		}
		defer w.run()()
		const seconds, rate = 5, 4000
		for n := range seconds * rate / 20 { // 20 at once, 200 times a second
			for i := range 20 {
				go func() {
					if _, err := w.Publish(context.WithoutCancel(t.Context()), event(fmt.Sprintf("e%d.b", (n*20+i)%200), n)); err != nil {
						t.Error(err)
					}
				}()
			}
			wait(5 * time.Millisecond)
		}
		wait(time.Second)
		delivered := 0
		for _, ep := range eps {
			delivered += len(w.net.to(ep.URL))
		}
		want(t, "delivered", delivered, seconds*rate)
		if n := st.reserves.Load(); n > 60*seconds {
			t.Errorf("%d calls of ReserveRates in %d s; want at most 60 a second for 200 endpoints at 20/s each", n, seconds)
		}
	})
}

// countingStore counts reservations.
type countingStore struct {
	store.Store
	reserves atomic.Int64
}

func (s *countingStore) ReserveRates(ctx context.Context, now time.Time, reqs []store.RateRequest) ([]store.RateGrant, error) {
	s.reserves.Add(1)
	return s.Store.ReserveRates(ctx, now, reqs)
}

// TestIdleLimitsAskForNothing shows that endpoints with a limit and no work cost
// nothing.
func TestIdleLimitsAskForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &countingStore{Store: memstore.New()}
		w := newWorld(t, st, dispatcher.Config{})
		ep := w.limitedEndpoint("limited", webhook.RateLimit{PerSecond: 10}, time.Millisecond)
		defer w.run()()
		w.publish(5, "a.b")
		wait(5 * time.Second)
		want(t, "delivered", w.deliveries(ep.ID)[webhook.DeliveryDelivered], 5)
		before := st.reserves.Load()
		wait(time.Hour)
		want(t, "calls of ReserveRates in an idle hour", st.reserves.Load()-before, 0)
	})
}

// TestLimitOutlivesItsProcess kills one of two processes while it sends: what it had
// reserved is lost, and nothing comes on top.
func TestLimitOutlivesItsProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := memstore.New()
		dying := &faultyStore{Store: memory}
		first := newWorld(t, dying, dispatcher.Config{Lease: 6 * time.Second})
		ep := first.limitedEndpoint("limited", webhook.RateLimit{PerSecond: 20}, time.Millisecond)
		second := newWorld(t, memory, dispatcher.Config{Lease: 6 * time.Second, Transport: first.net})
		ctx, kill := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- first.Run(ctx) }()
		synctest.Wait()
		first.publish(400, "a.b")
		wait(5 * time.Second)
		dying.down.Store(true)
		kill()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		defer second.run()()
		wait(time.Minute)
		got := first.net.to(ep.URL)
		if most := inAnySecond(got); most > 21 {
			t.Errorf("%d deliveries in a second; want 20, or 21 at its edges: %v", most, slices.Max(perSecond(got, got[0].at)))
		}
		want(t, "delivered", second.deliveries(ep.ID)[webhook.DeliveryDelivered], 400)
	})
}

// TestLapsedSlotsAreAskedForAgain keeps all workers busy while a lane's slots lapse.
func TestLapsedSlotsAreAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{Slots: 4})
		limited := w.limitedEndpoint("limited", webhook.RateLimit{PerSecond: 100}, time.Millisecond)
		w.publish(1, "a.b") // known to answer
		for i := range 4 {
			w.endpoint(fmt.Sprint("slow", i), after(time.Second, 200), "slow")
		}
		defer w.run()()
		wait(time.Second)
		w.publish(40, "slow")
		w.publish(100, "a.b")
		wait(2 * time.Minute)
		want(t, "delivered", w.deliveries(limited.ID)[webhook.DeliveryDelivered], 141)
	})
}
