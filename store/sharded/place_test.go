package sharded_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/store/sharded"
)

// databases returns new shards, each seen by one process.
func databases(names ...string) map[string]*shard {
	dbs := make(map[string]*shard)
	for _, name := range names {
		dbs[name] = &shard{Store: memstore.New()}
	}
	return dbs
}

// some returns a map of shards with some of them.
func some(dbs map[string]*shard, names ...string) map[string]store.Store {
	shards := make(map[string]store.Store)
	for _, name := range names {
		shards[name] = dbs[name]
	}
	return shards
}

func publish(t *testing.T, st store.Store, tenant string) {
	t.Helper()
	if _, err := st.Publish(t.Context(), now, []store.Publication{publication(tenant)}); err != nil {
		t.Fatalf("Publish for %q = error %v; want none", tenant, err)
	}
}

// tenantOn returns a tenant that nobody has seen and that a Store over the shards
// places on name.
func tenantOn(t *testing.T, name string, names ...string) string {
	t.Helper()
	dbs := databases(names...)
	st := open(t, some(dbs, names...))
	for i := range 1000 {
		if tenant := fmt.Sprint("tenant ", i); shardOf(t, st, tenant) == name {
			return tenant
		}
	}
	t.Fatalf("none of 1,000 tenants is placed on %s", name)
	return ""
}

func TestTenantsAreSpread(t *testing.T) {
	names := []string{"a", "b", "c"}
	st := open(t, some(databases(names...), names...))
	got := make(map[string]int)
	for i := range 3000 {
		got[shardOf(t, st, fmt.Sprint("tenant ", i))]++
	}
	for _, name := range names {
		if got[name] < 900 || got[name] > 1100 {
			t.Errorf("of 3,000 tenants %d are on %s; want about 1,000", got[name], name)
		}
	}
}

// Where a tenant wants to go must not depend on the version of the library: two
// versions may run side by side.
func TestRankingNeverChanges(t *testing.T) {
	names := []string{"eu-1", "eu-2", "us-1", "us-2"}
	st := open(t, some(databases(names...), names...))
	for tenant, want := range map[string]string{
		"": "eu-2", "acme": "eu-1", "globex": "us-1", "initech": "eu-1", "umbrella": "eu-1", "Ümläut": "eu-2",
	} {
		if got := shardOf(t, st, tenant); got != want {
			t.Errorf("Shard(%q) = %s; want %s as ever", tenant, got, want)
		}
	}
}

// Nobody moves when a shard is added, whether a process knows them, finds their
// data, or has only what was written down about them; the new shard gets its part
// of those that come then.
func TestNewShardMovesNobody(t *testing.T) {
	dbs := databases("a", "b", "c", "d")
	old := open(t, some(dbs, "a", "b", "c"))
	was := make(map[string]string)
	for i := range 600 {
		tenant := fmt.Sprint("tenant ", i)
		was[tenant] = shardOf(t, old, tenant)
		if i%2 == 0 {
			publish(t, old, tenant)
		}
	}
	next := open(t, some(dbs, "a", "b", "c", "d"))
	for tenant, name := range was {
		for process, st := range map[string]*sharded.Store{"the old process": old, "a new process": next} {
			if got := shardOf(t, st, tenant); got != name {
				t.Fatalf("Shard(%q) in %s after a shard was added = %s; want %s as before: its rows would be lost", tenant, process, got, name)
			}
		}
	}
	fresh := 0
	for i := range 400 {
		if shardOf(t, next, fmt.Sprint("late ", i)) == "d" {
			fresh++
		}
	}
	if fresh < 60 || fresh > 140 {
		t.Errorf("of 400 tenants that came after the fourth shard %d are on it; want about 100", fresh)
	}
}

