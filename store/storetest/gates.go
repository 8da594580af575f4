package storetest

import (
	"time"

	"github.com/postrider/postrider/store"
)

var gateCases = []testCase{
	{"ZeroIsNever", gateZeroIsNever},
	{"PollOnlyMovesEarlier", gatePollOnlyMovesEarlier},
	{"SettleOnlyMovesEarlier", gateSettleOnlyMovesEarlier},
	{"TakeSets", gateTakeSets},
	{"OutdatedIsNow", gateOutdatedIsNow},
	{"OfPresentRevisionHolds", gateOfPresentRevision},
	{"OfNoRevisionHolds", gateOfNoRevision},
	{"ChangeOpens", gateChangeOpens},
	{"ChangeOfAnotherDoesNot", gateChangeOfAnother},
}

// shut makes an endpoint with n deliveries parked behind a gate.
func (w *world) shut(epoch int64, n int, next time.Time) store.EndpointRecord {
	w.t.Helper()
	ep := w.endpoint(acme)
	w.waiting(acme, ep.ID, n)
	w.park(epoch, until(next))
	return ep
}

// wantDueAt checks that a lane falls due at a time and not before it. It moves
// the time of the case there.
func (w *world) wantDueAt(ep store.EndpointRecord, at time.Time, why string) {
	w.t.Helper()
	w.now = at.Add(-time.Millisecond)
	if w.due(ep.Tenant, ep.ID) {
		w.t.Errorf("Take a millisecond before %v: the lane is due; want not yet: %s", at, why)
	}
	w.now = at
	if !w.due(ep.Tenant, ep.ID) {
		w.t.Errorf("Take at %v: the lane is not due; want it: %s", at, why)
	}
}

func (w *world) wantNever(ep store.EndpointRecord, why string) {
	w.t.Helper()
	w.advance(10000 * time.Hour)
	if w.due(ep.Tenant, ep.ID) {
		w.t.Errorf("Take after a year: the lane is due; want never: %s", why)
	}
}

// settleGate parks one more delivery of a lane with a settlement.
func (w *world) settleGate(epoch int64, g store.Gate) {
	w.t.Helper()
	w.waiting(g.Tenant, g.Endpoint, 1)
	item := released(w.pollOne(epoch), w.now)
	item.Park = true
	w.settleAll(store.Settlement{Epoch: epoch, Items: []store.Settled{item}, Gates: []store.Gate{g}})
}

func gateOf(ep store.EndpointRecord, next time.Time) store.Gate {
	return store.Gate{Tenant: ep.Tenant, Endpoint: ep.ID, Next: next}
}

func gateZeroIsNever(w *world) {
	epoch := w.acquire()
	ep := w.shut(epoch, 1, time.Time{})
	_, next, err := w.store.Poll(w.ctx, w.now, epoch, many, leaseAll)
	w.must(err, "Poll")
	if !next.IsZero() {
		w.t.Errorf("Poll with a lane shut for ever: next %v; want the zero time: a paused endpoint would wake the engine", next)
	}
	w.wantNever(ep, "a paused endpoint costs nothing")
}

func gatePollOnlyMovesEarlier(w *world) {
	epoch := w.acquire()
	ep := w.shut(epoch, 1, w.now.Add(time.Minute))
	gate := w.now.Add(time.Minute)
	for _, later := range []time.Time{w.now.Add(time.Hour), {}} {
		w.waiting(acme, ep.ID, 1)
		w.park(epoch, until(later))
	}
	other := w.shut(epoch, 1, w.now.Add(time.Hour))
	w.waiting(acme, other.ID, 1)
	w.park(epoch, until(gate.Add(time.Second)))
	w.wantDueAt(ep, gate, "parking behind a later gate would shut a lane that opens sooner")
	w.wantDueAt(other, gate.Add(time.Second), "parking behind an earlier gate moves the lane")
}

func gateSettleOnlyMovesEarlier(w *world) {
	epoch := w.acquire()
	gate := w.now.Add(time.Minute)
	a := w.shut(epoch, 1, gate)
	b := w.shut(epoch, 1, gate.Add(time.Hour))
	c := w.shut(epoch, 1, time.Time{})
	w.settleGate(epoch, gateOf(a, gate.Add(time.Hour)))
	w.settleGate(epoch, gateOf(a, time.Time{}))
	w.settleGate(epoch, gateOf(b, gate.Add(time.Second)))
	w.settleGate(epoch, gateOf(c, gate.Add(2*time.Second)))
	w.wantDueAt(a, gate, "another process's later gate would undo the earlier one")
	w.wantDueAt(b, gate.Add(time.Second), "a success opens a lane sooner")
	w.wantDueAt(c, gate.Add(2*time.Second), "any time is earlier than never")
}

