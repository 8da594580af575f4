package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/postgres"
	"github.com/postrider/postrider/store/postgres/postgrestest"
)

// TestServerIsGone kills the server under a store, which says so at once, and goes
// on when it is back.
func TestServerIsGone(t *testing.T) {
	t.Parallel()
	server := postgrestest.New(t, postgrestest.Options{})
	d := newDatabase(t, server)
	p := d.open(t, nil)
	w := newTenant(t, p)
	epoch := acquire(t, p)
	before := w.keyed("before")
	wantOutcomes(t, "Publish", publish(t, p, before), store.PublishStored)
	tx := p.begin(t, pgx.TxOptions{})
	lost := w.publication()
	wantOutcomes(t, "Tx.Publish", publish(t, p.Tx(tx), lost), store.PublishStored)
	server.Kill()

	for round := range 2 { // first over connections that were open
		for name, call := range w.everyCall(p, epoch, before) {
			began := time.Now()
			err := call()
			if !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrUnknown) {
				t.Errorf("round %d: %s = %v; want ErrUnavailable", round, name, err)
			}
			if round > 0 && !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s without a connection = %v; want ErrUnavailable: nothing was sent", name, err)
			}
			if took := time.Since(began); took > promptly {
				t.Errorf("%s took %v to say that the server is gone; want it at once", name, took)
			}
		}
	}
	ctx := t.Context()
	if err := tx.Commit(ctx); err == nil {
		t.Error("Commit of a transaction whose server was killed = nil; want an error")
	}

	must(t, server.Start(), "Start")
	wantOutcomes(t, "Publish after the return", publish(t, p, w.publication()), store.PublishStored)
	wantOutcomes(t, "Publish of a key from before", publish(t, p, w.keyed("before")), store.PublishDuplicate)
	if stored(t, p, lost) {
		t.Error("an event is there whose transaction did not commit")
	}
	must(t, p.Renew(ctx, time.Now(), epoch, time.Hour), "Renew after the return")
}

// everyCall returns calls by their names, some of them about an event.
func (w *tenant) everyCall(p *process, epoch int64, pub store.Publication) map[string]func() error {
	ctx, cfg := w.t.Context(), p.db.config()
	key := store.EventKey{Tenant: w.name, ID: pub.Event.ID}
	return map[string]func() error{
		"Publish":          func() error { _, err := p.Publish(ctx, time.Now(), []store.Publication{w.publication()}); return err },
		"Publish of a key": func() error { _, err := p.Publish(ctx, time.Now(), []store.Publication{w.keyed("k")}); return err },
		"Published": func() error {
			_, err := p.Published(ctx, []store.EventKey{key})
			return err
		},
		"Poll": func() error {
			_, _, err := p.Poll(ctx, time.Now(), epoch, 10, func(store.Waiting) store.Admission { return store.Admission{Lease: true} })
			return err
		},
		"Take":   func() error { _, err := p.Take(ctx, time.Now(), epoch, 10, nil, nil); return err },
		"Settle": func() error { _, err := p.Settle(ctx, time.Now(), store.Settlement{Epoch: epoch}); return err },
		"Start":  func() error { _, err := p.Start(ctx, epoch, []store.Held{{Tenant: w.name}}); return err },
		"Bind": func() error {
			_, err := p.Bind(ctx, epoch, []store.Binding{{ID: "bat_x", Tenant: w.name, Members: []store.Held{{Tenant: w.name}}}})
			return err
		},
		"Renew":           func() error { return p.Renew(ctx, time.Now(), epoch, time.Hour) },
		"Reap":            func() error { _, err := p.Reap(ctx, time.Now(), epoch, time.Hour, 10); return err },
		"Held":            func() error { _, err := p.Held(ctx, epoch, "", 10); return err },
		"TenantEndpoints": func() error { _, _, err := p.TenantEndpoints(ctx, w.name, 0); return err },
		"EngineEndpoints": func() error { _, err := p.EngineEndpoints(ctx, []store.Lane{w.lane()}); return err },
		"EventsByKey": func() error {
			_, err := p.EventsByKey(ctx, []store.EventKey{key})
			return err
		},
		"Event":    func() error { _, err := p.Event(ctx, w.name, key.ID); return err },
		"Delivery": func() error { _, err := p.Delivery(ctx, w.name, pub.Deliveries[0].ID); return err },
		"Cancel": func() error {
			_, err := p.Cancel(ctx, time.Now(), w.name, []string{pub.Deliveries[0].ID})
			return err
		},
		"Redeliver": func() error { return p.Redeliver(ctx, time.Now(), w.name, pub.Deliveries[0].ID) },
		"Prune":     func() error { _, err := p.Prune(ctx, time.Now(), twoWeeks, 10); return err },
		"New":       func() error { _, err := postgres.New(ctx, p.pool, cfg); return err },
		"Migrate":   func() error { return postgres.Migrate(ctx, p.pool, cfg) },
	}
}

