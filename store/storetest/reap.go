package storetest

import (
	"errors"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
)

var reapCases = []testCase{
	{"FreesTheRowsOfTheDead", reapFreesTheRowsOfTheDead},
	{"SparesTheLiving", reapSparesTheLiving},
	{"EndsTheLease", reapEndsTheLease},
	{"IsBounded", reapIsBounded},
	{"NeedsALeaseOfItsOwn", reapNeedsALease},
	{"NotAfterAGapOfItsOwn", reapNotAfterAGap},
	{"FindsACommitAfterReaping", reapFindsLateCommits},
	{"AtOnceAfterAcquire", reapAtOnceAfterAcquire},
}

func reapFreesTheRowsOfTheDead(w *world) {
	ep := w.endpoint(acme)
	want := w.waiting(acme, ep.ID, 3)
	dead := w.acquire()
	lost := w.pollAll(dead, 3)
	survivor := w.die()
	if n := w.reap(survivor); n != 3 {
		w.t.Errorf("Reap = %d rows; want 3: a dead process's work would never be sent", n)
	}
	if got := sorted(ids(w.poll(survivor))); !slices.Equal(got, sorted(want)) {
		w.t.Errorf("Poll after Reap = %v; want %v", got, want)
	}
	if n := len(w.held(dead)); n != 0 {
		w.t.Errorf("Held of a reaped epoch = %d rows; want 0", n)
	}
	if again := w.settle(dead, w.delivered(lost[0])); len(again) != 1 {
		w.t.Errorf("Settle of a reaped row: %d lost; want 1: two processes would settle one delivery", len(again))
	}
}

func reapSparesTheLiving(w *world) {
	w.shared()
	ep := w.endpoint(acme)
	w.waiting(acme, ep.ID, 1)
	living := w.acquire()
	claimed := w.pollOne(living)
	reaper := w.acquire()
	for range 4 {
		w.advance(leaseLength / 2)
		for _, epoch := range []int64{living, reaper} {
			w.must(w.store.Renew(w.ctx, w.now, epoch, leaseLength), "Renew")
		}
	}
	if n := w.reap(reaper); n != 0 {
		w.t.Errorf("Reap while all leases are valid = %d rows; want 0: it would be sent twice", n)
	}
	w.accepted(living, w.delivered(claimed))
}

func reapEndsTheLease(w *world) {
	w.shared()
	ep := w.endpoint(acme)
	w.waiting(acme, ep.ID, 1)
	dead := w.acquire()
	w.poll(dead)
	survivor := w.die()
	w.reap(survivor)
	if err := w.store.Renew(w.ctx, w.now, dead, leaseLength); !errors.Is(err, store.ErrLeaseLost) {
		w.t.Errorf("Renew after being reaped: error %v; want ErrLeaseLost: the process would go on with what is others'", err)
	}
	if err := w.store.Resign(w.ctx, w.now, dead); err != nil {
		w.t.Errorf("Resign after being reaped: error %v; want none: the lease is gone already", err)
	}
}

func reapIsBounded(w *world) {
	ep := w.endpoint(acme)
	want := w.waiting(acme, ep.ID, 5)
	w.poll(w.acquire())
	survivor := w.die()
	total := 0
	for range 10 {
		n, err := w.store.Reap(w.ctx, w.now, survivor, leaseLength, 2)
		w.must(err, "Reap")
		if n > 2 {
			w.t.Errorf("Reap with limit 2 = %d rows", n)
		}
		total += n
	}
	if got := sorted(ids(w.poll(survivor))); total != 5 || !slices.Equal(got, sorted(want)) {
		w.t.Errorf("Reap, two at a time = %d rows, then Poll = %v; want all 5: ending the lease must not hide the rest", total, got)
	}
}

func reapNeedsALease(w *world) {
	w.shared()
	ep := w.endpoint(acme)
	w.waiting(acme, ep.ID, 1)
	w.poll(w.acquire())
	w.advance(2 * leaseLength)
	fresh := w.acquire()
	if n := w.reap(fresh); n != 0 {
		w.t.Errorf("Reap by a lease that just began = %d rows; want 0: after an outage everyone would reap everyone", n)
	}
	if n := w.reap(fresh + 1000); n != 0 {
		w.t.Errorf("Reap by an epoch that never was = %d rows; want 0", n)
	}
	w.advance(leaseLength / 2)
	w.must(w.store.Renew(w.ctx, w.now, fresh, leaseLength), "Renew")
	if n := w.reap(fresh); n != 0 {
		w.t.Errorf("Reap by a lease of half its length = %d rows; want 0", n)
	}
	w.advance(leaseLength/2 + time.Second)
	if n := w.reap(fresh); n != 1 {
		w.t.Errorf("Reap by a lease that was valid for its length = %d rows; want 1", n)
	}
}

