package postgres_test

import (
	"cmp"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/postgres/postgrestest"
	"github.com/postrider/postrider/webhook"
)

// TestOldSnapshot keeps a host's transaction open, so that what has ended is not
// vacuumed, and looks at how much the engine reads when the table of what is pending
// holds thousands of dead rows and a handful of others.
func TestOldSnapshot(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, postgrestest.Shared(t))
	tx, err := d.pool.Begin(t.Context())
	must(t, err, "begin")
	t.Cleanup(func() { _ = tx.Rollback(t.Context()) })
	if _, err := tx.Exec(t.Context(), `SET TRANSACTION ISOLATION LEVEL REPEATABLE READ`); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), d.sql(`SELECT count(*) FROM :s.queue`)); err != nil {
		t.Fatal(err)
	}
	for _, mode := range planModes {
		e := explain(t, d, mode)
		epoch, err := e.Acquire(t.Context(), time.Now(), store.Process{}, time.Hour)
		must(t, err, "Acquire")
		o := &outlived{t: t, process: e.process, tenant: newTenant(t, e.process), epoch: epoch}
		for range 40 {
			o.publish(128, true)
			must(t, o.settle(128, webhook.DeliveryDelivered), "Settle")
		}
		d.exec(t, `ANALYZE :s.queue`)
		for _, s := range o.steps() {
			for _, p := range e.run(t, s) {
				for _, fault := range p.excess(s.rows) {
					t.Errorf("%s, %s: %s\n%.400s\n%s", s.name, mode, fault, p.Query, p.Plan.tree())
				}
			}
		}
	}
}

// outlived is an engine whose dead rows somebody may still see.
type outlived struct {
	*process
	t       *testing.T
	tenant  *tenant
	epoch   int64
	claimed []store.Claimed
}

// publish publishes n events, either handed over or waiting.
func (o *outlived) publish(n int, handOver bool) {
	o.t.Helper()
	pubs := make([]store.Publication, n)
	for i := range pubs {
		pubs[i] = o.tenant.publication()
		dl := &pubs[i].Deliveries[0]
		if handOver {
			pubs[i].Epoch, dl.HandOver = o.epoch, true
			o.claimed = append(o.claimed, store.Claimed{
				Tenant: o.tenant.name, Delivery: dl.ID, Endpoint: dl.Endpoint, Event: pubs[i].Event.ID, Claim: 1,
			})
		}
	}
	must(o.t, wantAll(store.PublishStored)(o.Publish(o.t.Context(), time.Now(), pubs)), "Publish")
}

func (o *outlived) settle(n int, status webhook.DeliveryStatus) error {
	st := store.Settlement{Epoch: o.epoch}
	for _, c := range o.claimed[:n] {
		it := delivered(c, time.Now())
		it.Status = status
		st.Items = append(st.Items, it)
	}
	o.claimed = o.claimed[n:]
	result, err := o.Settle(o.t.Context(), time.Now(), st)
	return cmp.Or(err, wantLen(result.Lost, 0))
}

// steps are what an engine does all the time.
func (o *outlived) steps() []step {
	const n = 32
	ctx := o.t.Context()
	return []step{
		{"Publish, handed over", n, func(*process) error { o.publish(n, true); return nil }},
		{"Start", n, func(*process) error {
			var held []store.Held
			for _, c := range o.claimed[:n] {
				held = append(held, store.Held{Tenant: c.Tenant, Delivery: c.Delivery, Claim: c.Claim})
			}
			started, err := o.Start(ctx, o.epoch, held)
			return cmp.Or(err, wantLen(started, n))
		}},
		{"Settle, to be tried again", n, func(*process) error { return o.settle(n, webhook.DeliveryPending) }},
		{"Poll that leases and parks", n, func(*process) error {
			i := 0
			claimed, _, err := o.Poll(ctx, time.Now(), o.epoch, n, func(store.Waiting) store.Admission {
				i++
				return store.Admission{Lease: i%2 == 0, Gate: store.Gate{Next: time.Now()}}
			})
			o.claimed = append(o.claimed, claimed...)
			return cmp.Or(err, wantLen(claimed, n/2))
		}},
		{"Take", n, func(*process) error {
			claimed, err := o.Take(ctx, time.Now(), o.epoch, 1, []store.Lane{o.tenant.lane()}, func(store.Lane) store.Turn {
				return store.Turn{Max: n, Gate: store.Gate{Next: time.Now()}}
			})
			o.claimed = append(o.claimed, claimed...)
			return cmp.Or(err, wantLen(claimed, n/2))
		}},
		{"Settle, delivered", n, func(*process) error { return o.settle(n, webhook.DeliveryDelivered) }},
	}
}
