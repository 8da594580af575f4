package postgres_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// life is a run of everything: what its steps know of each other.
type life struct {
	t       *testing.T
	ctx     context.Context
	b       *backlog
	epoch   int64
	ep      *tenant
	pubs    []store.Publication
	claimed []store.Claimed
	ordered []store.Claimed
}

// everything returns steps that call every method of the engine's, and what people
// look at, in a way that reaches all of their statements.
func everything(t *testing.T, b *backlog) []step {
	t.Helper()
	w := &life{t: t, ctx: t.Context(), b: b}
	steps := []step{
		{"Acquire", 1, func(p *process) (err error) {
			w.epoch, err = p.Acquire(w.ctx, time.Now(), store.Process{}, time.Hour)
			return err
		}},
		{"Renew", 1, func(p *process) error { return p.Renew(w.ctx, time.Now(), w.epoch, time.Hour) }},
		{"CreateEndpoint", 2, func(p *process) error {
			w.ep = newTenant(t, p)
			return nil
		}},
	}
	steps = append(steps, w.publishes()...)
	steps = append(steps, w.subjects()...)
	steps = append(steps, w.claims()...)
	steps = append(steps, w.leases()...)
	steps = append(steps, w.settles()...)
	steps = append(steps, w.jobs()...)
	steps = append(steps, w.directory()...)
	return append(steps, w.reads()...)
}

func (w *life) publishes() []step {
	keyed := func(key string, expires time.Duration) store.Publication {
		p := w.ep.keyed(key)
		p.KeyExpires = time.Now().Add(expires)
		return p
	}
	return []step{
		{"Publish", 128, func(p *process) error {
			for range 128 {
				w.pubs = append(w.pubs, w.ep.publication())
			}
			return wantAll(store.PublishStored)(p.Publish(w.ctx, time.Now(), w.pubs))
		}},
		{"Publish, handed over", 2, func(p *process) error {
			pub := w.ep.publication()
			pub.Epoch, pub.Deliveries[0].HandOver = w.epoch, true
			return wantAll(store.PublishStored)(p.Publish(w.ctx, time.Now(), []store.Publication{pub}))
		}},
		{"Publish, stale", 1, func(p *process) error {
			pub := w.ep.publication()
			pub.Revision--
			return wantAll(store.PublishStale)(p.Publish(w.ctx, time.Now(), []store.Publication{pub}))
		}},
		{"Publish, new keys", 4, func(p *process) error {
			return wantAll(store.PublishStored)(p.Publish(w.ctx, time.Now(), []store.Publication{keyed("a", time.Hour), keyed("b", -time.Second)}))
		}},
		{"Publish, known key", 2, func(p *process) error {
			return wantAll(store.PublishDuplicate)(p.Publish(w.ctx, time.Now(), []store.Publication{keyed("a", time.Hour)}))
		}},
		{"Publish, expired key", 3, func(p *process) error {
			return wantAll(store.PublishStored)(p.Publish(w.ctx, time.Now(), []store.Publication{keyed("b", time.Hour)}))
		}},
		{"Publish, stale with key", 3, func(p *process) error {
			pub := keyed("c", time.Hour)
			pub.Revision--
			return wantAll(store.PublishStale)(p.Publish(w.ctx, time.Now(), []store.Publication{pub}))
		}},
		{"Tx.Publish", 3, func(p *process) error {
			tx, err := p.pool.Begin(w.ctx)
			if err != nil {
				return err
			}
			err = wantAll(store.PublishStored)(p.Tx(tx).Publish(w.ctx, time.Now(), []store.Publication{keyed("d", time.Hour)}))
			return cmp.Or(err, tx.Commit(w.ctx))
		}},
		{"Published", 128, func(p *process) error {
			found, err := p.Published(w.ctx, w.events())
			return cmp.Or(err, wantLen(found, 128))
		}},
	}
}

func wantAll(want store.PublishOutcome) func([]store.PublishResult, error) error {
	return func(results []store.PublishResult, err error) error {
		for _, r := range results {
			if err == nil && r.Outcome != want {
				err = fmt.Errorf("outcome %s; want %s", outcome(r.Outcome), outcome(want))
			}
		}
		return err
	}
}

func wantLen[T any](list []T, want int) error {
	if len(list) != want {
		return fmt.Errorf("%d found; want %d", len(list), want)
	}
	return nil
}

func (w *life) events() []store.EventKey {
	keys := make([]store.EventKey, len(w.pubs))
	for i, p := range w.pubs {
		keys[i] = store.EventKey{Tenant: p.Event.Tenant, ID: p.Event.ID}
	}
	return keys
}

