package dispatcher_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/store/sharded"
	"github.com/postrider/postrider/webhook"
)

// One shard is killed under load: the other goes on at its rate, publishes to the
// dead one fail as fast as it refuses them, and when it is back what it has
// acknowledged arrives.
func TestDeadShardLeavesTheOtherAlone(t *testing.T) {
	for _, death := range []struct {
		name   string
		answer time.Duration
	}{{"refuses", 0}, {"hangs", 10 * time.Second}} {
		t.Run(death.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { killShardUnderLoad(t, death.answer) })
		})
	}
}

// killShardUnderLoad kills a shard, which then refuses every call after a while.
func killShardUnderLoad(t *testing.T, after time.Duration) {
	c := newCluster(t)
	net := requests{}
	w := newWorld(t, c.open(), dispatcher.Config{Transport: net})
	var ledgers [2]*ledger
	for shard := range ledgers {
		ledgers[shard] = &ledger{acked: map[string]bool{}, arrived: map[string]int{}}
		for i := range 4 {
			ep := c.endpoint(w, shard, fmt.Sprint("e", i), nil, fmt.Sprint("type", i))
			net[ep.URL] = ledgers[shard].receive
		}
	}
	stop := w.run()
	ctx, cancel := context.WithCancel(t.Context())
	var publishers sync.WaitGroup
	for shard, l := range ledgers {
		for i := range 4 {
			publishers.Go(func() { l.publish(ctx, t, w.Dispatcher, c.event(shard, fmt.Sprint("type", i))) })
		}
	}
	const period = 15 * time.Second
	rate := func(shard int) float64 {
		before := ledgers[shard].arrivals()
		wait(period)
		return float64(ledgers[shard].arrivals()-before) / period.Seconds()
	}
	wait(5 * time.Second) // endpoints prove themselves
	before := rate(1)
	if before < 87 {
		t.Fatalf("rate before = %.0f/s; want the 100/s that are published, or the test proves nothing", before)
	}
	c.dbs[0].setFault(func(call string, answered bool) error {
		if answered {
			return nil
		}
		time.Sleep(after)
		return fmt.Errorf("%s: %w", call, store.ErrUnavailable)
	})
	sent := ledgers[0].arrivals()
	for part := range 3 { // in all, longer than a lease
		if during := rate(1); during < 0.95*before {
			t.Errorf("rate in part %d of the outage of another shard = %.0f/s; want 95 %% of the %.0f/s before", part+1, during, before)
		}
	}
	// One may have to wait for the answer that those before it wait for.
	if l := ledgers[0]; l.refused == 0 || l.slowest > 2*after {
		t.Errorf("publishes to the dead shard: %d refused, the slowest after %v; want all of them, as soon as it answers", l.refused, l.slowest)
	}
	if more := ledgers[0].arrivals() - sent; more > 64 {
		t.Errorf("%d were sent while their outcomes could not be written; want at most what was under way", more)
	}
	c.dbs[0].setFault(nil)
	wait(30 * time.Second)
	if back := rate(0); back < 0.95*before {
		t.Errorf("rate of the shard that came back = %.0f/s; want %.0f/s", back, before)
	}
	cancel()
	publishers.Wait()
	wait(time.Minute)
	for shard, l := range ledgers {
		for id := range l.acked {
			if l.arrived[id] != 1 {
				t.Fatalf("%s of shard %d was acknowledged and arrived %d times; want once", id, shard, l.arrived[id])
			}
		}
		want(t, "arrivals", len(l.arrived), len(l.acked))
		want(t, "delivered", c.statuses(shard)[webhook.DeliveryDelivered], len(l.acked))
	}
	want(t, "refused on the living shard", ledgers[1].refused, 0)
	stop()
}