func gateTakeSets(w *world) {
	epoch := w.acquire()
	gate := w.now.Add(time.Minute)
	a := w.shut(epoch, 3, w.now)
	w.take(epoch, acme, a.ID, 1, gate)
	w.wantDueAt(a, gate, "a turn gives the lane its next time, also a later one")
	w.take(epoch, acme, a.ID, 1, time.Time{})
	w.wantNever(a, "a turn may shut the lane for ever")
}

func gateOutdatedIsNow(w *world) {
	epoch := w.acquire()
	wantNow := func(ep store.EndpointRecord, call string) {
		w.t.Helper()
		if !w.due(acme, ep.ID) {
			w.t.Errorf("Take after %s with a gate of an older revision: the lane is not due; want it: a pause that was just lifted would shut it for ever", call)
		}
	}
	ep := w.endpoint(acme)
	w.waiting(acme, ep.ID, 1)
	w.touch(ep)
	w.park(epoch, func(row store.Waiting) store.Gate {
		return store.Gate{Tenant: acme, Endpoint: row.Endpoint, Revision: ep.Revision}
	})
	wantNow(ep, "Poll")

	ep = w.shut(epoch, 2, time.Time{})
	g := gateOf(w.touch(ep), w.now.Add(time.Hour))
	w.take(epoch, acme, ep.ID, 0, time.Time{}) // shut again
	g.Revision = ep.Revision
	w.settleGate(epoch, g)
	wantNow(ep, "Settle")

	w.turn(epoch, store.Turn{Max: 1, Gate: g})
	wantNow(ep, "Take")
}

func gateOfPresentRevision(w *world) {
	epoch := w.acquire()
	ep := w.endpoint(acme)
	w.waiting(acme, ep.ID, 2)
	w.endpoint(acme) // moves the tenant's revision, not the endpoint's
	gate := w.now.Add(time.Minute)
	g := store.Gate{Tenant: acme, Endpoint: ep.ID, Next: gate, Revision: ep.Revision}
	w.park(epoch, func(store.Waiting) store.Gate { return g })
	w.wantDueAt(ep, gate, "the endpoint has not changed since")
	g.Next = gate.Add(time.Hour)
	w.turn(epoch, store.Turn{Max: 1, Gate: g})
	w.wantDueAt(ep, g.Next, "the endpoint has not changed since")
}

func gateOfNoRevision(w *world) {
	epoch := w.acquire()
	ep := w.touch(w.endpoint(acme))
	w.waiting(acme, ep.ID, 1)
	gate := w.now.Add(time.Minute)
	w.park(epoch, until(gate))
	w.wantDueAt(ep, gate, "a gate without a revision rests on no configuration")
}

func gateChangeOpens(w *world) {
	epoch := w.acquire()
	changes := map[string]func(store.EndpointRecord){
		"UpdateEndpoint": func(ep store.EndpointRecord) { w.touch(ep) },
		"DeleteEndpoint": func(ep store.EndpointRecord) {
			w.must(w.store.DeleteEndpoint(w.ctx, w.now, acme, ep.ID), "DeleteEndpoint")
		},
		"RotateSecret": func(ep store.EndpointRecord) {
			w.must(w.store.RotateSecret(w.ctx, w.now, w.newSecret(acme, ep.ID), w.now), "RotateSecret")
		},
	}
	for call, change := range changes {
		ep := w.shut(epoch, 2, time.Time{})
		change(ep)
		if !w.due(acme, ep.ID) {
			w.t.Errorf("Take after %s: the lane is not due; want it: what is parked would not notice a resume or a deletion", call)
		}
		_, next, err := w.store.Poll(w.ctx, w.now, epoch, many, leaseAll)
		w.must(err, "Poll")
		if next.IsZero() || next.After(w.now) {
			w.t.Errorf("Poll after %s: next %v; want now: the engine would not look", call, next)
		}
		if n := len(w.take(epoch, acme, ep.ID, 10, time.Time{})); n != 2 {
			w.t.Errorf("Take after %s = %d jobs; want 2", call, n)
		}
	}
}

func gateChangeOfAnother(w *world) {
	epoch := w.acquire()
	ep := w.shut(epoch, 1, time.Time{})
	w.touch(w.endpoint(acme))
	w.endpoint(globex)
	w.wantNever(ep, "only its own endpoint's change opens a lane")
}