func (w *life) claims() []step {
	steps := []step{
		{"Take, by keys", 256, func(p *process) (err error) {
			w.ordered, err = p.Take(w.ctx, time.Now(), w.epoch, 0, []store.Lane{orderedLane}, w.turn(64))
			return err
		}},
		{"Take, one of a key", 256, func(p *process) error {
			_, err := p.Take(w.ctx, time.Now(), w.epoch, 0, []store.Lane{orderedLane}, w.turn(1))
			return err
		}},
		{"Poll", 60, func(p *process) error {
			n := 0
			claimed, _, err := p.Poll(w.ctx, time.Now(), w.epoch, 60, func(store.Waiting) store.Admission {
				n++
				return store.Admission{Lease: n%2 == 0, Gate: store.Gate{Next: time.Now().Add(time.Hour)}}
			})
			w.claimed = claimed
			return err
		}},
		{"Take, due lanes", 16 + 16*8, func(p *process) error {
			claimed, err := p.Take(w.ctx, time.Now(), w.epoch, 16, nil, w.turn(8))
			w.claimed = append(w.claimed, claimed...)
			return err
		}},
		{"ReserveQuota, new", 1, w.reserveQuota},
		{"ReserveQuota", 1, w.reserveQuota},
		{"ReserveRates, new names", 200, w.reserve},
		{"ReserveRates", 200, w.reserve},
	}
	for _, size := range []int{1, 8, 64, 1024} {
		steps = append(steps, step{fmt.Sprintf("Take, at most %d", size), size, func(p *process) error {
			_, err := p.Take(w.ctx, time.Now(), w.epoch, 0, []store.Lane{deadLane}, w.turn(size))
			return err
		}})
	}
	steps = append(steps, w.batches()...)
	return append(steps, step{"Take, shares of ranks", 8 + 4, func(p *process) error {
		_, err := p.Take(w.ctx, time.Now(), w.epoch, 0, []store.Lane{deadLane}, func(store.Lane) store.Turn {
			return store.Turn{Max: 8, Shares: store.Ranks{1: 4, 2: 4}, Gate: store.Gate{Next: time.Now(), Revision: 1}}
		})
		return err
	}})
}

func (w *life) reserve(p *process) error {
	var reqs []store.RateRequest
	for i := range 200 {
		reqs = append(reqs, store.RateRequest{Tenant: fmt.Sprint("tenant ", i), Name: "a", Interval: time.Microsecond, Want: 1})
	}
	grants, err := p.ReserveRates(w.ctx, time.Now(), reqs)
	return cmp.Or(err, wantLen(grants, 200))
}

// batches binds rows of one lane, gives them back and takes them as one.
func (w *life) batches() []step {
	const size = 4
	var members []store.Claimed
	return []step{
		{"Bind", size, func(p *process) error {
			members = w.together(size)
			b := store.Binding{ID: webhook.NewID(webhook.PrefixBatch), Tenant: members[0].Tenant}
			for _, c := range members {
				b.Members = append(b.Members, store.Held{Tenant: c.Tenant, Delivery: c.Delivery, Claim: c.Claim})
			}
			bound, err := p.Bind(w.ctx, w.epoch, []store.Binding{b})
			return cmp.Or(err, wantLen(bound, 1))
		}},
		{"Settle, a batch given back", size, func(p *process) error {
			st := store.Settlement{Epoch: w.epoch, Gates: []store.Gate{{Tenant: members[0].Tenant, Endpoint: members[0].Endpoint, Next: time.Now()}}}
			for _, c := range members {
				it := delivered(c, time.Now())
				it.Status, it.Attempt, it.Park = webhook.DeliveryPending, nil, true
				st.Items = append(st.Items, it)
			}
			result, err := p.Settle(w.ctx, time.Now(), st)
			return cmp.Or(err, wantLen(result.Lost, 0))
		}},
		{"Take, a batch", size + 8, func(p *process) error {
			lane := store.Lane{Tenant: members[0].Tenant, Endpoint: members[0].Endpoint}
			claimed, err := p.Take(w.ctx, time.Now(), w.epoch, 0, []store.Lane{lane}, w.turn(size))
			w.claimed = append(w.claimed, claimed...)
			return cmp.Or(err, wantLen(claimed, size))
		}},
	}
}

