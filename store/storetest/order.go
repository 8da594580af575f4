package storetest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var orderCases = []testCase{
	{"LowestFirst", lowestFirst},
	{"PollTellsOfOrder", pollTellsOfOrder},
	{"ParkedOrWaiting", parkedOrWaiting},
	{"LeasedHeadStops", leasedHeadStops},
	{"NotDueHeadStops", notDueHeadStops},
	{"RunIsUnbroken", runIsUnbroken},
	{"RunIsBounded", runIsBounded},
	{"ReturnedRunKeepsItsPlace", returnedRunKeepsItsPlace},
	{"LostReplyStops", lostReplyStops},
	{"KeysAreApart", keysAreApart},
	{"KeysTakeTurns", keysTakeTurns},
	{"HeldUpKeysDoNotHideOthers", heldUpKeysDoNotHideOthers},
	{"PriorityDoesNotReorder", priorityDoesNotReorder},
	{"UnorderedComeToo", unorderedComeToo},
	{"BlockStopsLaterOnes", blockStopsLaterOnes},
	{"BlockSparesEarlierOnes", blockSparesEarlierOnes},
	{"BlockIsOfItsKey", blockIsOfItsKey},
	{"LostSettleDoesNotBlock", lostSettleDoesNotBlock},
	{"RedeliverKeepsPlace", redeliverKeepsPlace},
	{"CancelUnblocks", cancelUnblocks},
	{"CancelOfTheFirstReopens", cancelOfTheFirstReopens},
	{"CanceledDoesNotBlock", canceledDoesNotBlock},
	{"OrderChangeUnblocks", orderChangeUnblocks},
	{"DeletionUnblocks", deletionUnblocks},
	{"BlockEndsWithItsDelivery", blockEndsWithItsDelivery},
	{"HandOverIsRefused", orderedHandOverIsRefused},
}

// orderedEndpoint stores an endpoint whose events are ordered.
func (w *world) orderedEndpoint() store.EndpointRecord {
	w.t.Helper()
	ep := w.newEndpoint(acme)
	ep.Order = webhook.Order{Enabled: true, OnFailure: webhook.OrderBlock}
	ep, err := w.store.CreateEndpoint(w.ctx, w.now, ep, w.newSecret(acme, ep.ID), store.Creation{})
	w.must(err, "CreateEndpoint")
	return ep
}

// ordered publishes n ordered events of a key, one after the other, and returns
// the ids of the deliveries, which wait.
func (w *world) ordered(ep store.EndpointRecord, key string, n int) []string {
	w.t.Helper()
	var ids []string
	for range n {
		p := w.publication(ep.Tenant, ep.ID)
		p.Deliveries[0].Ordered, p.Deliveries[0].Key = true, key
		w.stored(p)
		ids = append(ids, p.Deliveries[0].ID)
	}
	return ids
}

// takeOrdered gives an endpoint's lane a turn, and leaves it shut for an hour.
func (w *world) takeOrdered(epoch int64, ep store.EndpointRecord, most int) []store.Claimed {
	w.t.Helper()
	return w.turn(epoch, store.Turn{Max: most, Gate: gateOf(ep, w.now.Add(time.Hour))})
}

// takeRun is takeOrdered that ends the case unless n rows come.
func (w *world) takeRun(epoch int64, ep store.EndpointRecord, n int) []store.Claimed {
	w.t.Helper()
	got := w.takeOrdered(epoch, ep, n)
	if len(got) != n {
		w.t.Fatalf("Take of at most %d = %d jobs; want as many", n, len(got))
	}
	return got
}

// takeHead takes the first row of the only key that has any to take.
func (w *world) takeHead(epoch int64, ep store.EndpointRecord) store.Claimed {
	w.t.Helper()
	return w.takeRun(epoch, ep, 1)[0]
}

// wantTaken gives a turn and compares what it brought.
func (w *world) wantTaken(epoch int64, ep store.EndpointRecord, most int, want []string, why string) []store.Claimed {
	w.t.Helper()
	got := w.takeOrdered(epoch, ep, most)
	if !slices.Equal(sorted(ids(got)), sorted(want)) {
		w.t.Errorf("Take of at most %d = %v; want %v: %s", most, ids(got), want, why)
	}
	return got
}

func lowestFirst(w *world) {
	ep := w.orderedEndpoint()
	all := w.ordered(ep, "k", 5)
	epoch := w.acquire()
	for i := range all {
		c := w.wantTaken(epoch, ep, 1, all[i:i+1], "a key is taken from its first row on")
		if len(c) != 1 {
			return
		}
		if !c[0].Ordered || c[0].Key != "k" {
			w.t.Errorf("Take = ordered %v, key %q; want true, %q", c[0].Ordered, c[0].Key, "k")
		}
		w.accepted(epoch, w.delivered(c[0]))
	}
	w.wantTaken(epoch, ep, 1, nil, "nothing is left")
}

