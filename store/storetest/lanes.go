package storetest

import (
	"context"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var laneCases = []testCase{
	{"TakeDueInOrder", takeDueInOrder},
	{"TakeNoLaneWithoutParkedRows", takeNoLaneWithoutParked},
	{"TakeAsksOnce", takeAsksOnce},
	{"TakeOldestFirst", takeOldestFirst},
	{"TakeIsOldestAlsoAfterAReturn", takeOldestAfterReturn},
	{"TakeSeveralLanes", takeSeveralLanes},
	{"TakeEmptiesToNone", takeEmptiesToNone},
	{"TakeOfNothing", takeOfNothing},
	{"TakeNeedNotBeDue", takeNeedNotBeDue},
	{"TakeOfAnotherTenant", takeOfAnotherTenant},
	{"TakeClaimIsWhole", takeClaimIsWhole},
	{"TakeCanceledLeasesNothing", takeCanceled},
}

// endpointsOf names lanes by their endpoints.
func endpointsOf(lanes []store.Lane) []string {
	var out []string
	for _, l := range lanes {
		out = append(out, l.Endpoint)
	}
	return out
}

func takeDueInOrder(w *world) {
	epoch := w.acquire()
	var all []string
	for _, gate := range []time.Duration{3, 1, 2, 4} {
		all = append(all, w.shut(epoch, 3, w.now.Add(gate*time.Minute)).ID)
	}
	w.advance(3 * time.Minute)
	w.advance(time.Second)
	want := []string{all[1], all[2], all[0]}
	if got := endpointsOf(w.dueLanes(2)); !slices.Equal(got, want[:2]) {
		w.t.Errorf("Take of at most 2 lanes asked %v; want %v, longest due first: a lane would starve", got, want[:2])
	}
	w.advance(time.Second)
	want = []string{all[0], all[1], all[2]}
	if got := endpointsOf(w.dueLanes(many)); len(got) != 3 || got[0] != want[0] || !slices.Equal(sorted(got), sorted(want)) {
		w.t.Errorf("Take after two lanes had their turn asked %v; want %s first: a lane goes to the back after its turn", got, want[0])
	}
}

func takeNoLaneWithoutParked(w *world) {
	epoch := w.acquire()
	ep := w.touch(w.endpoint(acme))
	w.waiting(acme, ep.ID, 1)
	if got := w.dueLanes(many); len(got) != 0 {
		w.t.Errorf("Take when nothing was ever parked asked %v; want none: every endpoint would get turns", got)
	}
	w.poll(epoch)
}

// takeAsksOnce lets a lane be due and ask as well.
func takeAsksOnce(w *world) {
	epoch := w.acquire()
	due, shut := w.shut(epoch, 3, w.now), w.shut(epoch, 3, w.now.Add(time.Hour))
	lane := func(ep store.EndpointRecord) store.Lane { return store.Lane{Tenant: acme, Endpoint: ep.ID} }
	var asked []string
	claimed, err := w.store.Take(w.ctx, w.now, epoch, many, []store.Lane{lane(shut), lane(due), lane(shut)}, func(l store.Lane) store.Turn {
		asked = append(asked, l.Endpoint)
		return store.Turn{Max: 1, Gate: store.Gate{Tenant: l.Tenant, Endpoint: l.Endpoint, Next: w.now}}
	})
	w.must(err, "Take")
	if !slices.Equal(sorted(asked), sorted([]string{due.ID, shut.ID})) || len(claimed) != 2 {
		w.t.Errorf("Take asked %v and leased %d; want each lane once: its room would be given twice", asked, len(claimed))
	}
}

func takeOldestFirst(w *world) {
	epoch := w.acquire()
	ep := w.endpoint(acme)
	want := w.waiting(acme, ep.ID, 7)
	w.park(epoch, never)
	var got []string
	for i := range 4 {
		claimed := w.take(epoch, acme, ep.ID, 2, w.now)
		if len(claimed) > 2 {
			w.t.Errorf("Take of at most 2 = %d jobs: a lane would get more than its room", len(claimed))
		}
		batch := sorted(ids(claimed))
		if end := min(2*i+2, 7); !slices.Equal(batch, sorted(want[min(2*i, 7):end])) {
			w.t.Errorf("Take %d of a lane = %v; want %v, the oldest: a backlog would starve", i+1, batch, want[2*i:end])
		}
		got = append(got, batch...)
	}
	if len(got) != 7 {
		w.t.Errorf("Take, two at a time = %d jobs; want 7", len(got))
	}
}

// takeOldestAfterReturn gives back what a lane had not started when its
// breaker opened.
func takeOldestAfterReturn(w *world) {
	epoch := w.acquire()
	ep := w.endpoint(acme)
	oldest := w.waiting(acme, ep.ID, 1)[0]
	c := w.pollOne(epoch)
	w.waiting(acme, ep.ID, 2)
	w.park(epoch, never)
	back := released(c, w.now)
	back.Park = true
	w.settleAll(store.Settlement{Epoch: epoch, Items: []store.Settled{back}, Gates: []store.Gate{gateOf(ep, w.now)}})
	if got := ids(w.take(epoch, acme, ep.ID, 1, w.now)); !slices.Equal(got, []string{oldest}) {
		w.t.Errorf("Take after the oldest was given back = %v; want %s: it was published first", got, oldest)
	}
}

func takeSeveralLanes(w *world) {
	epoch := w.acquire()
	a, b, c := w.shut(epoch, 3, w.now), w.shut(epoch, 3, w.now), w.shut(epoch, 3, w.now)
	later := w.now.Add(time.Minute)
	turns := map[string]store.Turn{
		a.ID: {Max: 2, Gate: gateOf(a, time.Time{})}, b.ID: {Gate: gateOf(b, w.now)}, c.ID: {Max: 1, Gate: gateOf(c, later)},
	}
	claimed, err := w.store.Take(w.ctx, w.now, epoch, many, nil, func(l store.Lane) store.Turn { return turns[l.Endpoint] })
	w.must(err, "Take")
	count := map[string]int{}
	for _, x := range claimed {
		count[x.Endpoint]++
	}
	if count[a.ID] != 2 || count[b.ID] != 0 || count[c.ID] != 1 || len(w.held(epoch)) != 3 {
		w.t.Errorf("Take with turns of 2, 0, 1 = %d, %d, %d jobs", count[a.ID], count[b.ID], count[c.ID])
	}
	if got := endpointsOf(w.dueLanes(many)); !slices.Equal(got, []string{b.ID}) {
		w.t.Errorf("Take after that asked %v; want only %s, whose gate is now", got, b.ID)
	}
	w.advance(time.Minute)
	if got := sorted(endpointsOf(w.dueLanes(many))); !slices.Equal(got, sorted([]string{b.ID, c.ID})) {
		w.t.Errorf("Take a minute later asked %v; want %s and %s: each lane has its own gate", got, b.ID, c.ID)
	}
}

func takeEmptiesToNone(w *world) {
	epoch := w.acquire()
	for _, limit := range []int{2, 10} {
		ep := w.shut(epoch, 2, w.now)
		if n := len(w.take(epoch, acme, ep.ID, limit, w.now)); n != 2 {
			w.t.Errorf("Take of a lane with 2 rows = %d jobs; want 2", n)
		}
		w.advance(time.Hour)
		if w.due(acme, ep.ID) {
			w.t.Errorf("Take after a turn that emptied the lane: it is due; want not: an empty lane would get turns for ever")
		}
		gate := w.now.Add(time.Minute)
		w.waiting(acme, ep.ID, 1)
		if next := w.park(epoch, until(gate)); !next.Equal(gate) {
			w.t.Errorf("Poll that parks into an empty lane: next %v; want its gate, %v", next, gate)
		}
		w.wantDueAt(ep, gate, "the lane has parked rows again")
		w.take(epoch, acme, ep.ID, 10, w.now)
	}
}

func takeOfNothing(w *world) {
	epoch := w.acquire()
	ep := w.endpoint(acme)
	w.waiting(acme, ep.ID, 1)
	if got := w.take(epoch, acme, ep.ID, 10, w.now); len(got) != 0 {
		w.t.Errorf("Take of a lane without parked rows = %v; want none: waiting rows are not parked", ids(got))
	}
	got, err := w.store.Take(w.ctx, w.now, epoch, many, nil, func(l store.Lane) store.Turn {
		w.t.Errorf("Take without lanes asked %v; want no question", l)
		return store.Turn{}
	})
	if err != nil || len(got) != 0 {
		w.t.Errorf("Take without lanes = %v, error %v; want none, no error", ids(got), err)
	}
	if got := w.take(epoch, acme, "ep_unknown", 10, time.Time{}); len(got) != 0 {
		w.t.Errorf("Take of an unknown endpoint = %v; want none", ids(got))
	}
	w.pollOne(epoch)
}

func takeNeedNotBeDue(w *world) {
	epoch := w.acquire()
	ep := w.shut(epoch, 2, w.now.Add(time.Hour))
	if n := len(w.take(epoch, acme, ep.ID, 1, w.now.Add(time.Minute))); n != 1 {
		w.t.Errorf("Take of a lane that is not due = %d jobs; want 1: a lane with room may ask", n)
	}
}

func takeOfAnotherTenant(w *world) {
	epoch := w.acquire()
	ep := w.shut(epoch, 1, w.now)
	if got := w.take(epoch, globex, ep.ID, 10, time.Time{}); len(got) != 0 {
		w.t.Errorf("Take under another tenant = %v; want none", ids(got))
	}
	if !w.due(acme, ep.ID) {
		w.t.Errorf("Take after another tenant's turn: the lane is not due; want it untouched")
	}
}

func takeClaimIsWhole(w *world) {
	epoch := w.acquire()
	ep := w.endpoint(acme)
	p := w.publication(acme, ep.ID)
	w.stored(p)
	c := w.pollOne(epoch)
	w.accepted(epoch, w.failed(c))
	w.redeliver(c)
	c = w.pollOne(epoch)
	back := w.retried(c, w.now)
	back.Park = true
	w.settleAll(store.Settlement{Epoch: epoch, Items: []store.Settled{back}, Gates: []store.Gate{gateOf(ep, w.now)}})
	got := w.take(epoch, acme, ep.ID, 1, time.Time{})
	want := store.Claimed{
		Tenant: acme, Delivery: c.Delivery, Endpoint: ep.ID, Event: p.Event.ID, Attempts: 2, Base: 1,
		Seq: c.Seq, Priority: webhook.PriorityNormal,
	}
	if len(got) == 1 && got[0].Claim > c.Claim {
		want.Claim = got[0].Claim
	}
	if !slices.Equal(got, []store.Claimed{want}) {
		w.t.Errorf("Take = %+v; want %+v at a claim after %d", got, want, c.Claim)
	}
}

func takeCanceled(w *world) {
	epoch := w.acquire()
	ep := w.shut(epoch, 2, w.now)
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	got, err := w.store.Take(ctx, w.now, epoch, many, nil, func(store.Lane) store.Turn {
		return store.Turn{Max: 2, Gate: gateOf(ep, time.Time{})}
	})
	if err == nil {
		w.t.Errorf("Take with a canceled context = %v, no error; want an error", ids(got))
	}
	if n := len(w.held(epoch)); n != 0 || !w.due(acme, ep.ID) {
		w.t.Errorf("Held after a canceled Take = %d rows, lane due: %v; want 0, true: nothing was written", n, w.due(acme, ep.ID))
	}
}