// Processes with different maps place the same tenants at the same moment, and
// lose requests and replies; whatever they are told, it is always the same.
func TestProcessesAgree(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			var mu sync.Mutex
			roll := func(n int) int {
				mu.Lock()
				defer mu.Unlock()
				return random.IntN(n)
			}
			databases := map[string]store.Store{"a": memstore.New(), "b": memstore.New(), "c": memstore.New(), "d": memstore.New()}
			placed := make(map[string]map[string]bool)
			var processes sync.WaitGroup
			for i, names := range [][]string{{"b", "c"}, {"a", "b", "c"}, {"a", "b", "c", "d"}, {"a", "b", "c", "d"}} {
				shards := make(map[string]store.Store)
				for _, name := range names {
					sh := &shard{Store: databases[name]}
					sh.setFault(func(_ context.Context, call string, after bool) error {
						time.Sleep(time.Duration(roll(1000)) * time.Microsecond)
						if call == "setting" && roll(100) < 10 {
							return fmt.Errorf("%s: %w", call, store.ErrUnavailable)
						}
						return nil
					})
					shards[name] = sh
				}
				st := open(t, shards)
				processes.Go(func() {
					for n := range 100 {
						tenant := fmt.Sprint("tenant ", (n+i)%20)
						name, err := st.Shard(t.Context(), tenant)
						if err != nil && !errors.Is(err, store.ErrUnavailable) {
							t.Errorf("seed %d: Shard = error %v; want none, or ErrUnavailable", seed, err)
						}
						if err != nil {
							continue
						}
						if roll(2) == 0 {
							_, _ = st.Publish(t.Context(), now, []store.Publication{publication(tenant)})
						}
						mu.Lock()
						if placed[tenant] == nil {
							placed[tenant] = make(map[string]bool)
						}
						placed[tenant][name] = true
						mu.Unlock()
					}
				})
			}
			processes.Wait()
			if len(placed) < 15 {
				t.Errorf("seed %d: %d of 20 tenants were placed; want nearly all, or the test proves nothing", seed, len(placed))
			}
			for tenant, names := range placed {
				if len(names) != 1 {
					t.Errorf("seed %d: %s was placed on %v; want one shard", seed, tenant, names)
				}
			}
		})
	}
}

func TestDeadShard(t *testing.T) {
	names := []string{"a", "b", "c"}
	for how, fault := range map[string]func(context.Context, string, bool) error{"refuses": dead, "hangs": hanging} {
		synctest.Test(t, func(t *testing.T) {
			dbs := databases(names...)
			known := open(t, some(dbs, names...))
			living, lost := tenantOn(t, "b", names...), tenantOn(t, "a", names...)
			publish(t, known, living)
			publish(t, known, lost)
			dbs["a"].setFault(fault)

			// Started now, and without anything in memory.
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			fresh, err := sharded.New(ctx, some(dbs, names...))
			if err != nil {
				t.Fatalf("New while a shard %s = error %v; want none: a process could not start", how, err)
			}
			for process, st := range map[string]*sharded.Store{"that knew it": known, "that starts": fresh} {
				start := time.Now()
				if name, err := st.Shard(ctx, living); err != nil || name != "b" {
					t.Errorf("Shard of a living shard's tenant in a process %s, while another %s = %q, error %v; want b", process, how, name, err)
				}
				if took := time.Since(start); took > time.Second {
					t.Errorf("Shard of a living shard's tenant took %v while another %s; want it at once", took, how)
				}
				publish(t, st, living)
			}
			if name, err := known.Shard(ctx, lost); err != nil || name != "a" {
				t.Errorf("Shard of the dead shard's tenant where it is known = %q, error %v; want a", name, err)
			}
			for _, tenant := range []string{lost, "new"} {
				short, cancel := context.WithTimeout(ctx, time.Second)
				defer cancel()
				if name, err := fresh.Shard(short, tenant); !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("Shard(%q) while a shard %s = %q, error %v; want ErrUnavailable: it may be on that shard", tenant, how, name, err)
				}
				if _, _, err := fresh.TenantEndpoints(short, tenant, 0); err == nil {
					t.Errorf("TenantEndpoints(%q) while a shard %s = no error; want one: it may be on that shard", tenant, how)
				}
			}
			dbs["a"].setFault(nil)
			if got := shardOf(t, fresh, lost); got != "a" {
				t.Errorf("Shard of its tenant after the shard came back = %s; want a", got)
			}
			shardOf(t, fresh, "new")
		})
	}
}