// together takes n claims of one lane out of those that there are.
func (w *life) together(n int) (list []store.Claimed) {
	lanes := map[store.Lane][]store.Claimed{}
	for _, c := range w.claimed {
		lane := store.Lane{Tenant: c.Tenant, Endpoint: c.Endpoint}
		if lanes[lane] = append(lanes[lane], c); len(lanes[lane]) == n {
			list = lanes[lane]
			break
		}
	}
	w.claimed = slices.DeleteFunc(w.claimed, func(c store.Claimed) bool { return slices.Contains(list, c) })
	return list
}

func (w *life) reserveQuota(p *process) error {
	req := store.QuotaRequest{Tenant: w.ep.name, Name: "events", Window: time.Unix(0, 0), Limit: 10, Need: 1}
	n, err := p.ReserveQuota(w.ctx, time.Now(), req)
	if err == nil && n != 1 {
		err = fmt.Errorf("%d units were given, want 1", n)
	}
	return err
}

func (w *life) turn(most int) func(store.Lane) store.Turn {
	return func(store.Lane) store.Turn {
		return store.Turn{Max: most, Gate: store.Gate{Next: time.Now(), Revision: 1}}
	}
}

func (w *life) settles() []step {
	settle := func(p *process, n int, change func(*store.Settled)) error {
		now := time.Now()
		st := store.Settlement{Epoch: w.epoch}
		for _, c := range w.claimed[:n] {
			it := delivered(c, now)
			change(&it)
			st.Items = append(st.Items, it)
			if it.Park {
				st.Gates = append(st.Gates, store.Gate{Tenant: c.Tenant, Endpoint: c.Endpoint, Next: now.Add(time.Hour), Revision: 1})
			}
		}
		w.claimed = w.claimed[n:]
		result, err := p.Settle(w.ctx, now, st)
		return cmp.Or(err, wantLen(result.Lost, 0))
	}
	var last store.Claimed
	return []step{
		{"Start", 8, func(p *process) error {
			// From here on the owner's index holds much that is gone.
			w.b.churn(w.t, w.epoch, 20000)
			var held []store.Held
			for _, c := range w.claimed[:8] {
				held = append(held, store.Held{Tenant: c.Tenant, Delivery: c.Delivery, Claim: c.Claim})
			}
			started, err := p.Start(w.ctx, w.epoch, held)
			return cmp.Or(err, wantLen(started, 8))
		}},
		{"Settle, delivered", 8, func(p *process) error {
			last = w.claimed[0]
			return settle(p, 8, func(*store.Settled) {})
		}},
		{"Settle, to be tried again", 8, func(p *process) error {
			return settle(p, 8, func(it *store.Settled) {
				it.Status, it.Due, it.Attempt.Class = webhook.DeliveryPending, time.Now().Add(time.Hour), webhook.ClassDNS
				it.Health = store.HealthFailure
			})
		}},
		{"Settle, parked", 8, func(p *process) error {
			return settle(p, 8, func(it *store.Settled) { it.Status, it.Attempt, it.Park = webhook.DeliveryPending, nil, true })
		}},
		{"Settle, blocking", 2, func(p *process) error {
			if len(w.ordered) < 2 {
				return fmt.Errorf("%d ordered deliveries claimed; want 2", len(w.ordered))
			}
			st := store.Settlement{Epoch: w.epoch}
			for _, c := range w.ordered[:2] {
				it := delivered(c, time.Now())
				it.Status, it.Block = webhook.DeliveryFailed, true
				st.Items = append(st.Items, it)
			}
			result, err := p.Settle(w.ctx, time.Now(), st)
			return cmp.Or(err, wantLen(result.Lost, 0))
		}},
		{"Cancel, unblocking", 2, func(p *process) error {
			answers, err := p.Cancel(w.ctx, time.Now(), orderedLane.Tenant, []string{w.ordered[0].Delivery, w.ordered[1].Delivery})
			if err == nil && (len(answers) != 2 || answers[0].Outcome != webhook.CancelUnblocked) {
				err = fmt.Errorf("Cancel = %+v; want both unblocked", answers)
			}
			return err
		}},
		{"Cancel", 3, func(p *process) error {
			ids := []string{last.Delivery, w.claimed[0].Delivery, w.b.id(w.t, webhook.PrefixDelivery, 3+int(w.epoch))}
			_, err := p.Cancel(w.ctx, time.Now(), last.Tenant, ids)
			return err
		}},
		{"Settle, canceled", 1, func(p *process) error {
			return settle(p, 1, func(it *store.Settled) { it.Status, it.Due = webhook.DeliveryPending, time.Now().Add(time.Hour) })
		}},
		{"Redeliver", 2, func(p *process) error {
			return p.Redeliver(w.ctx, time.Now(), "dead", w.b.id(w.t, webhook.PrefixDelivery, 1+int(w.epoch)))
		}},
		{"Redeliver, pending", 2, func(p *process) error {
			return p.Redeliver(w.ctx, time.Now(), "dead", w.b.id(w.t, webhook.PrefixDelivery, 1+int(w.epoch)))
		}},
		{"Place", 4, func(p *process) error {
			_, err := p.Place(w.ctx, "dead", w.b.id(w.t, webhook.PrefixDelivery, 1+int(w.epoch)))
			return err
		}},
		{"Delivery", 1, func(p *process) error { _, err := p.Delivery(w.ctx, last.Tenant, last.Delivery); return err }},
		{"Attempts", 1, func(p *process) error {
			attempts, err := p.Attempts(w.ctx, last.Tenant, last.Delivery)
			return cmp.Or(err, wantLen(attempts, 1))
		}},
		{"Resign", 1100, func(p *process) error { return p.Resign(w.ctx, time.Now(), w.epoch) }},
	}
}

