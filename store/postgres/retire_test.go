package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/postgres/postgrestest"
	"github.com/postrider/postrider/webhook"
)

// twoWeeks is the retention of everything in these tests.
var twoWeeks = store.Retention{Payloads: 2 * aWeek, Deliveries: 2 * aWeek, Statistics: 1000 * aWeek, Tombstones: 1000 * aWeek}

// past is a database with a week that is past its retention: it has three events,
// of which the first two were delivered, and the third is not yet due.
type past struct {
	*database
	p     *process
	w     *tenant
	epoch int64
	pubs  []store.Publication
	old   time.Time // when they were published
	now   time.Time
}

func newPast(t *testing.T) *past {
	t.Helper()
	a := &past{database: newDatabase(t, postgrestest.Shared(t)), old: time.Now()}
	a.p = a.open(t, nil)
	a.w, a.epoch = newTenant(t, a.p), acquire(t, a.p)
	a.pubs = a.w.waiting(a.p, 2)
	later := a.w.publication()
	later.Deliveries[0].Due = a.old.Add(52 * aWeek)
	wantOutcomes(t, "Publish", publish(t, a.p, later), store.PublishStored)
	a.pubs = append(a.pubs, later)
	var items []store.Settled
	for _, c := range claim(t, a.p, time.Now(), a.epoch, 10) {
		items = append(items, delivered(c, time.Now()))
	}
	_, err := a.p.Settle(t.Context(), time.Now(), store.Settlement{Epoch: a.epoch, Items: items})
	must(t, err, "Settle")
	a.now = a.travel(t, 4*aWeek)
	return a
}

// all is what Prune removes of it.
var all = store.Pruned{Events: 3, Payloads: 3, Deliveries: 3, Attempts: 2, Expired: 1}

func (a *past) prune(ctx context.Context) result {
	done, err := a.p.Prune(ctx, a.now, twoWeeks, 100)
	done.ExpiredDeliveries = nil // storetest looks at them
	return result{done, err}
}

type result struct {
	done store.Pruned
	err  error
}

// wantGone checks that nothing is left of the old week.
func (a *past) wantGone(t *testing.T) {
	t.Helper()
	day := a.old.UTC().AddDate(0, 0, -(int(a.old.UTC().Weekday())+6)%7).Format("20060102")
	if n := a.count(t, `SELECT count(*) FROM pg_class WHERE relnamespace = $1::regnamespace AND relname LIKE '%\_' || $2`, a.schema, day); n != 0 {
		t.Errorf("%d tables of the expired week are left; want none", n)
	}
	for i, pub := range a.pubs {
		if stored(t, a.p, pub) {
			t.Errorf("event %d of the expired week is there still", i)
		}
	}
}

// wantBusiness publishes, claims and settles for a while, and checks that nothing
// of it waits.
func (a *past) wantBusiness(t *testing.T) {
	t.Helper()
	for range 10 {
		began := time.Now()
		pub := a.w.publicationAt(a.now)
		wantOutcomes(t, "Publish", publish(t, a.p, pub), store.PublishStored)
		claimed := claim(t, a.p, a.now, a.epoch, 1)
		if len(claimed) != 1 {
			t.Fatalf("Poll = %d deliveries; want 1", len(claimed))
		}
		_, err := a.p.Settle(t.Context(), a.now, store.Settlement{Epoch: a.epoch, Items: []store.Settled{delivered(claimed[0], a.now)}})
		must(t, err, "Settle")
		events, err := a.p.EventsByKey(t.Context(), []store.EventKey{{Tenant: a.w.name, ID: pub.Event.ID}})
		if must(t, err, "EventsByKey"); len(events) != 1 {
			t.Errorf("EventsByKey = %d events; want 1", len(events))
		}
		if took := time.Since(began); took > promptly {
			t.Fatalf("publish, claim and settle took %v while a week is retired; want less than %v", took, promptly)
		}
	}
}

// detaching waits until the process waits for a transaction of a host to take a
// week out.
func (a *past) detaching(t *testing.T) {
	t.Helper()
	waitFor(t, "Prune to wait for the host", func() bool { return waits(t, a.database, a.p, "virtualxid") })
}

func TestRetireAWeek(t *testing.T) {
	t.Parallel()
	a := newPast(t)
	// An orphan of a process that did not live to drop it, and what a host keeps.
	a.exec(t, `CREATE TABLE :s.payloads_20200106 (LIKE :s.payloads)`)
	a.exec(t, `COMMENT ON TABLE :s.payloads_20200106 IS 'retired by postrider'`)
	a.exec(t, `CREATE TABLE :s.payloads_20200113 (LIKE :s.payloads)`)
	got := a.prune(t.Context())
	must(t, got.err, "Prune")
	if diff := cmp.Diff(all, got.done); diff != "" {
		t.Errorf("Prune (-want +got):\n%s", diff)
	}
	a.wantGone(t)
	if n := a.count(t, `SELECT count(*) FROM pg_class WHERE relnamespace = $1::regnamespace AND relname LIKE 'payloads_2020%'`, a.schema); n != 1 {
		t.Errorf("%d tables of 2020 are left; want the host's", n)
	}
	a.wantBusiness(t)
}