// reapNotAfterAGap lets the database be away for longer than a lease.
func reapNotAfterAGap(w *world) {
	w.shared()
	ep := w.endpoint(acme)
	w.waiting(acme, ep.ID, 2)
	owner := w.acquire()
	claimed := w.pollAll(owner, 2)
	w.advance(leaseLength / 2)
	reaper := w.acquire()
	w.advance(leaseLength / 2)
	w.must(w.store.Renew(w.ctx, w.now, reaper, leaseLength), "Renew")
	w.advance(2 * leaseLength) // nobody can renew

	if n := w.reap(reaper); n != 0 {
		w.t.Errorf("Reap by a lease that has expired = %d rows; want 0", n)
	}
	w.must(w.store.Renew(w.ctx, w.now, reaper, leaseLength), "Renew")
	if n := w.reap(reaper); n != 0 {
		w.t.Errorf("Reap just after the outage = %d rows; want 0: the first to return would reap everyone", n)
	}
	w.advance(leaseLength / 2)
	w.must(w.store.Renew(w.ctx, w.now, owner, leaseLength), "Renew")
	w.must(w.store.Renew(w.ctx, w.now, reaper, leaseLength), "Renew")
	w.accepted(owner, w.delivered(claimed[0]))

	for range 3 { // now the owner is silent, and the reaper is not
		w.advance(leaseLength / 2)
		w.must(w.store.Renew(w.ctx, w.now, reaper, leaseLength), "Renew")
	}
	if n := w.reap(reaper); n != 1 {
		w.t.Errorf("Reap after a lease without a gap = %d rows; want 1", n)
	}
}

// reapFindsLateCommits lets a stalled process commit after it was reaped: the
// reaper must look at the rows, not at leases that just expired.
func reapFindsLateCommits(w *world) {
	w.shared()
	ep := w.endpoint(acme)
	w.waiting(acme, ep.ID, 1)
	stalled := w.acquire()
	w.poll(stalled)
	survivor := w.die()
	w.reap(survivor)
	w.poll(survivor)

	late := w.waiting(acme, ep.ID, 1)
	w.poll(stalled) // commits a claim
	p := w.publication(acme, ep.ID)
	p.Epoch, p.Deliveries[0].HandOver = stalled, true
	w.stored(p) // commits a hand-over
	want := sorted(append(late, p.Deliveries[0].ID))

	if n := w.reap(survivor); n != 2 {
		w.t.Errorf("Reap after a reaped process committed = %d rows; want 2: they would be leased to a dead process for ever", n)
	}
	if got := sorted(ids(w.poll(survivor))); !slices.Equal(got, want) {
		w.t.Errorf("Poll after that = %v; want %v", got, want)
	}
}

func reapAtOnceAfterAcquire(w *world) {
	if !w.h.Exclusive {
		w.t.Skip("only a store that allows one delivering process knows at once that the other is dead")
	}
	ep := w.endpoint(acme)
	w.waiting(acme, ep.ID, 2)
	dead := w.acquire()
	claimed := w.pollAll(dead, 2)
	w.reopen()
	next := w.acquire()
	if n := w.reap(next); n != 2 {
		w.t.Errorf("Reap just after Acquire = %d rows; want 2: a restart would wait for a lease to expire", n)
	}
	if n := len(w.poll(next)); n != 2 {
		w.t.Errorf("Poll after that = %d jobs; want 2", n)
	}
	if lost := w.settle(dead, w.delivered(claimed[0])); len(lost) != 1 {
		w.t.Errorf("Settle under the voided epoch: %d lost; want 1", len(lost))
	}
	var none []store.Held
	if got := w.held(dead); !slices.Equal(got, none) {
		w.t.Errorf("Held of the voided epoch = %v; want none", got)
	}
}
