package storetest

import (
	"slices"
	"time"

	"github.com/postrider/postrider/store"
)

var ownerCases = []testCase{
	{"OneOwner", oneOwner},
	{"NotOfferedToOthers", notOfferedToOthers},
	{"NoRoomNoOwner", noRoomNoOwner},
	{"GivenBackWhenEmpty", givenBackWhenEmpty},
	{"FreedByReap", freedByReap},
	{"FreedByReapWithoutRows", freedByReapWithoutRows},
	{"NotByALapsedReaper", notFreedByLapsedReaper},
	{"FreedByResign", freedByResign},
	{"PollDoesNotSeeOthersLanes", pollDoesNotSeeOthersLanes},
	{"TakeoverKeepsOrder", takeoverKeepsOrder},
	{"ParkedByOthersMakesDue", parkedByOthersMakesDue},
	{"ChangeKeepsOwner", changeKeepsOwner},
}

// two begins two leases, or skips the case.
func (w *world) two() (mine, theirs int64) {
	w.t.Helper()
	w.shared()
	return w.acquire(), w.acquire()
}

// offered reports whether an endpoint's lane is offered to an epoch that asks for
// it.
func (w *world) offered(epoch int64, ep store.EndpointRecord) bool {
	w.t.Helper()
	asked := false
	_, err := w.store.Take(w.ctx, w.now, epoch, many, []store.Lane{{Tenant: ep.Tenant, Endpoint: ep.ID}}, func(l store.Lane) store.Turn {
		asked = asked || l.Endpoint == ep.ID
		return store.Turn{Gate: store.Gate{Tenant: l.Tenant, Endpoint: l.Endpoint, Next: w.now}}
	})
	w.must(err, "Take")
	return asked
}

func oneOwner(w *world) {
	mine, theirs := w.two()
	ep := w.orderedEndpoint()
	w.ordered(ep, "a", 1)
	all := w.ordered(ep, "b", 1)
	w.takeHead(mine, ep)
	w.wantTaken(theirs, ep, 10, nil, "the lane is another process's")
	w.wantTaken(mine, ep, 10, all, "the lane is ours")
}

func notOfferedToOthers(w *world) {
	mine, theirs := w.two()
	ep := w.orderedEndpoint()
	w.ordered(ep, "k", 3)
	w.park(mine, until(w.now))
	if n := len(w.turn(mine, store.Turn{Max: 1, Gate: gateOf(ep, w.now)})); n != 1 {
		w.t.Fatalf("Take of one = %d jobs", n)
	}
	if w.offered(theirs, ep) {
		w.t.Error("Take asked a process about a lane of another one; want not: two would deliver one endpoint's order")
	}
	w.epoch = theirs
	if w.due(ep.Tenant, ep.ID) {
		w.t.Error("Take of due lanes asked a process about a lane of another one; want not")
	}
	w.epoch = mine
	if !w.due(ep.Tenant, ep.ID) || !w.offered(mine, ep) {
		w.t.Error("Take did not ask the owner about its lane, which is due; want it asked")
	}
}

func noRoomNoOwner(w *world) {
	mine, theirs := w.two()
	ep := w.orderedEndpoint()
	all := w.ordered(ep, "k", 1)
	w.takeOrdered(mine, ep, 0)
	w.wantTaken(theirs, ep, 10, all, "who had no room does not own the lane")
}

func givenBackWhenEmpty(w *world) {
	mine, theirs := w.two()
	ep := w.orderedEndpoint()
	w.ordered(ep, "k", 1)
	for _, c := range w.takeOrdered(mine, ep, 1) {
		w.accepted(mine, w.delivered(c))
	}
	w.wantTaken(mine, ep, 1, nil, "nothing is left")
	w.wantTaken(theirs, ep, 10, w.ordered(ep, "k", 2), "the owner found nothing more to take")
}

func freedByReap(w *world) {
	w.shared()
	dead := w.acquire()
	ep := w.orderedEndpoint()
	all := w.ordered(ep, "k", 3)
	w.park(dead, never)
	w.takeOrdered(dead, ep, 1)
	survivor := w.die()
	w.wantTaken(survivor, ep, 10, nil, "nobody has found out yet that the owner is dead")
	w.reap(survivor)
	w.wantTaken(survivor, ep, 10, all, "the owner is dead")
}

func freedByReapWithoutRows(w *world) {
	dead := w.acquire()
	ep := w.orderedEndpoint()
	all := w.ordered(ep, "k", 2)
	w.park(dead, until(w.now))
	for _, c := range w.takeOrdered(dead, ep, 1) {
		w.accepted(dead, w.retried(c, w.now))
	}
	survivor := w.die()
	if n := w.reap(survivor); n != 0 {
		w.t.Errorf("Reap of an owner that holds a lane and no rows = %d; want 0: lanes are not counted", n)
	}
	w.wantFreed(survivor, ep, all, "the owner is dead, though no row was leased to it")
}