// leases has more rows for Reap than it returns: the index that leads to owners has
// rows of the past in it, until it is vacuumed.
func (w *life) leases() []step {
	var dead int64
	return []step{
		{"Held", 20, func(p *process) error {
			held, err := p.Held(w.ctx, w.epoch, "", 20)
			return cmp.Or(err, wantLen(held, 20))
		}},
		{"Poll of a process that dies", 10, func(p *process) (err error) {
			if dead, err = p.Acquire(w.ctx, time.Now(), store.Process{}, -time.Second); err != nil {
				return err
			}
			_, _, err = p.Poll(w.ctx, time.Now(), dead, 10, func(store.Waiting) store.Admission { return store.Admission{Lease: true} })
			return err
		}},
		{"Reap", 50, func(p *process) error {
			n, err := p.Reap(w.ctx, time.Now(), w.epoch, 0, 10)
			return cmp.Or(err, wantLen(make([]int, n), 10))
		}},
		{"Reap, nobody is dead", 50, func(p *process) error {
			_, err := p.Reap(w.ctx, time.Now(), w.epoch, 0, 10)
			return err
		}},
	}
}

// jobs lease a job and redeliver five deliveries of the history.
func (w *life) jobs() []step {
	job := store.Job{ID: webhook.NewID(webhook.PrefixJob), Tenant: "dead"}
	return []step{
		{"CreateJob", 1, func(p *process) error { return p.CreateJob(w.ctx, time.Now(), job) }},
		{"LeaseJobs", 10, func(p *process) error {
			jobs, err := p.LeaseJobs(w.ctx, time.Now(), w.epoch, 1)
			if err == nil && len(jobs) == 1 {
				job = jobs[0] // of several runs of the test, the oldest
			}
			return cmp.Or(err, wantLen(jobs, 1))
		}},
		{"Redeliver by a job", 10, func(p *process) error {
			s := store.JobStep{Tenant: job.Tenant, ID: job.ID, Was: job.Cursor, Cursor: "1"}
			for i := range 5 {
				s.Redeliver = append(s.Redeliver, w.b.id(w.t, webhook.PrefixDelivery, 20+5*int(w.epoch)+i))
			}
			return p.AdvanceJob(w.ctx, time.Now(), w.epoch, s)
		}},
		{"AdvanceJob", 1, func(p *process) error {
			return p.AdvanceJob(w.ctx, time.Now(), w.epoch, store.JobStep{Tenant: job.Tenant, ID: job.ID, Was: "1", End: true})
		}},
		{"Job", 1, func(p *process) error { _, err := p.Job(w.ctx, job.Tenant, job.ID); return err }},
		{"CancelJob", 2, func(p *process) error { return p.CancelJob(w.ctx, time.Now(), job.Tenant, job.ID) }},
		{"Tenants", 10, func(p *process) error {
			_, next, err := p.Tenants(w.ctx, "", 5)
			if err == nil {
				_, _, err = p.Tenants(w.ctx, next, 5)
			}
			return err
		}},
	}
}

