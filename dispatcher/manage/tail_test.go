package manage_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// follow opens a tail that the test closes at its end.
func (w *world) follow(tenant string, q manage.TailQuery) *manage.Tail {
	w.t.Helper()
	tail, err := w.Tail(w.t.Context(), tenant, q)
	w.must(err, "Tail")
	return tail
}

// shown returns what a tail shows within a while, as "status attempts" of each delivery,
// and its last position.
func (w *world) shown(tail *manage.Tail, within time.Duration) (shown []string, position string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), within)
	defer cancel()
	for {
		b, err := tail.Next(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			return shown, position
		}
		w.must(err, "Next")
		for _, d := range b.Deliveries {
			shown = append(shown, d.ID+" "+string(d.Status))
		}
		position = b.Position
	}
}

func (w *world) wantShown(tail *manage.Tail, within time.Duration, why string, want ...string) {
	w.t.Helper()
	if got, _ := w.shown(tail, within); !slices.Equal(got, want) {
		w.t.Errorf("%s: the tail shows %v; want %v", why, got, want)
	}
}

func TestTailShowsEveryChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.endpoint()
		w.answers(status(500))
		defer w.run()()
		tail := w.follow(acme, manage.TailQuery{})
		defer tail.Close()
		failed := w.follow(acme, manage.TailQuery{DeliveryQuery: manage.DeliveryQuery{DeliveryFilter: store.DeliveryFilter{Status: webhook.DeliveryFailed}}})
		defer failed.Close()
		synctest.Wait() // it looks for the first time at once, and then after the first attempt
		d := w.publish()
		// The attempts are at once, after 5 s and after 5 min.
		w.wantShown(tail, 2*time.Second, "after the first attempt", d.ID+" pending")
		w.wantShown(tail, 10*time.Second, "after the second attempt", d.ID+" pending")
		w.wantShown(tail, 3*time.Minute, "while nothing happens")
		w.answers(status(200))
		w.wantShown(tail, 5*time.Minute, "after the third attempt", d.ID+" delivered")
		w.must(w.Redeliver(t.Context(), acme, d.ID), "Redeliver")
		got, _ := w.shown(tail, 2*time.Second)
		if len(got) == 0 || got[len(got)-1] != d.ID+" delivered" {
			t.Errorf("after a redelivery the tail shows %v; want it delivered again", got)
		}
		w.wantShown(failed, time.Second, "of what has failed")
	})
}

// TestTailOfAnotherProcess follows what another process publishes and delivers.
func TestTailOfAnotherProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ep := w.endpoint()
		w.answers(status(500))
		stop := w.run()
		old := w.publish()
		time.Sleep(time.Minute) // virtual: the second attempt was made
		d, err := dispatcher.New(w.store, dispatcher.Config{AllowPlaintextSecrets: true})
		w.must(err, "New")
		other := &world{t: t, store: w.store, d: d, Manager: manage.New(d)}
		tail := other.follow(acme, manage.TailQuery{DeliveryQuery: manage.DeliveryQuery{DeliveryFilter: store.DeliveryFilter{Endpoint: ep.ID}}})
		defer tail.Close()
		other.wantShown(tail, time.Second, "of the last five seconds")
		w.answers(status(200))
		other.wantShown(tail, 10*time.Minute, "of a retry that was pending before", old.ID+" delivered")
		w.must(w.Redeliver(t.Context(), acme, old.ID), "Redeliver")
		stop()
		w.answers(status(500))
		w.must(w.Redeliver(t.Context(), acme, old.ID), "Redeliver")
		got, _ := other.shown(tail, 30*time.Second)
		if len(got) == 0 || !strings.HasPrefix(got[0], old.ID) {
			t.Errorf("after another process redelivered it the tail shows %v; want the delivery", got)
		}
	})
}

func TestTailGoesOnFromAPosition(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.endpoint()
		defer w.run()()
		tail := w.follow(acme, manage.TailQuery{})
		first := w.publish()
		shown, last := w.shown(tail, time.Minute)
		if !slices.Contains(shown, first.ID+" delivered") {
			t.Fatalf("the tail shows %v; want the delivery", shown)
		}
		position := tail.Position()
		tail.Close()
		if tail.Position() != last || position <= last {
			t.Errorf("Position = %s after a minute without news, %s of the last batch, %s after Close; want a later one before", position, last, tail.Position())
		}
		time.Sleep(time.Minute)
		second := w.publish()
		time.Sleep(time.Minute)
		w.wantShown(w.once(manage.TailQuery{}), time.Second, "of a tail that begins anew")
		w.wantShown(w.once(manage.TailQuery{Position: position}), time.Second, "of a tail that goes on", second.ID+" delivered")
		// What was shown within the last five seconds may come again.
		w.wantShown(w.once(manage.TailQuery{Position: last}), time.Second, "of a tail that goes on", first.ID+" delivered", second.ID+" delivered")
		for _, none := range []string{"x", "-1", "0", "99999999999999999999", "9999999999999999"} {
			w.wantShown(w.once(manage.TailQuery{Position: none}), time.Second, "from no position")
		}
	})
}

