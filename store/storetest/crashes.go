package storetest

import (
	"slices"

	"github.com/postrider/postrider/store"
)

var crashCases = []testCase{
	{"FirstCountsForAllLeased", crashFirstCountsForAll},
	{"LaterOnesCountForStarted", crashLaterOnesCountForStarted},
	{"StartIsForgottenWithItsClaim", crashStartIsForgotten},
	{"FenceGoesOn", crashFenceGoesOn},
	{"SurvivesRetries", crashSurvivesRetries},
}

// crash lets the present process die with what it holds, reaps it, and returns
// the next epoch and what it claims, which is n rows.
func (w *world) crash(n int) (int64, []store.Claimed) {
	w.t.Helper()
	next := w.die()
	w.reap(next)
	return next, w.pollAll(next, n)
}

func (w *world) start(epoch int64, c store.Claimed) {
	w.t.Helper()
	row := store.Held{Tenant: c.Tenant, Delivery: c.Delivery, Claim: c.Claim}
	got, err := w.store.Start(w.ctx, epoch, []store.Held{row})
	w.must(err, "Start")
	if !slices.Equal(got, []store.Held{row}) {
		w.t.Fatalf("Start = %v; want %v", got, row)
	}
}

func (w *world) wantCrashes(when string, claimed []store.Claimed, want map[string]int) {
	w.t.Helper()
	if len(claimed) != len(want) {
		w.t.Errorf("Poll after %s = %d jobs; want %d", when, len(claimed), len(want))
	}
	for _, c := range claimed {
		if c.Crashes != want[c.Delivery] {
			w.t.Errorf("crashes of a delivery after %s = %d; want %d: the delivery that kills processes would not be found, or an innocent one would fail", when, c.Crashes, want[c.Delivery])
		}
	}
}

func crashFirstCountsForAll(w *world) {
	ep := w.endpoint(acme)
	d := w.waiting(acme, ep.ID, 2)
	epoch := w.acquire()
	claimed := w.pollAll(epoch, 2)
	w.start(epoch, claimed[0])
	_, claimed = w.crash(2)
	w.wantCrashes("the first crash", claimed, map[string]int{d[0]: 1, d[1]: 1})
}

func crashLaterOnesCountForStarted(w *world) {
	ep := w.endpoint(acme)
	d := w.waiting(acme, ep.ID, 2)
	w.poll(w.acquire())
	epoch, claimed := w.crash(2)
	for n := 2; n <= 5; n++ {
		for _, c := range claimed {
			if c.Delivery == d[0] {
				w.start(epoch, c)
			}
		}
		fresh := w.waiting(acme, ep.ID, 1)[0]
		w.poll(epoch)
		epoch, claimed = w.crash(n + 1)
		w.wantCrashes("a later crash", slices.DeleteFunc(slices.Clone(claimed), func(c store.Claimed) bool {
			return c.Delivery != d[0] && c.Delivery != d[1] && c.Delivery != fresh
		}), map[string]int{d[0]: n, d[1]: 1, fresh: 1})
	}
}

func crashStartIsForgotten(w *world) {
	ep := w.endpoint(acme)
	d := w.waiting(acme, ep.ID, 1)
	w.poll(w.acquire())
	epoch, claimed := w.crash(1)
	w.start(epoch, claimed[0])
	w.accepted(epoch, released(claimed[0], w.now))
	w.poll(epoch)
	epoch, claimed = w.crash(1)
	w.wantCrashes("a crash before a new start", claimed, map[string]int{d[0]: 1})
	w.start(epoch, claimed[0])
	_, claimed = w.crash(1)
	w.wantCrashes("a crash after a new start", claimed, map[string]int{d[0]: 2})
	_, claimed = w.crash(1)
	w.wantCrashes("one more, not started", claimed, map[string]int{d[0]: 2})
}

func crashFenceGoesOn(w *world) {
	ep := w.endpoint(acme)
	w.waiting(acme, ep.ID, 1)
	epoch := w.acquire()
	first := w.pollOne(epoch)
	next, claimed := w.crash(1)
	if len(claimed) != 1 || claimed[0].Claim <= first.Claim {
		w.t.Errorf("Poll after a crash = %+v; want a claim after %d", claimed, first.Claim)
	}
	if lost := w.settle(next, w.delivered(first)); len(lost) != 1 {
		w.t.Errorf("Settle under the new epoch with the old claim: %d lost; want 1", len(lost))
	}
}

func crashSurvivesRetries(w *world) {
	ep := w.endpoint(acme)
	d := w.waiting(acme, ep.ID, 1)
	w.poll(w.acquire())
	epoch, claimed := w.crash(1)
	w.accepted(epoch, w.retried(claimed[0], w.now))
	w.wantCrashes("a retry", w.poll(epoch), map[string]int{d[0]: 1})
}