// TestCommitIsInterrupted ends the session of a process while it commits: before the
// commit, when nothing will be there, and after it, when it only waits to say so.
func TestCommitIsInterrupted(t *testing.T) {
	t.Parallel()
	server := postgrestest.New(t, postgrestest.Options{})
	d := newDatabase(t, server)
	admin := d.dial(t, func(cfg *pgxpool.Config) { cfg.ConnConfig.RuntimeParams["synchronous_commit"] = "local" })
	d.pool = admin.pool
	queue := newBrake(t, d, "queue", atCommit)
	for name, stop := range map[string]struct{ hold, release func(*testing.T) }{
		"before": {queue.hold, queue.release},
		// A commit that waits for a standby which does not exist is in the files.
		"after": {func(t *testing.T) { d.standby(t, "nobody") }, func(t *testing.T) { d.standby(t, "") }},
	} {
		for _, through := range []string{"pool", "pooler"} {
			for _, key := range []string{"", "a key"} {
				t.Run(fmt.Sprintf("%s %s %s", name, through, key), func(t *testing.T) {
					p := d.openThrough(t, through)
					pub := newTenant(t, p).keyed(key)
					stop.hold(t)
					result := background(t, func() error {
						_, err := p.Publish(t.Context(), time.Now(), []store.Publication{pub})
						return err
					})
					d.terminateCommitting(t)
					err := result()
					stop.release(t)
					there := stored(t, p, pub)
					if there != (name == "after") {
						t.Fatalf("the event is stored = %v after an end %s the commit: the test has shown nothing", there, name)
					}
					if err == nil || (unwritten(err) && there) {
						t.Errorf("Publish = %v, and the event is stored = %v", err, there)
					}
					if !errors.Is(err, store.ErrUnknown) && !unwritten(err) {
						t.Errorf("Publish = %v; want ErrUnknown or ErrUnavailable", err)
					}
				})
			}
		}
	}
}

// TestServerDiesAfterTheCommit kills the server when an event is in its files and
// nobody has been told.
func TestServerDiesAfterTheCommit(t *testing.T) {
	t.Parallel()
	server := postgrestest.New(t, postgrestest.Options{})
	d := newDatabase(t, server)
	d.pool = d.dial(t, func(cfg *pgxpool.Config) { cfg.ConnConfig.RuntimeParams["synchronous_commit"] = "local" }).pool
	p := d.open(t, nil)
	w := newTenant(t, p)
	pubs := []store.Publication{w.publication(), w.keyed("k")}
	d.standby(t, "nobody")
	var results []func() error
	for _, pub := range pubs {
		results = append(results, background(t, func() error {
			_, err := p.Publish(t.Context(), time.Now(), []store.Publication{pub})
			return err
		}))
	}
	waitFor(t, "both to commit", func() bool {
		return d.count(t, `SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`) == 2
	})
	server.Kill()
	for _, result := range results {
		if err := result(); !errors.Is(err, store.ErrUnknown) {
			t.Errorf("Publish = %v; want ErrUnknown: it is in the files", err)
		}
	}
	must(t, server.Start(), "Start")
	d.pool.Reset()
	p.pool.Reset()
	d.standby(t, "")
	for i, pub := range pubs {
		if !stored(t, p, pub) {
			t.Errorf("event %d is gone; want what was committed", i)
		}
	}
}

// openThrough opens a process that has a pool of the server's connections, or of a
// pooler's.
func (d *database) openThrough(t *testing.T, through string) *process {
	t.Helper()
	if through == "pool" {
		return d.open(t, nil)
	}
	p := &process{db: d, pool: connect(t, d.server.Bouncer(t))}
	cfg := d.config()
	cfg.Pooler = true
	st, err := postgres.New(t.Context(), p.pool, cfg)
	must(t, err, "New")
	p.Store = st
	return p
}

// standby names the standby that commits wait for.
func (d *database) standby(t *testing.T, name string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	_, err := d.pool.Exec(ctx, `ALTER SYSTEM SET synchronous_standby_names = '`+name+`'`)
	must(t, err, "ALTER SYSTEM")
	_, err = d.pool.Exec(ctx, `SELECT pg_reload_conf()`)
	must(t, err, "pg_reload_conf")
	waitFor(t, "the setting", func() bool {
		return d.count(t, `SELECT count(*) FROM pg_settings WHERE name = 'synchronous_standby_names' AND setting = $1`, name) == 1
	})
}

// terminateCommitting ends the session that waits with its commit.
func (d *database) terminateCommitting(t *testing.T) {
	t.Helper()
	waitFor(t, "a session to commit", func() bool {
		return d.count(t, `
			SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE wait_event = 'SyncRep' OR (wait_event_type, wait_event) = ('Lock', 'advisory')`) > 0
	})
}