// A database that was swapped while it was down is found out before a tenant is
// placed on it.
func TestSwappedDatabaseIsFoundLate(t *testing.T) {
	dbs := databases("a", "b")
	open(t, some(dbs, "a", "b"))
	swapped := map[string]store.Store{"a": dbs["b"], "b": dbs["a"]}
	dbs["a"].setFault(dead)
	dbs["b"].setFault(dead)
	st := open(t, swapped)
	dbs["a"].setFault(nil)
	dbs["b"].setFault(nil)
	if name, err := st.Shard(t.Context(), "acme"); err == nil {
		t.Errorf("Shard over swapped databases = %s, no error; want one", name)
	}
}

// A database that has tenants keeps them when it becomes a shard.
func TestExistingTenantsStay(t *testing.T) {
	dbs := databases("a", "b")
	for i := range 50 {
		publish(t, dbs["a"], fmt.Sprint("tenant ", i))
	}
	for i := range 50 {
		ep := store.EndpointRecord{}
		ep.ID, ep.Tenant = "ep_1", fmt.Sprint("quiet ", i)
		if _, err := dbs["a"].CreateEndpoint(t.Context(), now, ep, store.SecretRecord{}, store.Creation{}); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			if err := dbs["a"].DeleteEndpoint(t.Context(), now, ep.Tenant, ep.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	st := open(t, some(dbs, "a", "b"))
	for i := range 50 {
		if got := shardOf(t, st, fmt.Sprint("quiet ", i)); got != "a" {
			t.Errorf("Shard of a tenant without events that a had before = %s; want a: its revision is there", got)
		}
		if got := shardOf(t, st, fmt.Sprint("tenant ", i)); got != "a" {
			t.Errorf("Shard of a tenant that a had before = %s; want a: its rows are there", got)
		}
	}
	publish(t, dbs["a"], "both")
	publish(t, dbs["b"], "both")
	if name, err := st.Shard(t.Context(), "both"); err == nil {
		t.Errorf("Shard of a tenant with rows on two shards = %s, no error; want one: half of them would be lost", name)
	}
}

// A tenant may be on a shard that an older process does not have yet.
func TestShardThatThisProcessDoesNotHave(t *testing.T) {
	dbs := databases("a", "b")
	tenant := tenantOn(t, "b", "a", "b")
	shardOf(t, open(t, some(dbs, "a", "b")), tenant)
	if name, err := open(t, some(dbs, "a")).Shard(t.Context(), tenant); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Shard of a tenant on a shard that is not in the map = %q, error %v; want ErrUnavailable", name, err)
	}
}

// Reading places nobody: whoever asks for tenants that do not exist writes
// nothing.
func TestReadingPlacesNobody(t *testing.T) {
	dbs := databases("a", "b")
	st := open(t, some(dbs, "a", "b"))
	for _, db := range dbs {
		db.setFault(func(_ context.Context, call string, _ bool) error {
			if call == "setting" {
				t.Errorf("reading of a tenant that does not exist wrote a setting")
			}
			return nil
		})
	}
	if eps, revision, err := st.TenantEndpoints(t.Context(), "nobody", 0); err != nil || len(eps) != 0 || revision != 0 {
		t.Errorf("TenantEndpoints of nobody = %v at %d, error %v; want none", eps, revision, err)
	}
	if _, err := st.Delivery(t.Context(), "nobody", "dlv_1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Delivery of nobody: error %v; want ErrNotFound", err)
	}
}