func pollTellsOfOrder(w *world) {
	ep := w.orderedEndpoint()
	w.ordered(ep, "k", 1)
	epoch := w.acquire()
	asked := 0
	w.park(epoch, func(row store.Waiting) store.Gate {
		if asked++; !row.Ordered || row.Key != "k" {
			w.t.Errorf("Poll asked about %+v; want it ordered, of key %q: a lane would lease it out of order", row, "k")
		}
		return gateOf(ep, w.now)
	})
	if asked != 1 {
		w.t.Errorf("Poll asked about %d rows; want 1: an ordered row that is due is offered like any other", asked)
	}
}

func parkedOrWaiting(w *world) {
	ep := w.orderedEndpoint()
	parked := w.ordered(ep, "k", 2)
	epoch := w.acquire()
	w.park(epoch, until(w.now.Add(time.Hour)))
	waiting := w.ordered(ep, "k", 2)
	w.wantTaken(epoch, ep, 10, slices.Concat(parked, waiting), "whether an ordered row is parked does not matter")
}

func leasedHeadStops(w *world) {
	ep := w.orderedEndpoint()
	w.ordered(ep, "k", 1)
	epoch := w.acquire()
	head := w.takeHead(epoch, ep)
	later := w.ordered(ep, "k", 2)
	w.wantTaken(epoch, ep, 10, nil, "a row before them is leased, and who leased it may not know")
	w.accepted(epoch, w.delivered(head))
	w.wantTaken(epoch, ep, 10, later, "the row before them has ended")
}

func notDueHeadStops(w *world) {
	ep := w.orderedEndpoint()
	all := w.ordered(ep, "k", 3)
	epoch := w.acquire()
	head := w.takeHead(epoch, ep)
	w.accepted(epoch, w.retried(head, w.now.Add(time.Minute)))
	w.wantTaken(epoch, ep, 10, nil, "the first row is to be tried again first, and is not due")
	w.advance(time.Minute)
	w.wantTaken(epoch, ep, 10, all, "the first row is due again")
}

// runIsUnbroken has a row in the middle that may not be leased.
func runIsUnbroken(w *world) {
	ep := w.orderedEndpoint()
	first := w.ordered(ep, "k", 2)
	p := w.publication(ep.Tenant, ep.ID)
	p.Deliveries[0].Ordered, p.Deliveries[0].Key, p.Deliveries[0].Due = true, "k", w.now.Add(time.Minute)
	w.stored(p)
	w.ordered(ep, "k", 2)
	epoch := w.acquire()
	w.wantTaken(epoch, ep, 10, first, "the third is not due, and nothing may pass it")
}

func runIsBounded(w *world) {
	ep := w.orderedEndpoint()
	all := w.ordered(ep, "k", store.DefaultRun+2)
	epoch := w.acquire()
	w.wantTaken(epoch, ep, many, all[:store.DefaultRun], "one key must not fill a lane")
	other := w.orderedEndpoint()
	all = w.ordered(other, "k", 5)
	got := w.turn(epoch, store.Turn{Max: 10, Run: 3, Gate: gateOf(other, w.now)})
	if !slices.Equal(ids(got), all[:3]) {
		w.t.Errorf("Take of runs of 3 = %v; want %v, in their order", ids(got), all[:3])
	}
}

// returnedRunKeepsItsPlace gives back the middle of a run first, as a settlement
// in two parts may.
func returnedRunKeepsItsPlace(w *world) {
	ep := w.orderedEndpoint()
	all := w.ordered(ep, "k", 4)
	epoch := w.acquire()
	run := w.takeRun(epoch, ep, 4)
	var rest []store.Settled
	for _, c := range run[1:] {
		back := released(c, w.now)
		back.Park = true
		rest = append(rest, back)
	}
	w.settleAll(store.Settlement{Epoch: epoch, Items: rest, Gates: []store.Gate{gateOf(ep, w.now)}})
	w.wantTaken(epoch, ep, 10, nil, "the first row is still leased")
	w.accepted(epoch, released(run[0], w.now))
	w.wantTaken(epoch, ep, 10, all, "all of them are free")
}

// lostReplyStops leases a run that its process never hears of.
func lostReplyStops(w *world) {
	ep := w.orderedEndpoint()
	all := w.ordered(ep, "k", 3)
	epoch := w.acquire()
	w.takeRun(epoch, ep, 2)
	w.wantTaken(epoch, ep, 10, nil, "rows that are leased to the same process stop their key too")
	for _, h := range w.held(epoch) { // reconciliation
		w.accepted(epoch, store.Settled{Tenant: h.Tenant, Delivery: h.Delivery, Endpoint: ep.ID, Claim: h.Claim, Status: webhook.DeliveryPending, Due: w.now})
	}
	w.wantTaken(epoch, ep, 10, all, "they were given back")
}

func keysAreApart(w *world) {
	ep := w.orderedEndpoint()
	a := w.ordered(ep, "a", 1)
	epoch := w.acquire()
	w.wantTaken(epoch, ep, 10, a, "it is alone")
	w.ordered(ep, "a", 1)
	want := slices.Concat(w.ordered(ep, "", 1), w.ordered(ep, "b", 1))
	w.wantTaken(epoch, ep, 10, want, "the key that is held up is another one; no key is a key too")
}