// once opens a tail that ends with the test.
func (w *world) once(q manage.TailQuery) *manage.Tail {
	tail := w.follow(acme, q)
	w.t.Cleanup(tail.Close)
	return tail
}

func TestTailsOfTenantsAreSeparate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ep := w.endpoint()
		defer w.run()()
		theirs := w.follow(globex, manage.TailQuery{})
		defer theirs.Close()
		ofForeign := w.follow(globex, manage.TailQuery{DeliveryQuery: manage.DeliveryQuery{DeliveryFilter: store.DeliveryFilter{Endpoint: ep.ID}}})
		defer ofForeign.Close()
		for _, none := range []store.DeliveryFilter{{Endpoint: "nonsense"}, {Event: "\x00"}} {
			tail := w.follow(acme, manage.TailQuery{DeliveryQuery: manage.DeliveryQuery{DeliveryFilter: none}})
			w.wantShown(tail, time.Second, "of what can be nobody's")
			tail.Close()
		}
		w.publish()
		w.wantShown(theirs, 5*time.Second, "of another tenant")
		w.wantShown(ofForeign, 5*time.Second, "of another tenant's endpoint")
	})
}

// countingStore counts questions of tails.
type countingStore struct {
	store.Store
	calls, asks, known atomic.Int64
}

func (s *countingStore) TailDeliveries(ctx context.Context, now, since time.Time, asks []store.TailAsk) (store.Tailed, error) {
	s.calls.Add(1)
	s.asks.Add(int64(len(asks)))
	for _, ask := range asks {
		s.known.Add(int64(len(ask.Known)))
	}
	return s.Store.TailDeliveries(ctx, now, since, asks)
}

func TestTailsShareOneQuestion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := &countingStore{Store: memstore.New()}
		d, err := dispatcher.New(st, dispatcher.Config{AllowPlaintextSecrets: true})
		if err != nil {
			t.Fatal(err)
		}
		w := &world{t: t, d: d, Manager: manage.New(d)}
		var open []*manage.Tail
		for i := range 90 {
			q := manage.TailQuery{}
			if i%3 == 1 {
				q.Status = webhook.DeliveryFailed
			}
			open = append(open, w.follow([]string{acme, globex}[i%2], q))
		}
		ev, err := webhook.NewEvent(acme, "a.b", 1)
		w.must(err, "NewEvent")
		_, err = w.d.Publish(t.Context(), ev)
		w.must(err, "Publish")
		time.Sleep(10*time.Second + 10*time.Millisecond)
		synctest.Wait()
		if calls, asks := st.calls.Load(), st.asks.Load(); calls != 41 || asks != 2*calls {
			t.Errorf("10 s of 90 tails of two tenants were %d calls with %d asks; want 41 with two each", calls, asks)
		}
		for _, tail := range open {
			tail.Close()
			tail.Close() // does nothing
		}
		before := st.calls.Load()
		time.Sleep(10 * time.Second)
		if n := st.calls.Load() - before; n != 0 {
			t.Errorf("%d calls were made while nobody follows anything; want none", n)
		}
	})
}

func TestTailsShareFrames(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.endpoint()
		made := 0
		encode := func(b *manage.TailBatch) []byte {
			made++
			return []byte(b.Position)
		}
		var open []*manage.Tail
		for range 5 {
			open = append(open, w.follow(acme, manage.TailQuery{}))
		}
		w.publish()
		for _, tail := range open {
			b, err := tail.Next(t.Context())
			w.must(err, "Next")
			if got := b.Frame("x", encode); string(got) != b.Position {
				t.Errorf("Frame = %q; want %q", got, b.Position)
			}
			tail.Close()
		}
		if made != 1 {
			t.Errorf("a batch for five was encoded %d times; want once", made)
		}
	})
}

func TestSlowTailIsDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.endpoint()
		slow, quick := w.follow(acme, manage.TailQuery{}), w.follow(acme, manage.TailQuery{})
		defer slow.Close()
		defer quick.Close()
		for range 20 {
			w.publish()
			time.Sleep(time.Second)
			if got, _ := w.shown(quick, time.Second); len(got) != 1 {
				t.Fatalf("who reads is shown %v beside who does not; want each delivery", got)
			}
		}
		var last string
		for {
			b, err := slow.Next(t.Context())
			if err != nil {
				if !errors.Is(err, manage.ErrTailSlow) {
					t.Errorf("Next of a tail that was not read = %v; want ErrTailSlow", err)
				}
				break
			}
			last = b.Position
		}
		again := w.follow(acme, manage.TailQuery{Position: last})
		defer again.Close()
		if got, _ := w.shown(again, time.Second); len(got) < 12 {
			t.Errorf("who goes on from the last position gets %d deliveries; want the 12 that it has missed", len(got))
		}
	})
}