func notFreedByLapsedReaper(w *world) {
	mine, theirs := w.two()
	ep := w.orderedEndpoint()
	w.ordered(ep, "k", 2)
	w.takeOrdered(mine, ep, 1)
	w.advance(2 * leaseLength) // both have lapsed, as after an outage of the database
	w.must(w.store.Renew(w.ctx, w.now, theirs, leaseLength), "Renew")
	w.reap(theirs)
	w.wantTaken(theirs, ep, 10, nil, "a reaper whose own lease lapsed must not free lanes")
	w.must(w.store.Renew(w.ctx, w.now, mine, leaseLength), "Renew")
	if !w.offered(mine, ep) {
		w.t.Error("Take did not ask the owner about its lane after it renewed; want it asked")
	}
}

// wantFreed fails unless a lane that another epoch owned is due, and gives its rows to
// this one.
func (w *world) wantFreed(epoch int64, ep store.EndpointRecord, want []string, why string) {
	w.t.Helper()
	w.epoch = epoch
	if !w.due(ep.Tenant, ep.ID) {
		w.t.Errorf("the lane is not due; want it due at once: %s", why)
	}
	w.wantTaken(epoch, ep, 10, want, why)
}

func freedByResign(w *world) {
	mine, theirs := w.two()
	ep := w.orderedEndpoint()
	all := w.ordered(ep, "k", 3)
	w.park(mine, never)
	w.takeOrdered(mine, ep, 1)
	w.must(w.store.Resign(w.ctx, w.now, mine), "Resign")
	w.wantFreed(theirs, ep, all, "the owner has resigned")
}

func pollDoesNotSeeOthersLanes(w *world) {
	mine, theirs := w.two()
	ep := w.orderedEndpoint()
	w.ordered(ep, "k", 2)
	w.park(mine, until(w.now))
	w.turn(mine, store.Turn{Max: 1, Gate: gateOf(ep, w.now)})
	if next := w.pollNext(theirs); !next.IsZero() {
		w.t.Errorf("Poll beside a due lane of another process: next %v; want none: it would spin over what it may not take", next)
	}
	w.wantNextNow(mine, "the owner of a due lane")
}

// pollNext returns when a Poll says that there is more to do.
func (w *world) pollNext(epoch int64) time.Time {
	w.t.Helper()
	_, next, err := w.store.Poll(w.ctx, w.now, epoch, many, leaseAll)
	w.must(err, "Poll")
	return next
}

func (w *world) wantNextNow(epoch int64, who string) {
	w.t.Helper()
	if next := w.pollNext(epoch); next.IsZero() || next.After(w.now) {
		w.t.Errorf("Poll of %s: next %v; want now", who, next)
	}
}

// takeoverKeepsOrder frees the lane of a process before all of its rows.
func takeoverKeepsOrder(w *world) {
	dead := w.acquire()
	ep := w.orderedEndpoint()
	all := w.ordered(ep, "k", 6)
	w.takeRun(dead, ep, 4)
	survivor := w.die()
	for range 3 {
		n, err := w.store.Reap(w.ctx, w.now, survivor, leaseLength, 1)
		w.must(err, "Reap")
		got := ids(w.turn(survivor, store.Turn{Max: 10, Gate: gateOf(ep, w.now)}))
		if n != 1 || len(got) > 0 && got[0] != all[0] {
			w.t.Fatalf("Take after %d of the rows of a dead owner are free = %v; want none, or %s first", n, got, all[0])
		}
		if !slices.Equal(got, all[:len(got)]) {
			w.t.Fatalf("Take while some rows of a dead owner are leased = %v; want the first ones of %v, unbroken", got, all)
		}
		for _, h := range w.held(survivor) {
			w.accepted(survivor, store.Settled{Tenant: h.Tenant, Delivery: h.Delivery, Endpoint: ep.ID, Claim: h.Claim, Status: "pending", Due: w.now})
		}
	}
	w.reap(survivor)
	w.wantTaken(survivor, ep, 10, all, "all are free")
}

func parkedByOthersMakesDue(w *world) {
	mine, theirs := w.two()
	ep := w.orderedEndpoint()
	w.ordered(ep, "a", 2)
	w.takeHead(mine, ep)
	all := w.ordered(ep, "b", 1)
	w.park(theirs, until(w.now))
	w.wantNextNow(mine, "the owner after another process parked a row in its lane")
	w.wantTaken(mine, ep, 10, all, "another process has stored and parked it")
}

func changeKeepsOwner(w *world) {
	mine, theirs := w.two()
	ep := w.orderedEndpoint()
	w.ordered(ep, "k", 2)
	w.takeOrdered(mine, ep, 1)
	ep = w.touch(ep)
	if w.offered(theirs, ep) {
		w.t.Error("Take after a change of the endpoint offers its lane to another process; want it left with its owner")
	}
	if w.advance(time.Second); !w.offered(mine, ep) {
		w.t.Error("Take after a change of the endpoint does not ask its owner; want it asked")
	}
}
