package dispatcher_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
)

// askedStore counts questions about the lag, and answers as it is told.
type askedStore struct {
	store.Store
	asked atomic.Int64
	fails atomic.Bool
	hangs atomic.Bool
}

func (s *askedStore) Lag(ctx context.Context, now time.Time) (time.Duration, error) {
	s.asked.Add(1)
	switch {
	case s.hangs.Load():
		<-ctx.Done()
		return 0, ctx.Err()
	case s.fails.Load():
		return 0, store.ErrUnavailable
	}
	return s.Store.Lag(ctx, now)
}

func TestHealthTellsTheLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, dispatcher.Config{})
		w.endpoint("a", status(200))
		h := w.Health(t.Context())
		if h.Store != nil || h.Lag != 0 || h.Running || h.Leased || h.Skew != 0 || !h.At.Equal(time.Now()) {
			t.Errorf("Health before anything = %+v; want a store that answers, and nothing else", h)
		}
		w.publish(1, "a")
		wait(time.Minute)
		if h := w.Health(t.Context()); h.Lag != time.Minute {
			t.Errorf("Health while nobody delivers = %+v; want a minute of lag", h)
		}
		stop := w.run()
		wait(5 * time.Second)
		if h := w.Health(t.Context()); h.Lag != 0 || !h.Running || !h.Leased {
			t.Errorf("Health while it delivers = %+v; want no lag, and a lease", h)
		}
		stop()
		wait(2 * time.Second)
		if h := w.Health(t.Context()); h.Running || h.Leased {
			t.Errorf("Health after Run = %+v; want neither running nor leased", h)
		}
	})
}

func TestHealthTellsOfTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &askedStore{Store: memstore.New()}
		w := newWorld(t, st, dispatcher.Config{})
		st.fails.Store(true)
		if h := w.Health(t.Context()); !errors.Is(h.Store, store.ErrUnavailable) {
			t.Errorf("Health while the store is down = %+v; want ErrUnavailable", h)
		}
		st.fails.Store(false)
		if h := w.Health(t.Context()); h.Store == nil {
			t.Error("Health asked again within a second")
		}
		wait(time.Second)
		if h := w.Health(t.Context()); h.Store != nil {
			t.Errorf("Health a second after = %+v; want a store that answers", h)
		}
		wait(time.Second)
		st.hangs.Store(true)
		began := time.Now()
		if h := w.Health(t.Context()); h.Store == nil || time.Since(began) != time.Second {
			t.Errorf("Health of a store that hangs = %+v after %v; want an error after a second", h, time.Since(began))
		}
	})
}

// TestHealthIsAskedOnce has many probes at once, of which one has no patience.
func TestHealthIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &askedStore{Store: memstore.New()}
		w := newWorld(t, st, dispatcher.Config{})
		st.hangs.Store(true)
		var probes sync.WaitGroup
		for i := range 100 {
			probes.Go(func() {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if i == 50 {
					cancel()
				}
				if h := w.Health(ctx); h.Store == nil {
					t.Error("Health of a store that hangs has no error")
				}
			})
		}
		probes.Wait()
		st.hangs.Store(false)
		for range 1000 {
			w.Health(t.Context())
		}
		if n := st.asked.Load(); n != 1 {
			t.Errorf("1100 probes within a second asked the store %d times; want once", n)
		}
	})
}

func TestHealthTellsTheSkew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, newClocked(-time.Minute), dispatcher.Config{})
		if h := w.Health(t.Context()); h.Skew != time.Minute {
			t.Errorf("Health a minute ahead of the database = %+v; want a minute of skew", h)
		}
	})
}

// One shard that is down is named, and what the others say of lag and leases counts.
func TestHealthOfShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		w := newWorld(t, c.open(), dispatcher.Config{})
		for shard := range 2 {
			c.endpoint(w, shard, "e", nil, "a.b")
			if _, err := w.Publish(t.Context(), c.event(shard, "a.b")); err != nil {
				t.Fatal(err)
			}
		}
		wait(time.Minute)
		c.dbs[0].setFault(func(string, bool) error { return store.ErrUnavailable })
		h := w.Health(t.Context())
		if !errors.Is(h.Store, store.ErrUnavailable) || strings.Count(h.Store.Error(), "shard") != 1 || h.Lag != time.Minute || h.Leased {
			t.Errorf("Health with one shard of two down = %+v; want it named, and the minute of lag that the other has", h)
		}
		c.dbs[0].setFault(nil)
		wait(2 * time.Second)
		if h := w.Health(t.Context()); h.Store != nil {
			t.Errorf("Health when it is back = %+v; want a store that answers", h)
		}
	})
}
