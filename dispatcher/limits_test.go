package dispatcher_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/quota"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// limited returns a configuration in which every tenant has the same limits.
func limited(l webhook.Limits) dispatcher.Config {
	return dispatcher.Config{Limits: func(context.Context, string) (webhook.Limits, error) { return l, nil }}
}

// tryPublish reports whether an event was published; if not, it must be for a limit.
func (w *world) tryPublish(limit string) (webhook.QuotaError, bool) {
	w.t.Helper()
	_, err := w.Publish(w.t.Context(), event("a.b", 1))
	if err == nil {
		return webhook.QuotaError{}, true
	}
	over, ok := errors.AsType[*webhook.QuotaError](err)
	if !ok || over.Limit != limit || !errors.Is(err, webhook.ErrQuota) ||
		err.Error() != "Too many webhook deliveries. Upgrade plan for higher limits." {
		w.t.Fatalf("Publish = %#v; want a *webhook.QuotaError of %s", err, limit)
	}
	return *over, false
}

func (w *world) wantUsed(want int64) {
	w.t.Helper()
	got, err := w.store.QuotaUsed(w.t.Context(), "acme", webhook.LimitEventsPerMonth, quota.Month(time.Now()))
	if err != nil || got != want {
		w.t.Errorf("used of the month = %d, %v; want %d", got, err, want)
	}
}

// Three processes share a month's events: never over, and when the first is
// refused, at most three blocks are left, which the others may still use.
func TestMonthlyQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit, block = 1000, 10
		processes := siblings(t, 3, limited(webhook.Limits{EventsPerMonth: limit}))
		published, refused := 0, false
		for i := 0; !refused; i++ {
			over, ok := processes[i%3].tryPublish(webhook.LimitEventsPerMonth)
			if ok {
				published++
				continue
			}
			refused = true
			if next := time.Date(2000, 2, 1, 0, 0, 0, 0, time.UTC); !over.RetryAt.Equal(next) {
				t.Errorf("RetryAt = %v; want the next month, %v", over.RetryAt, next)
			}
		}
		if published > limit || published < limit-3*block {
			t.Errorf("published when the first is refused = %d; want %d to %d", published, limit-3*block, limit)
		}
		for _, w := range processes {
			for ok := true; ok; {
				if _, ok = w.tryPublish(webhook.LimitEventsPerMonth); ok {
					published++
				}
			}
		}
		want(t, "published when all are refused", published, limit)
		processes[0].wantUsed(limit)

		other := event("a.b", 1)
		other.Tenant = "globex"
		if _, err := processes[0].Publish(t.Context(), other); err != nil {
			t.Errorf("Publish of another tenant = %v; want nil", err)
		}
		time.Sleep(time.Until(time.Date(2000, 2, 1, 0, 0, 0, 0, time.UTC)))
		if _, ok := processes[0].tryPublish(webhook.LimitEventsPerMonth); !ok {
			t.Errorf("Publish in the next month is refused; want it allowed")
		}
	})
}

// What is not stored costs nothing, and what a process has not used is returned
// when it stops.
func TestQuotaIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &faultyStore{Store: memstore.New()}
		w := newWorld(t, st, limited(webhook.Limits{EventsPerMonth: 500}))
		w.endpoint("ok", status(200))
		stop := w.run()
		keyed := event("a.b", 1)
		keyed.IdempotencyKey = "k"
		for i := range 5 {
			if r, err := w.Publish(t.Context(), keyed); err != nil || r.Duplicate != (i > 0) {
				t.Errorf("Publish %d of a key = %+v, %v", i, r, err)
			}
		}
		for _, p := range w.PublishMany(t.Context(), []webhook.Event{keyed, event("a.b", 2), {Tenant: "acme"}}) {
			if p.Err != nil {
				if _, invalid := errors.AsType[*webhook.InvalidError](p.Err); !invalid {
					t.Error(p.Err)
				}
			}
		}
		st.setFault(func(call string, after bool) error {
			if call == "publish" && !after {
				return store.ErrUnavailable
			}
			return nil
		})
		if _, err := w.Publish(t.Context(), event("a.b", 3)); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Publish while the store is down = %v; want ErrUnavailable", err)
		}
		st.setFault(nil)
		w.wantUsed(5) // a block
		stop()
		w.wantUsed(2)
	})
}

