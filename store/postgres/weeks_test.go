package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/postgres"
	"github.com/postrider/postrider/store/postgres/postgrestest"
	"github.com/postrider/postrider/webhook"
)

const aDay = 24 * time.Hour

// travel moves the server's clock, as the store reads it, and returns the time there.
func (d *database) travel(t *testing.T, by time.Duration) time.Time {
	t.Helper()
	d.exec(t, fmt.Sprintf(`
		CREATE OR REPLACE FUNCTION :s.now_us() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
		AS 'SELECT (extract(epoch FROM statement_timestamp()) * 1000000)::bigint + %d'`, by.Microseconds()))
	return time.Now().Add(by)
}

// weeks returns how many partitions of a table there are for times from a time on.
func (d *database) weeks(t *testing.T, table string, from time.Time) int {
	t.Helper()
	return d.count(t, `
		SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = $1::regclass AND NOT i.inhdetachpending AND right(c.relname, 8) >= $2`,
		d.schema+"."+table, from.Add(-6*aDay).UTC().Format("20060102"))
}

func TestIDOfAnotherTime(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, postgrestest.Shared(t))
	p := d.open(t, nil)
	w := newTenant(t, p)
	now := time.Now()
	for name, change := range map[string]func(*store.Publication){
		"event of the past":   func(pub *store.Publication) { pub.Event.ID = w.idAt(webhook.PrefixEvent, now.Add(-25*time.Hour)) },
		"event of the future": func(pub *store.Publication) { pub.Event.ID = w.idAt(webhook.PrefixEvent, now.Add(70*aDay)) },
		"delivery of the past": func(pub *store.Publication) {
			pub.Deliveries[0].ID = w.idAt(webhook.PrefixDelivery, now.Add(-25*time.Hour))
		},
		"delivery of the future": func(pub *store.Publication) { pub.Deliveries[0].ID = w.idAt(webhook.PrefixDelivery, now.Add(70*aDay)) },
		"event without a time":   func(pub *store.Publication) { pub.Event.ID = "evt_of_mine" },
	} {
		t.Run(name, func(t *testing.T) {
			bad, good, later := w.publication(), w.publication(), w.publication()
			change(&bad)
			if _, err := p.Publish(t.Context(), now, []store.Publication{good, bad}); !errors.Is(err, postgres.ErrNoPlace) {
				t.Errorf("Publish = %v; want ErrNoPlace", err)
			}
			if stored(t, p, good) {
				t.Error("Publish has written a part of a batch that it refused")
			}
			tx := p.begin(t, pgx.TxOptions{})
			wantOutcomes(t, "Tx.Publish", publish(t, p.Tx(tx), good), store.PublishStored)
			if _, err := p.Tx(tx).Publish(t.Context(), now, []store.Publication{bad}); !errors.Is(err, postgres.ErrNoPlace) {
				t.Errorf("Tx.Publish = %v; want ErrNoPlace", err)
			}
			wantOutcomes(t, "Tx.Publish after a refusal", publish(t, p.Tx(tx), later), store.PublishStored)
			must(t, tx.Commit(t.Context()), "Commit after a refusal")
			if !stored(t, p, good) || !stored(t, p, later) {
				t.Error("a refusal cost the host its transaction")
			}
		})
	}
	for _, at := range []time.Time{now.Add(-23 * time.Hour), now.Add(55 * aDay)} {
		wantOutcomes(t, "Publish of "+at.String(), publish(t, p, w.publicationAt(at)), store.PublishStored)
	}
}

func TestWeeksAreMadeAhead(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, postgrestest.Shared(t))
	p, other := d.open(t, nil), d.open(t, nil)
	w := newTenant(t, p)
	keep := store.Retention{Payloads: 1000 * aWeek, Deliveries: 1000 * aWeek, Statistics: 1000 * aWeek, Tombstones: 1000 * aWeek}

	now := d.travel(t, 3*aWeek)
	_, err := p.Prune(t.Context(), now, keep, 100)
	must(t, err, "Prune")
	for _, table := range []string{"events", "payloads", "deliveries", "attempts"} {
		if n := d.weeks(t, table, now); n != 9 {
			t.Errorf("%s has partitions for %d weeks from now on after Prune; want 9, so that publishes make none", table, n)
		}
	}

	// Nobody has pruned for long.
	now = d.travel(t, 20*aWeek)
	for _, st := range []*process{p, other} {
		wantOutcomes(t, "Publish", publish(t, st, w.publicationAt(now)), store.PublishStored)
	}
	for i, level := range levels {
		tx := p.begin(t, pgx.TxOptions{IsoLevel: level})
		wantOutcomes(t, "Tx.Publish", publish(t, p.Tx(tx), w.publicationAt(now)), store.PublishStored)
		now = d.travel(t, time.Duration(40+20*i)*aWeek)
		pub := w.publicationAt(now)
		wantOutcomes(t, "Tx.Publish, in a transaction that has published", publish(t, p.Tx(tx), pub), store.PublishStored)
		must(t, tx.Commit(t.Context()), "Commit")
		if !stored(t, p, pub) {
			t.Errorf("%s: Published does not find an event whose week was made by its publish", level)
		}
		if n := d.weeks(t, "attempts", now); n != 9 {
			t.Errorf("%s: attempts has partitions for %d weeks from now on after Publish; want 9", level, n)
		}
	}
}

// TestMigrateAtOnce starts processes that migrate before anything else, half of them
// through a pooler.
func TestMigrateAtOnce(t *testing.T) {
	t.Parallel()
	server := postgrestest.Shared(t)
	schema, bouncer := server.Schema(t), server.Bouncer(t)
	var results []func() error
	for i := range 4 {
		cfg := postgres.Config{Schema: schema, Pooler: i%2 == 1}
		pool := server.Pool(t)
		if cfg.Pooler {
			pool = connect(t, bouncer)
		}
		results = append(results, background(t, func() error {
			if err := postgres.Migrate(t.Context(), pool, cfg); err != nil {
				return fmt.Errorf("migrate: %w", err)
			}
			_, err := postgres.New(t.Context(), pool, cfg)
			return err
		}))
	}
	for i, result := range results {
		if err := result(); err != nil {
			t.Errorf("process %d: %v", i, err)
		}
	}
}

// TestMigrateDuringATransaction migrates while a host has published and does not
// come to an end.
func TestMigrateDuringATransaction(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, postgrestest.Shared(t))
	p := d.open(t, nil)
	w := newTenant(t, p)
	tx := p.begin(t, pgx.TxOptions{})
	wantOutcomes(t, "Tx.Publish", publish(t, p.Tx(tx), w.keyed("k")), store.PublishStored)
	now := d.travel(t, 4*aWeek) // there are weeks to be made
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must(t, postgres.Migrate(ctx, d.pool, d.config()), "Migrate while a transaction is open")
	if n := d.weeks(t, "events", now); n != 9 {
		t.Errorf("events has partitions for %d weeks from now on after Migrate; want 9", n)
	}
	wantOutcomes(t, "Tx.Publish", publish(t, p.Tx(tx), w.publicationAt(now)), store.PublishStored)
	must(t, tx.Commit(t.Context()), "Commit")
}