func (w *life) directory() []step {
	return []step{
		{"TenantEndpoints, all", 1, func(p *process) error { _, _, err := p.TenantEndpoints(w.ctx, w.ep.name, 0); return err }},
		{"TenantEndpoints, the new ones", 1, func(p *process) error {
			_, revision, err := p.TenantEndpoints(w.ctx, "tenant 7", 1<<60)
			if err == nil && revision > 0 {
				_, _, err = p.TenantEndpoints(w.ctx, "tenant 7", revision-1)
			}
			return err
		}},
		{"ChangedEndpoints", 10, func(p *process) error { _, _, err := p.ChangedEndpoints(w.ctx, 0, 10); return err }},
		{"ChangedHealth", 1, func(p *process) error { _, err := p.ChangedHealth(w.ctx, time.Now(), time.Hour); return err }},
		{"LatestChange", 1, func(p *process) error { _, err := p.LatestChange(w.ctx); return err }},
		{"EngineEndpoints", 1, func(p *process) error {
			found, err := p.EngineEndpoints(w.ctx, []store.Lane{w.ep.lane()})
			return cmp.Or(err, wantLen(found, 1))
		}},
		{"UpdateEndpoint", 2, func(p *process) (err error) {
			for _, status := range []webhook.EndpointStatus{webhook.EndpointPaused, webhook.EndpointActive} {
				if w.ep.ep.Status = status; err == nil {
					w.ep.ep, err = p.UpdateEndpoint(w.ctx, time.Now(), w.ep.ep)
				}
			}
			return err
		}},
		{"RotateSecret", 2, func(p *process) error {
			secret := store.SecretRecord{ID: webhook.NewID(webhook.PrefixSecret), Tenant: w.ep.name, Endpoint: w.ep.ep.ID}
			return p.RotateSecret(w.ctx, time.Now(), secret, time.Now())
		}},
		{"Secrets", 2, func(p *process) error { _, err := p.Secrets(w.ctx, w.ep.name, w.ep.ep.ID); return err }},
		{"Endpoint", 1, func(p *process) error { _, err := p.Endpoint(w.ctx, w.ep.name, w.ep.ep.ID); return err }},
		{"ListEndpoints", 5, func(p *process) error { _, err := p.ListEndpoints(w.ctx, "tenant 7", store.Page{Limit: 5}); return err }},
		{"DeleteEndpoint", 2, func(p *process) error { return p.DeleteEndpoint(w.ctx, time.Now(), w.ep.name, w.ep.ep.ID) }},
	}
}

func (w *life) reads() []step {
	steps := []step{
		{"EventsByKey", 128, func(p *process) error {
			events, err := p.EventsByKey(w.ctx, w.events())
			return cmp.Or(err, wantLen(events, 128))
		}},
		{"Event", 1, func(p *process) error {
			_, err := p.Event(w.ctx, "dead", w.b.id(w.t, webhook.PrefixEvent, 1))
			return err
		}},
		{"ListEvents", 10, func(p *process) error { _, err := p.ListEvents(w.ctx, "dead", store.Page{Limit: 10}); return err }},
		{"Stats", 20, func(p *process) error {
			_, err := p.Stats(w.ctx, w.ep.name, store.StatScope{}, time.Now().Add(-time.Hour), time.Now())
			return err
		}},
		{"Setting", 1, func(p *process) error { _, err := p.Setting(w.ctx, "name", []byte("value")); return err }},
	}
	steps = append(steps, w.watched()...)
	list := func(name string, f store.DeliveryFilter) {
		steps = append(steps, step{"list " + name, 20, func(p *process) error {
			_, err := p.ListDeliveries(w.ctx, "dead", f, store.Page{Limit: 10})
			return err
		}})
	}
	list("all", store.DeliveryFilter{})
	list("of an event", store.DeliveryFilter{Event: w.b.id(w.t, webhook.PrefixEvent, 2)})
	list("of an endpoint", store.DeliveryFilter{Endpoint: "ep_42"})
	for _, status := range []webhook.DeliveryStatus{webhook.DeliveryPending, webhook.DeliveryDelivered, webhook.DeliveryFailed} {
		list(string(status), store.DeliveryFilter{Status: status})
		list(string(status)+" of an endpoint", store.DeliveryFilter{Status: status, Endpoint: "ep_42"})
	}
	for _, f := range []store.DeliveryFilter{
		{Status: webhook.DeliveryFailed, Endpoint: "ep_42"}, {Status: webhook.DeliveryFailed}, {Status: webhook.DeliveryDelivered, Endpoint: "ep_dead"},
	} {
		steps = append(steps, step{fmt.Sprintf("oldest %s of %q", f.Status, f.Endpoint), 20, func(p *process) error {
			_, err := p.ListDeliveries(w.ctx, "dead", f, store.Page{Limit: 10, Oldest: true, After: w.b.id(w.t, webhook.PrefixDelivery, 40)})
			return err
		}})
	}
	list("of a time", store.DeliveryFilter{From: time.Now().Add(-time.Hour), To: time.Now()})
	return append(steps, w.finds()...)
}