// A host's transaction that rolls back may keep what it took; one that finds a
// duplicate gives it back.
func TestQuotaInTransactions(t *testing.T) {
	st := memstore.New()
	w := newWorld(t, st, limited(webhook.Limits{EventsPerMonth: 4}))
	for i, commit := range []bool{true, false, true} {
		tx := st.Begin()
		ev := event("a.b", 1)
		ev.IdempotencyKey = "k"
		if r, err := w.PublishTx(t.Context(), tx, ev); err != nil || r.Duplicate != (i > 0) {
			t.Errorf("PublishTx of a key = %+v, %v", r, err)
		}
		if _, err := w.PublishTx(t.Context(), tx, event("a.b", i)); err != nil {
			t.Errorf("PublishTx %d = %v; want nil", i, err)
		}
		if commit {
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_, err := w.PublishTx(t.Context(), st.Begin(), event("a.b", 1))
	if !errors.Is(err, webhook.ErrQuota) {
		t.Errorf("PublishTx when the month is used up = %v; want a *webhook.QuotaError", err)
	}
	w.wantUsed(4)
}

// Over a long time three processes together publish at the limited rate, of which a
// second's worth may come at once.
func TestEventsPerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate, seconds = 40, 30
		processes := siblings(t, 3, limited(webhook.Limits{EventsPerSecond: rate}))
		began := time.Now()
		var perSecond [seconds]int
		total := 0
		for i := 0; time.Since(began) < seconds*time.Second; i++ {
			over, ok := processes[i%3].tryPublish(webhook.LimitEventsPerSecond)
			if ok {
				perSecond[int(time.Since(began)/time.Second)]++
				total++
			} else if wait := time.Until(over.RetryAt); wait <= 0 || wait > time.Second {
				t.Fatalf("RetryAt is in %v; want it within the next second", wait)
			}
			time.Sleep(2 * time.Millisecond)
		}
		if most := rate * (seconds + 1); total > most || total < rate*seconds*95/100 {
			t.Errorf("published in %d s at a limit of %d a second = %d; want at most %d, and nearly so many", seconds, rate, total, most)
		}
		for i, n := range perSecond[1:] {
			if n > rate*11/10+3 {
				t.Errorf("published in second %d = %d; want about %d", i+1, n, rate)
			}
		}
	})
}

// A tenant that is refused costs the store little.
func TestRefusedCostsLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &faultyStore{Store: memstore.New()}
		var asked atomic.Int64
		st.setFault(func(call string, after bool) error {
			if !after && (call == "reserve quota" || call == "reserve rates") {
				asked.Add(1)
			}
			return nil
		})
		for _, l := range []webhook.Limits{{EventsPerMonth: 1}, {EventsPerSecond: 0.5}} {
			w := newWorld(t, st, limited(l))
			asked.Store(0)
			for range 10_000 {
				if _, err := w.Publish(t.Context(), event("a.b", 1)); err != nil && !errors.Is(err, webhook.ErrQuota) {
					t.Fatal(err)
				}
				time.Sleep(time.Millisecond)
			}
			if n := asked.Load(); n > 25 {
				t.Errorf("%+v: 10,000 events in 10 s asked the store %d times; want about one a second", l, n)
			}
		}
	})
}

// The host's function is not asked for each event, and its last answer holds while
// it fails.
func TestLimitsAreRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked, fails atomic.Int64
		w := newWorld(t, nil, dispatcher.Config{Limits: func(_ context.Context, tenant string) (webhook.Limits, error) {
			if asked.Add(1); fails.Load() > 0 {
				return webhook.Limits{}, errors.New("the plans are not to be had")
			}
			return webhook.Limits{EventsPerMonth: 3}, nil
		}})
		fails.Store(1)
		if _, err := w.Publish(t.Context(), event("a.b", 1)); err == nil || errors.Is(err, webhook.ErrQuota) {
			t.Errorf("Publish while the limits were never told = %v; want the function's error", err)
		}
		fails.Store(0)
		asked.Store(0)
		w.publish(2, "a.b")
		want(t, "calls of the function for two events", asked.Load(), 1)
		time.Sleep(11 * time.Second)
		fails.Store(1)
		w.publish(1, "a.b")
		want(t, "calls of the function 11 s later", asked.Load(), 2)
		if _, ok := w.tryPublish(webhook.LimitEventsPerMonth); ok {
			t.Errorf("Publish over the last limits that were told is allowed; want it refused")
		}
	})
}

func TestEndpointLimit(t *testing.T) {
	const most, callers = 5, 16
	w := newWorld(t, nil, limited(webhook.Limits{Endpoints: most, EventsPerMonth: 100}))
	var created, refused atomic.Int64
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			_, _, err := w.manage.CreateEndpoint(t.Context(), webhook.Endpoint{Tenant: "acme", URL: "https://a.example/"})
			over, ok := errors.AsType[*webhook.QuotaError](err)
			switch {
			case err == nil:
				created.Add(1)
			case ok && over.Limit == webhook.LimitEndpoints && over.RetryAt.IsZero():
				refused.Add(1)
			default:
				t.Errorf("CreateEndpoint = %v", err)
			}
		})
	}
	all.Wait()
	want(t, "endpoints created at once", created.Load(), most)
	want(t, "endpoints refused", refused.Load(), callers-most)
	w.publish(1, "a.b")
	l, err := w.manage.Limits(t.Context(), "acme")
	if err != nil || l.Endpoints != most || l.EndpointsUsed != most || l.EventsPerMonth != 100 || l.EventsUsed != 1 || l.Month.Day() != 1 {
		t.Errorf("Limits = %+v, %v; want 5 of 5 endpoints and 1 of 100 events of the month", l, err)
	}
}
