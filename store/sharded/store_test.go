package sharded_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/store/sharded"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/store/storetest"
)

// TestContract spreads the tenants of the suite in two ways: acme and globex are
// apart over the first pair, and all of them together over the second.
func TestContract(t *testing.T) {
	for _, names := range [][]string{{"eu-1", "eu-2"}, {"a", "b"}} {
		t.Run(strings.Join(names, " and "), func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) storetest.Harness {
				shards := make(map[string]store.Store)
				for _, name := range names {
					shards[name] = memstore.New()
				}
				st := open(t, shards)
				return storetest.Harness{
					Store:  st,
					Second: func(t *testing.T) store.Store { return open(t, shards) },
					Reopen: func(t *testing.T) store.Store { st = open(t, shards); return st },
					Begin: func(t *testing.T) storetest.HostTx {
						name := shardOf(t, st, "acme")
						tx := shards[name].(*memstore.Store).Begin()
						return storetest.HostTx{Tx: st.Tx(name, tx), Commit: tx.Commit, Rollback: tx.Rollback}
					},
				}
			})
		})
	}
}

// TestContractOverFiles has shards that really close, and allow one delivering
// process each.
func TestContractOverFiles(t *testing.T) {
	names := []string{"eu-1", "eu-2"}
	empty := emptyFile(t)
	storetest.Run(t, func(t *testing.T) storetest.Harness {
		dir := t.TempDir()
		for _, name := range names {
			if err := os.WriteFile(filepath.Join(dir, name), empty, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		openAll := func(t *testing.T) (*sharded.Store, map[string]*sqlite.Store) {
			files, shards := make(map[string]*sqlite.Store), make(map[string]store.Store)
			for _, name := range names {
				files[name] = openFile(t, filepath.Join(dir, name))
				shards[name] = files[name]
			}
			return open(t, shards), files
		}
		st, files := openAll(t)
		return storetest.Harness{
			Store:     st,
			Second:    func(t *testing.T) store.Store { other, _ := openAll(t); return other },
			Exclusive: true,
			Reopen: func(t *testing.T) store.Store {
				for _, f := range files {
					if err := f.Close(); err != nil {
						t.Fatalf("Close = %v; want nil", err)
					}
				}
				st, files = openAll(t)
				return st
			},
			Begin: func(t *testing.T) storetest.HostTx {
				name := shardOf(t, st, "acme")
				tx, err := files[name].DB().BeginTx(t.Context(), nil)
				if err != nil {
					t.Fatalf("BeginTx = %v; want nil", err)
				}
				t.Cleanup(func() { _ = tx.Rollback() }) // it may have ended
				return storetest.HostTx{Tx: st.Tx(name, files[name].Tx(tx)), Commit: tx.Commit, Rollback: tx.Rollback}
			},
		}
	})
}

// emptyFile returns a database that is migrated, so that not every case has to.
func emptyFile(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "empty")
	if err := openFile(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	empty, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return empty
}

func openFile(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	st, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatalf("Open = %v; want nil", err)
	}
	t.Cleanup(func() { _ = st.Close() }) // it may be closed
	return st
}

// open returns a Store as a process of its own would have it.
func open(t testing.TB, shards map[string]store.Store) *sharded.Store {
	t.Helper()
	st, err := sharded.New(t.Context(), shards)
	if err != nil {
		t.Fatalf("New = error %v; want none", err)
	}
	return st
}

func shardOf(t testing.TB, st *sharded.Store, tenant string) string {
	t.Helper()
	name, err := st.Shard(t.Context(), tenant)
	if err != nil {
		t.Fatalf("Shard(%q) = error %v; want none", tenant, err)
	}
	return name
}

func TestNewRefuses(t *testing.T) {
	a, b := memstore.New(), memstore.New()
	open(t, map[string]store.Store{"a": a, "b": b})
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, tc := range map[string]struct {
		ctx    context.Context
		shards map[string]store.Store
		want   string
	}{
		"no shards":                        {t.Context(), nil, "no shards"},
		"a shard without a name":           {t.Context(), map[string]store.Store{"": a}, "needs a name"},
		"a shard without a store":          {t.Context(), map[string]store.Store{"a": nil}, "needs a name and a store"},
		"databases that changed names":     {t.Context(), map[string]store.Store{"a": b, "b": a}, `that of shard "b"`},
		"one database under two names":     {t.Context(), map[string]store.Store{"a": a, "c": a}, `that of shard "a"`},
		"a context that has ended already": {canceled, map[string]store.Store{"a": a, "b": b}, "canceled"},
	} {
		if _, err := sharded.New(tc.ctx, tc.shards); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("New with %s = error %v; want one about %q", name, err, tc.want)
		}
	}
}

// A transaction is of one shard: what it says of another one's tenants would be
// written where nobody looks for it.
func TestTxRefusesOtherShards(t *testing.T) {
	shards := map[string]store.Store{"eu-1": memstore.New(), "eu-2": memstore.New()}
	st := open(t, shards)
	here, there := shardOf(t, st, "acme"), shardOf(t, st, "globex")
	if here == there {
		t.Fatalf("acme and globex are both on %s; the test needs them apart", here)
	}
	tx := shards[here].(*memstore.Store).Begin()
	own := st.Tx(here, tx)
	if own.Shard() != here {
		t.Errorf("Tx.Shard = %q; want %q", own.Shard(), here)
	}
	for tenant, want := range map[string]error{"acme": nil, "globex": sharded.ErrWrongShard, "never seen": sharded.ErrWrongShard} {
		if _, err := own.Publish(t.Context(), now, []store.Publication{publication(tenant)}); !errors.Is(err, want) {
			t.Errorf("Tx.Publish for %s in a transaction of %s = error %v; want %v", tenant, here, err, want)
		}
		if _, _, err := own.TenantEndpoints(t.Context(), tenant, 0); !errors.Is(err, want) {
			t.Errorf("Tx.TenantEndpoints of %s in a transaction of %s = error %v; want %v", tenant, here, err, want)
		}
	}
	if _, err := own.Publish(t.Context(), now, []store.Publication{publication("acme"), publication("globex")}); !errors.Is(err, sharded.ErrWrongShard) {
		t.Errorf("Tx.Publish for tenants of two shards = error %v; want ErrWrongShard", err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	for tenant, want := range map[string]int{"acme": 1, "globex": 0, "never seen": 0} {
		if got, err := st.ListEvents(t.Context(), tenant, store.Page{}); err != nil || len(got) != want {
			t.Errorf("ListEvents of %s after the commit = %d events, error %v; want %d", tenant, len(got), err, want)
		}
	}
}
