package sharded_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// A batch of which one shard has committed its part is not one of which nothing
// was written.
func TestHalfPublishedIsUnknown(t *testing.T) {
	dbs := databases("a", "b")
	st := open(t, some(dbs, "a", "b"))
	first, second := publication(tenantOn(t, "a", "a", "b")), publication(tenantOn(t, "b", "a", "b"))
	publish(t, st, first.Event.Tenant)
	publish(t, st, second.Event.Tenant)

	dbs["b"].setFault(dead)
	if _, err := st.Publish(t.Context(), now, []store.Publication{second}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Publish to a dead shard = error %v; want ErrUnavailable", err)
	}
	_, err := st.Publish(t.Context(), now, []store.Publication{first, second})
	if !errors.Is(err, store.ErrUnknown) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Publish to a living and a dead shard = error %v; want ErrUnknown alone: half of it is stored", err)
	}
	dbs["b"].setFault(nil)
	keys := []store.EventKey{{Tenant: second.Event.Tenant, ID: second.Event.ID}, {Tenant: first.Event.Tenant, ID: first.Event.ID}}
	if got, err := st.Published(t.Context(), keys); err != nil || len(got) != 1 || got[0] != keys[1] {
		t.Errorf("Published after that = %v, error %v; want the event on the living shard", got, err)
	}
}

// Two processes never get the same epoch, though each epoch is one that some
// shard gave to one of them and another shard may give to the other.
func TestEpochsAreNeverShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		databases := map[string]store.Store{"a": memstore.New(), "b": memstore.New()}
		var mu sync.Mutex
		random := rand.New(rand.NewPCG(1, 2))
		given := make(map[int64]bool)
		var processes sync.WaitGroup
		for range 4 {
			shards := make(map[string]store.Store)
			for name, db := range databases {
				sh := &shard{Store: db}
				sh.setFault(func(context.Context, string, bool) error {
					mu.Lock()
					wait := time.Duration(random.IntN(1000)) * time.Microsecond
					mu.Unlock()
					time.Sleep(wait)
					return nil
				})
				shards[name] = sh
			}
			st := open(t, shards)
			processes.Go(func() {
				last := int64(0)
				for range 50 {
					epoch, err := st.Acquire(t.Context(), time.Now(), store.Process{}, time.Minute)
					if err != nil || epoch <= last {
						t.Errorf("Acquire = epoch %d, error %v; want more than %d", epoch, err, last)
					}
					last = epoch
					mu.Lock()
					if given[epoch] {
						t.Errorf("Acquire = epoch %d for the second time: two processes would have one fence", epoch)
					}
					given[epoch] = true
					mu.Unlock()
				}
			})
		}
		processes.Wait()
	})
}

// A cursor that a process does not know is the beginning: it may be another
// process's, or older than what is remembered.
func TestUnknownCursorMissesNothing(t *testing.T) {
	dbs := databases("a", "b")
	here, there := open(t, some(dbs, "a", "b")), open(t, some(dbs, "a", "b"))
	create := func(id string) {
		t.Helper()
		ep := store.EndpointRecord{}
		ep.ID, ep.Tenant = id, "acme"
		if _, err := here.CreateEndpoint(t.Context(), now, ep, store.SecretRecord{}, store.Creation{}); err != nil {
			t.Fatal(err)
		}
	}
	latest := func(st store.Store) int64 {
		t.Helper()
		cursor, err := st.LatestChange(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return cursor
	}
	create("ep_1")
	cursor := latest(here)
	create("ep_2")
	latest(there) // its first, as the other is here
	for process, tc := range map[string]struct {
		st   store.Store
		want int
	}{
		"in its own process": {here, 1},
		"in another process": {there, 2},
	} {
		if got, _, err := tc.st.ChangedEndpoints(t.Context(), cursor, 10); err != nil || len(got) != tc.want {
			t.Errorf("ChangedEndpoints after a cursor, %s = %d endpoints, error %v; want %d", process, len(got), err, tc.want)
		}
	}
}

// A limit is for the lanes that are due, on all shards together; those that ask
// come on top.
func TestTakeLimitsWhatIsDue(t *testing.T) {
	dbs := databases("a", "b")
	st := open(t, some(dbs, "a", "b"))
	epoch, err := st.Acquire(t.Context(), now, store.Process{}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	asks := store.Lane{Tenant: tenantOn(t, "a", "a", "b"), Endpoint: "ep_asks"}
	gates := map[store.Lane]time.Time{
		asks:                                    now.Add(time.Hour),
		{Tenant: asks.Tenant, Endpoint: "ep_1"}: now,
		{Tenant: tenantOn(t, "b", "a", "b"), Endpoint: "ep_1"}: now,
	}
	for l := range gates {
		p := publication(l.Tenant)
		p.Deliveries = []store.NewDelivery{{ID: webhook.NewID(webhook.PrefixDelivery), Endpoint: l.Endpoint}}
		if _, err := st.Publish(t.Context(), now, []store.Publication{p}); err != nil {
			t.Fatal(err)
		}
	}
	gate := func(l store.Lane) store.Gate {
		return store.Gate{Tenant: l.Tenant, Endpoint: l.Endpoint, Next: gates[l]}
	}
	if _, _, err := st.Poll(t.Context(), now, epoch, 10, func(w store.Waiting) store.Admission {
		return store.Admission{Gate: gate(store.Lane{Tenant: w.Tenant, Endpoint: w.Endpoint})}
	}); err != nil {
		t.Fatal(err)
	}
	for limit, want := range map[int]int{0: 1, 1: 2, 2: 3} {
		for range 2 { // each call begins with another shard
			asked := 0
			if _, err := st.Take(t.Context(), now, epoch, limit, []store.Lane{asks}, func(l store.Lane) store.Turn {
				asked++
				return store.Turn{Gate: gate(l)}
			}); err != nil || asked != want {
				t.Errorf("Take of at most %d lanes, and one that asks = %d turns, error %v; want %d", limit, asked, err, want)
			}
		}
	}
}