// keysTakeTurns has more keys than a turn looks at.
func keysTakeTurns(w *world) {
	ep := w.orderedEndpoint()
	keys := store.KeysPerTurn + 44
	pubs := make([]store.Publication, 2*keys)
	for i := range pubs {
		pubs[i] = w.publication(ep.Tenant, ep.ID)
		pubs[i].Deliveries[0].Ordered, pubs[i].Deliveries[0].Key = true, fmt.Sprint(i%keys)
	}
	w.stored(pubs...)
	epoch := w.acquire()
	seen := make(map[string]int)
	for turn := range keys/50 + 2 {
		got := w.takeOrdered(epoch, ep, 50)
		var items []store.Settled
		for _, c := range got {
			if seen[c.Key]++; seen[c.Key] == 2 && len(seen) < keys {
				w.t.Fatalf("Take %d gave key %q a second row when %d of %d keys had none: keys would starve", turn, c.Key, keys-len(seen), keys)
			}
			items = append(items, w.delivered(c))
		}
		w.accepted(epoch, items...)
	}
	if len(seen) != keys {
		w.t.Errorf("Take reached %d keys of %d; want all", len(seen), keys)
	}
}

// heldUpKeysDoNotHideOthers has more keys in front whose first row is not due than
// a turn looks at.
func heldUpKeysDoNotHideOthers(w *world) {
	ep := w.orderedEndpoint()
	later := w.now.Add(time.Hour)
	pubs := make([]store.Publication, 2*store.KeysPerTurn+5)
	for i := range pubs {
		pubs[i] = w.publication(ep.Tenant, ep.ID)
		pubs[i].Deliveries[0].Ordered, pubs[i].Deliveries[0].Key, pubs[i].Deliveries[0].Due = true, fmt.Sprintf("a%d", i), later
	}
	w.stored(pubs...)
	want := w.ordered(ep, "z", 1)
	epoch := w.acquire()
	w.park(epoch, until(w.now))
	gate := w.now.Add(time.Minute)
	var got []string
	for range 6 {
		claimed, err := w.store.Take(w.ctx, w.now, epoch, many, nil, func(store.Lane) store.Turn {
			return store.Turn{Max: 3, Gate: gateOf(ep, gate)}
		})
		w.must(err, "Take")
		got = append(got, ids(claimed)...)
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("Take, turn after turn while the lane is due = %v; want %v: the lane is due at once until all keys were looked at", got, want)
	}
	if w.due(acme, ep.ID) {
		w.t.Error("Take after a round over all keys: the lane is due; want it to wait for its gate: processes would spin over keys that are held up")
	}
	if next := w.pollNext(epoch); !next.Equal(gate) && next.Before(gate) {
		w.t.Errorf("Poll after that: next %v; want the gate, %v", next, gate)
	}
}

func priorityDoesNotReorder(w *world) {
	ep := w.orderedEndpoint()
	var want []string
	for _, priority := range []webhook.Priority{webhook.PriorityLow, webhook.PriorityHigh, webhook.PriorityNormal} {
		p := w.publication(ep.Tenant, ep.ID)
		p.Deliveries[0].Ordered, p.Deliveries[0].Priority = true, priority
		w.stored(p)
		want = append(want, p.Deliveries[0].ID)
	}
	epoch := w.acquire()
	var got []string
	for range want {
		for _, c := range w.takeOrdered(epoch, ep, 1) {
			got = append(got, c.Delivery)
			w.accepted(epoch, w.delivered(c))
		}
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("Take of one key, one at a time = %v; want %v: order comes before priority", got, want)
	}
}

// unorderedComeToo has rows from before the endpoint was ordered.
func unorderedComeToo(w *world) {
	ep := w.orderedEndpoint()
	plain := w.waiting(ep.Tenant, ep.ID, 3)
	keyed := w.ordered(ep, "k", 1)
	epoch := w.acquire()
	w.park(epoch, until(w.now))
	w.wantTaken(epoch, ep, 2, slices.Concat(keyed, plain[:1]), "ordered rows first, then the others")
	w.wantTaken(epoch, ep, 10, plain[1:], "the others go on when no key can")
}

func orderedHandOverIsRefused(w *world) {
	ep := w.orderedEndpoint()
	epoch := w.acquire()
	p := w.publication(ep.Tenant, ep.ID)
	p.Epoch, p.Deliveries[0].Ordered, p.Deliveries[0].HandOver = epoch, true, true
	if _, err := w.store.Publish(context.WithoutCancel(w.ctx), w.now, []store.Publication{p}); err == nil {
		w.t.Error("Publish of an ordered delivery that is handed over: no error; want one: it could overtake what is in the queue")
	}
	if n := len(w.held(epoch)); n != 0 {
		w.t.Errorf("Held after that = %d rows; want 0", n)
	}
}
