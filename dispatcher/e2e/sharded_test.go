package e2e_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sharded"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/webhook"
)

// shards is a host whose tenants are spread over files.
type shards struct {
	*host
	st    *sharded.Store
	files map[string]*sqlite.Store
}

func openShards(t *testing.T, dir string, names ...string) *shards {
	t.Helper()
	s := &shards{files: make(map[string]*sqlite.Store)}
	stores := make(map[string]store.Store)
	for _, name := range names {
		s.files[name] = openStore(t, filepath.Join(dir, name))
		stores[name] = s.files[name]
	}
	var err error
	if s.st, err = sharded.New(t.Context(), stores); err != nil {
		t.Fatalf("New = %v; want nil", err)
	}
	s.host = newHost(t, s.st, dispatcher.Config{})
	return s
}

func (s *shards) close() {
	s.t.Helper()
	for _, f := range s.files {
		if err := f.Close(); err != nil {
			s.t.Fatalf("Close = %v; want nil", err)
		}
	}
}

func (s *shards) shard(tenant string) string {
	s.t.Helper()
	name, err := s.st.Shard(s.t.Context(), tenant)
	if err != nil {
		s.t.Fatalf("Shard = %v; want nil", err)
	}
	return name
}

func eventOf(tenant string, data any) webhook.Event {
	ev := event("a", data)
	ev.Tenant = tenant
	return ev
}

// Tenants are spread over the files and stay where they are when a file is added;
// what one process left is delivered by the next; and a transaction of one file
// takes the events of its own tenants only.
func TestShardsInFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := openShards(t, dir, "one", "two")
	const tenants = 12
	receivers, was := make([]*receiver, tenants), make([]string, tenants)
	name := func(i int) string { return fmt.Sprint("tenant ", i) }
	spread := make(map[string]int)
	for i := range tenants {
		receivers[i] = newReceiver(t, nil)
		first.create(webhook.Endpoint{Tenant: name(i), URL: receivers[i].URL})
		was[i] = first.shard(name(i))
		spread[was[i]]++
	}
	if len(spread) != 2 {
		t.Fatalf("%d tenants are on %v; want some on each of two shards", tenants, spread)
	}
	stop := first.start()
	for i := range tenants {
		r := first.publish(eventOf(name(i), 1))
		eventually(t, "nothing arrives for "+name(i), func() bool { return receivers[i].byID()[r.EventID] == 1 })
	}
	stop()
	for i := range tenants {
		first.publish(eventOf(name(i), 2)) // nobody delivers
	}
	first.close()

	next := openShards(t, dir, "one", "two", "three")
	next.start()
	for i := range tenants {
		want(t, "shard of "+name(i)+" after one was added", next.shard(name(i)), was[i])
		eventually(t, "what was left for "+name(i)+" does not arrive", func() bool { return receivers[i].count() == 2 })
	}
	testTxOnShards(t, next, name(0), func() int { return receivers[0].count() - 2 })
}

func testTxOnShards(t *testing.T, s *shards, tenant string, arrived func() int) {
	for file, st := range s.files {
		tx, err := st.DB().BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.PublishTx(t.Context(), s.st.Tx(file, st.Tx(tx)), eventOf(tenant, 3))
		if own := file == s.shard(tenant); own && err != nil || !own && !errors.Is(err, sharded.ErrWrongShard) {
			t.Errorf("PublishTx in a transaction of %s = %v; want ErrWrongShard, or nil on %s", file, err, s.shard(tenant))
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "what was committed does not arrive", func() bool { return arrived() == 1 })
}