// A process that starts while a shard is down serves the others, and the dead one
// once it is back.
func TestStartWithADeadShard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		first := newWorld(t, c.open(), dispatcher.Config{})
		var eps [2]webhook.Endpoint
		keyed := c.event(0, "a")
		keyed.IdempotencyKey = "k"
		for shard := range eps {
			eps[shard] = c.endpoint(first, shard, "ok", status(200))
		}
		receipt, err := first.Publish(t.Context(), keyed)
		if err != nil {
			t.Fatal(err)
		}

		c.dbs[0].down.Store(true)
		w := newWorld(t, c.open(), dispatcher.Config{Transport: first.net})
		stop := w.run()
		if _, err := w.Publish(t.Context(), c.event(1, "a")); err != nil {
			t.Errorf("Publish for a living shard's tenant = %v; want nil", err)
		}
		answers := w.PublishMany(t.Context(), []webhook.Event{c.event(0, "a"), c.event(1, "a")})
		if !errors.Is(answers[0].Err, store.ErrUnavailable) || answers[1].Err != nil {
			t.Errorf("PublishMany for a dead and a living shard = %v, %v; want ErrUnavailable, nil", answers[0].Err, answers[1].Err)
		}
		if _, _, err := w.manage.CreateEndpoint(t.Context(), webhook.Endpoint{Tenant: c.tenants[0], URL: "https://new.example/"}); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("CreateEndpoint on a dead shard = %v; want ErrUnavailable", err)
		}
		wait(time.Minute)
		want(t, "arrivals of the living shard", len(w.net.to(eps[1].URL)), 0) // its own network
		want(t, "arrivals of the living shard", len(first.net.to(eps[1].URL)), 2)

		c.dbs[0].down.Store(false)
		wait(5 * time.Second)
		want(t, "arrivals of the shard that came back", len(first.net.to(eps[0].URL)), 1)
		again, err := w.Publish(t.Context(), keyed)
		if err != nil || !again.Duplicate || again.EventID != receipt.EventID {
			t.Errorf("Publish of a key that another process used = %+v, %v; want a duplicate of %s", again, err, receipt.EventID)
		}
		if _, err := w.Publish(t.Context(), c.event(0, "a")); err != nil {
			t.Errorf("Publish for the tenant of a shard that came back = %v; want nil", err)
		}
		wait(time.Second)
		want(t, "arrivals of the shard that came back", len(first.net.to(eps[0].URL)), 2)
		stop()

		for _, db := range c.dbs {
			db.down.Store(true)
		}
		if _, err := dispatcher.New(c.open(), dispatcher.Config{AllowPlaintextSecrets: true}); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("New while all shards are down = %v; want ErrUnavailable", err)
		}
	})
}

// A shard that was down when the keyring was checked against the others may be
// one of another key: nothing is sealed for it, or sent from it, unchecked.
func TestWrongKeyIsFoundWhenTheShardIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		keyring := func() *seal.Keyring {
			kr, err := seal.NewKeyring(seal.NewKey())
			if err != nil {
				t.Fatal(err)
			}
			return kr
		}
		ours := keyring()
		if _, err := dispatcher.New(c.dbs[0], dispatcher.Config{Keyring: keyring()}); err != nil {
			t.Fatal(err)
		}
		if _, err := dispatcher.New(c.open(), dispatcher.Config{Keyring: ours}); !errors.Is(err, seal.ErrWrongKey) {
			t.Errorf("New with one shard of another key = %v; want ErrWrongKey", err)
		}
		c.dbs[0].down.Store(true)
		st := c.open()
		d, err := dispatcher.New(st, dispatcher.Config{Keyring: ours})
		if err != nil {
			t.Fatalf("New while that shard is down = %v; want nil", err)
		}
		c.dbs[0].down.Store(false)
		if _, err := d.Publish(t.Context(), c.event(0, "a")); !errors.Is(err, seal.ErrWrongKey) {
			t.Errorf("Publish to a shard of another key = %v; want ErrWrongKey", err)
		}
		if _, err := d.SealSecret(t.Context(), store.SecretRecord{Tenant: c.tenants[0]}, "text"); !errors.Is(err, seal.ErrWrongKey) {
			t.Errorf("SealSecret for a shard of another key = %v; want ErrWrongKey: nobody could open it", err)
		}
		if _, err := d.Publish(t.Context(), c.event(1, "a")); err != nil {
			t.Errorf("Publish to the shard of our key = %v; want nil", err)
		}
		c.dbs[0].setFault(func(call string, _ bool) error {
			if call == "acquire" {
				t.Error("Run began a lease on a shard of another key: it would take what it cannot send")
			}
			return nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := d.Run(ctx); err != nil {
			t.Errorf("Run = %v; want nil", err)
		}
	})
}

func TestShardedKeyringIsNeededOnce(t *testing.T) {
	memory := func() store.Store { return memstore.New() }
	for name, tc := range map[string]struct {
		shards map[string]store.Store
		want   error
	}{
		"all volatile":    {map[string]store.Store{"a": memory(), "b": memory()}, nil},
		"one is durable":  {map[string]store.Store{"a": memory(), "b": durable{memory()}}, dispatcher.ErrNoKeyring},
		"all are durable": {map[string]store.Store{"a": durable{memory()}, "b": durable{memory()}}, dispatcher.ErrNoKeyring},
	} {
		st, err := sharded.New(t.Context(), tc.shards)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := dispatcher.New(st, dispatcher.Config{}); !errors.Is(err, tc.want) {
			t.Errorf("New without a keyring over shards of which %s = %v; want %v", name, err, tc.want)
		}
	}
}

func TestPublishTxOnShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		st := c.open()
		w := newWorld(t, st, dispatcher.Config{})
		ep := c.endpoint(w, 0, "ok", status(200))
		defer w.run()()
		tx := c.dbs[0].memory.Begin()
		if r, err := w.PublishTx(t.Context(), st.Tx(c.names[0], tx), c.event(0, "a")); err != nil || r.Deliveries != 1 {
			t.Errorf("PublishTx = %+v, %v; want one delivery", r, err)
		}
		if _, err := w.PublishTx(t.Context(), st.Tx(c.names[0], tx), c.event(1, "a")); !errors.Is(err, sharded.ErrWrongShard) {
			t.Errorf("PublishTx in a transaction of another shard = %v; want ErrWrongShard", err)
		}
		if _, err := w.PublishTx(t.Context(), tx, c.event(0, "a")); err == nil {
			t.Error("PublishTx in a transaction that nobody checks = nil; want an error: it could be of any shard")
		}
		if _, err := w.PublishTx(t.Context(), st.Tx("eu-3", tx), c.event(0, "a")); err == nil {
			t.Error("PublishTx in a transaction of no shard = nil; want an error")
		}
		wait(5 * time.Second)
		want(t, "arrivals before the commit", len(w.net.to(ep.URL)), 0)
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		wait(time.Second)
		want(t, "arrivals after the commit", len(w.net.to(ep.URL)), 1)
	})
}

// What another process changes is heard on every shard, and what is redelivered
// goes out at once.
func TestShardsFollowChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		w, other := newWorld(t, c.open(), dispatcher.Config{}), newWorld(t, c.open(), dispatcher.Config{})
		defer w.run()()
		for shard, tenant := range c.tenants {
			ep := c.endpoint(w, shard, "ok", after(100*time.Millisecond, 200))
			r, err := w.Publish(t.Context(), c.event(shard, "a"))
			if err != nil {
				t.Fatal(err)
			}
			wait(time.Second)
			ds, err := w.manage.Deliveries(t.Context(), tenant, store.DeliveryFilter{Event: r.EventID}, store.Page{})
			if err != nil || len(ds) != 1 || ds[0].Status != webhook.DeliveryDelivered {
				t.Fatalf("deliveries on shard %d = %+v, %v; want one, delivered", shard, ds, err)
			}
			if err := w.Redeliver(t.Context(), tenant, ds[0].ID); err != nil {
				t.Fatal(err)
			}
			wait(150 * time.Millisecond)
			want(t, "arrivals just after Redeliver", len(w.net.to(ep.URL)), 2)

			if _, err := other.manage.Pause(t.Context(), tenant, ep.ID); err != nil {
				t.Fatal(err)
			}
			wait(time.Second)
			if _, err := w.Publish(t.Context(), c.event(shard, "a")); err != nil {
				t.Fatal(err)
			}
			wait(time.Minute)
			want(t, "arrivals after another process's pause", len(w.net.to(ep.URL)), 2)
			if _, err := w.manage.Resume(t.Context(), tenant, ep.ID); err != nil {
				t.Fatal(err)
			}
			wait(time.Second)
			want(t, "arrivals after the resume", len(w.net.to(ep.URL)), 3)
		}
	})
}

// Each shard has its part of the slots, and 16 at least.
func TestSlotsAreDivided(t *testing.T) {
	for slots, bound := range map[int]int64{20: 16, 64: 32} {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(t)
			w := newWorld(t, c.open(), dispatcher.Config{Slots: slots})
			var underWay, most [2]atomic.Int64
			for shard := range c.tenants {
				for i := range 40 {
					c.endpoint(w, shard, fmt.Sprint("e", i), func(context.Context, int, *transport.Request) (*transport.Response, error) {
						if n := underWay[shard].Add(1); n > most[shard].Load() {
							most[shard].Store(n)
						}
						time.Sleep(time.Second)
						underWay[shard].Add(-1)
						return &transport.Response{StatusCode: 200}, nil
					})
				}
			}
			stop := w.run()
			for range 10 {
				for shard := range c.tenants {
					if _, err := w.Publish(t.Context(), c.event(shard, "a")); err != nil {
						t.Fatal(err)
					}
				}
			}
			wait(10 * time.Minute)
			for shard := range most {
				if n := most[shard].Load(); n > bound || n < bound*3/4 {
					t.Errorf("of %d slots shard %d had %d deliveries under way at once; want nearly %d", slots, shard, n, bound)
				}
				want(t, "delivered", c.statuses(shard)[webhook.DeliveryDelivered], 400)
			}
			stop()
		})
	}
}