// TestRetireDuringATransaction has a host whose transaction does not come to an end.
func TestRetireDuringATransaction(t *testing.T) {
	t.Parallel()
	a := newPast(t)
	host, other := a.open(t, nil), a.open(t, nil)
	tx := host.begin(t, pgx.TxOptions{})
	pub := a.w.publicationAt(a.now)
	wantOutcomes(t, "Tx.Publish", publish(t, host.Tx(tx), pub), store.PublishStored)
	pruned := background(t, func() result { return a.prune(t.Context()) })
	a.detaching(t)
	a.wantBusiness(t)

	done, err := other.Prune(t.Context(), a.now, twoWeeks, 100)
	if diff := cmp.Diff(store.Pruned{}, done); diff != "" || err != nil {
		t.Errorf("Prune while another process prunes = error %v (-want +got):\n%s", err, diff)
	}
	if !waits(t, a.database, a.p, "virtualxid") {
		t.Error("Prune did not wait for the host: the test has shown nothing")
	}
	must(t, tx.Commit(t.Context()), "Commit")
	got := pruned()
	if must(t, got.err, "Prune"); !cmp.Equal(got.done, all) {
		t.Errorf("Prune = %+v; want %+v", got.done, all)
	}
	a.wantGone(t)
	if !stored(t, a.p, pub) {
		t.Error("the host's event is not there")
	}
}

// TestRetireIsBrokenOff cancels a call of Prune that waits for a host, and calls it
// again.
func TestRetireIsBrokenOff(t *testing.T) {
	t.Parallel()
	a := newPast(t)
	host := a.open(t, nil)
	tx := host.begin(t, pgx.TxOptions{})
	wantOutcomes(t, "Tx.Publish", publish(t, host.Tx(tx), a.w.publicationAt(a.now)), store.PublishStored)
	for range 2 { // the second finds what the first has left
		ctx, cancel := context.WithCancel(t.Context())
		pruned := background(t, func() result { return a.prune(ctx) })
		waitFor(t, "Prune to wait for the host", func() bool { return waits(t, a.database, a.p, "virtualxid") })
		cancel()
		if got := pruned(); !errors.Is(got.err, context.Canceled) {
			t.Errorf("Prune with a canceled context = %v; want context.Canceled", got.err)
		}
		waitFor(t, "the server to notice", func() bool { return !waits(t, a.database, a.p, "virtualxid") })
		if n := a.count(t, `SELECT count(*) FROM pg_inherits WHERE inhdetachpending AND inhparent::regclass::text LIKE $1 || '.%'`, a.schema); n != 1 {
			t.Fatalf("%d partitions are on their way out; want 1: the test has shown nothing", n)
		}
		a.wantBusiness(t)
	}
	must(t, tx.Commit(t.Context()), "Commit")
	got := a.prune(t.Context())
	must(t, got.err, "Prune")
	a.wantGone(t)
	a.wantBusiness(t)
}

// TestLeasedSparesItsWeek has a delivery of an expired week that is being sent.
func TestLeasedSparesItsWeek(t *testing.T) {
	t.Parallel()
	a := newPast(t)
	epoch := acquire(t, a.p)
	a.travel(t, 0)
	a.w.waiting(a.p, 1)
	leased := claim(t, a.p, time.Now(), epoch, 1)[0]
	a.travel(t, 4*aWeek)

	got := a.prune(t.Context())
	must(t, got.err, "Prune")
	if want := (store.Pruned{Expired: 1}); !cmp.Equal(got.done, want) {
		t.Errorf("Prune with a leased delivery = %+v; want %+v", got.done, want)
	}
	events, err := a.p.EventsByKey(t.Context(), []store.EventKey{{Tenant: leased.Tenant, ID: leased.Event}})
	if must(t, err, "EventsByKey"); len(events) != 1 || len(events[0].Data) == 0 {
		t.Errorf("EventsByKey = %+v; want the leased event with its payload", events)
	}
	for _, pub := range a.pubs {
		if !stored(t, a.p, pub) {
			t.Error("another event of the week is gone; want the whole week spared")
		}
	}
	expired := 0
	list, err := a.p.ListDeliveries(t.Context(), a.w.name, store.DeliveryFilter{}, store.Page{})
	must(t, err, "ListDeliveries")
	for _, d := range list {
		if d.Status == webhook.DeliveryCanceled && d.Reason == webhook.ReasonExpired {
			expired++
		}
	}
	if expired != 1 || len(list) != 4 {
		t.Errorf("%d of %d deliveries are canceled as expired; want 1 of 4", expired, len(list))
	}

	result, err := a.p.Settle(t.Context(), a.now, store.Settlement{Epoch: epoch, Items: []store.Settled{delivered(leased, a.now)}})
	if must(t, err, "Settle"); len(result.Lost) != 0 {
		t.Error("Settle of a leased delivery was lost: its week is past its retention, but its lease holds")
	}
	got = a.prune(t.Context())
	must(t, got.err, "Prune")
	if want := (store.Pruned{Events: 4, Payloads: 4, Deliveries: 4, Attempts: 3}); !cmp.Equal(got.done, want) {
		t.Errorf("Prune once it is settled = %+v; want %+v", got.done, want)
	}
	a.wantGone(t)
}
