package manage_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

func TestTailsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var open []*manage.Tail
		defer func() {
			for _, tail := range open {
				tail.Close()
			}
		}()
		fill := func(tenant string) error {
			for {
				tail, err := w.Tail(t.Context(), tenant, manage.TailQuery{})
				if err != nil {
					return err
				}
				open = append(open, tail)
			}
		}
		if err := fill(acme); !errors.Is(err, manage.ErrTooManyTails) || len(open) != 200 {
			t.Errorf("a tenant may have %d tails, then %v; want 200, then ErrTooManyTails", len(open), err)
		}
		none := manage.TailQuery{DeliveryQuery: manage.DeliveryQuery{DeliveryFilter: store.DeliveryFilter{Endpoint: "nonsense"}}}
		if _, err := w.Tail(t.Context(), acme, none); !errors.Is(err, manage.ErrTooManyTails) {
			t.Errorf("Tail of what nobody can have, beside 200 = %v; want ErrTooManyTails: it is a connection like any other", err)
		}
		for _, tenant := range []string{"b", "c", "d", "e"} {
			if err := fill(tenant); err == nil {
				t.Error("a tenant may have any number of tails")
			}
		}
		if err := fill("f"); !errors.Is(err, manage.ErrTailsBusy) || len(open) != 1000 {
			t.Errorf("a process may have %d tails, then %v; want 1000, then ErrTailsBusy", len(open), err)
		}
		open[0].Close()
		if tail, err := w.Tail(t.Context(), acme, manage.TailQuery{}); err != nil {
			t.Errorf("Tail after one was closed = %v; want its place", err)
		} else {
			tail.Close()
		}
	})
}

// TestTailSkipsWhatIsTooMuch publishes more at once than a tail shows.
func TestTailSkipsWhatIsTooMuch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.endpoint()
		tail := w.follow(acme, manage.TailQuery{})
		defer tail.Close()
		synctest.Wait() // it looks for the first time at once
		for range 1000 {
			ev, err := webhook.NewEvent(acme, "a.b", 1)
			w.must(err, "NewEvent")
			_, err = w.d.Publish(t.Context(), ev)
			w.must(err, "Publish")
		}
		b, err := tail.Next(t.Context())
		w.must(err, "Next")
		if len(b.Deliveries) != store.MaxTail || !b.Skipped {
			t.Errorf("of 1000 deliveries at once a batch has %d, skipped: %v; want %d, and that there were more", len(b.Deliveries), b.Skipped, store.MaxTail)
		}
	})
}

// TestTailForgetsWhatIsErased follows a delivery until it is no more: it is not asked for
// for ever.
func TestTailForgetsWhatIsErased(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		st := &countingStore{Store: w.store}
		d, err := dispatcher.New(st, dispatcher.Config{AllowPlaintextSecrets: true})
		w.must(err, "New")
		w.d, w.Manager = d, manage.New(d)
		w.endpoint()
		tail := w.follow(acme, manage.TailQuery{})
		defer tail.Close()
		ev, err := webhook.NewEvent(acme, "a", 1)
		w.must(err, "NewEvent")
		ev.Subject = "ada"
		_, err = w.d.Publish(t.Context(), ev)
		w.must(err, "Publish")
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if st.known.Load() == 0 {
			t.Fatal("a delivery that is pending is not looked at again: the test would see nothing")
		}
		_, err = w.store.EraseSubject(t.Context(), time.Now(), acme, "ada", 10)
		w.must(err, "EraseSubject")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		st.known.Store(0)
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := st.known.Load(); n != 0 {
			t.Errorf("a delivery that was erased is asked for %d times in a minute; want never", n)
		}
	})
}

// silentStore does not answer tails while it is down.
type silentStore struct {
	store.Store
	down atomic.Bool
}

func (s *silentStore) TailDeliveries(ctx context.Context, now, since time.Time, asks []store.TailAsk) (store.Tailed, error) {
	if s.down.Load() {
		return store.Tailed{}, store.ErrUnavailable
	}
	return s.Store.TailDeliveries(ctx, now, since, asks)
}

func TestTailOutlivesAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		st := &silentStore{Store: w.store}
		d, err := dispatcher.New(st, dispatcher.Config{AllowPlaintextSecrets: true})
		w.must(err, "New")
		w.d, w.Manager = d, manage.New(d)
		w.endpoint()
		tail := w.follow(acme, manage.TailQuery{})
		defer tail.Close()
		w.wantShown(tail, time.Second, "before anything happens")
		st.down.Store(true)
		published := w.publish()
		w.wantShown(tail, time.Minute, "while the store is down")
		st.down.Store(false)
		w.wantShown(tail, 15*time.Second, "of what was pending all the while", published.ID+" pending")
	})
}

// TestTailOfABusyTenantShowsEnds ends a delivery that is not among the newest any more, but
// of the last five seconds.
func TestTailOfABusyTenantShowsEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.endpoint()
		tail := w.follow(acme, manage.TailQuery{})
		defer tail.Close()
		first := w.publish()
		for range 15 { // 150 in 0.75 s, of which 100 are read together
			for range 10 {
				w.publish()
			}
			time.Sleep(50 * time.Millisecond)
		}
		if shown, _ := w.shown(tail, 600*time.Millisecond); len(shown) != 151 {
			t.Fatalf("the tail shows %d deliveries; want 151", len(shown))
		}
		_, err := w.Cancel(t.Context(), acme, first.ID)
		w.must(err, "Cancel")
		w.wantShown(tail, time.Second, "after the oldest has ended", first.ID+" canceled")
	})
}
