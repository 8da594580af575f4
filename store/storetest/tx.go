package storetest

import (
	"context"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
)

var txCases = []testCase{
	{"CommitWritesAll", txCommitWritesAll},
	{"RollbackWritesNothing", txRollbackWritesNothing},
	{"NotSeenBeforeCommit", txNotSeenBeforeCommit},
	{"DuplicateLeavesItUsable", txDuplicateLeavesItUsable},
	{"StaleLeavesItUsable", txStaleLeavesItUsable},
	{"ReadsTheDirectory", txReadsTheDirectory},
	{"SeesItsOwnKeys", txSeesItsOwnKeys},
	{"RollbackLeavesItsKeyFree", txRollbackLeavesItsKeyFree},
	{"EndsAsItIsWritten", txEndsAsItIsWritten},
	{"Reserves", txReserves},
	{"ReadsItsOwnEvents", txReadsItsOwnEvents},
	{"ReadsNoOthersEvents", txReadsNoOthersEvents},
	{"EventsPage", txEventsPage},
}

// begin starts a transaction of the host, or skips the case.
func (w *world) begin() HostTx {
	w.t.Helper()
	if w.h.Begin == nil {
		w.t.Skip("the harness has no transactions of a host")
	}
	return w.h.Begin(w.t)
}

// publishTx publishes inside a transaction of the host.
func (w *world) publishTx(tx HostTx, pubs ...store.Publication) []store.PublishResult {
	w.t.Helper()
	results, err := tx.Tx.Publish(w.ctx, w.now, pubs)
	w.must(err, "Tx.Publish")
	if len(results) != len(pubs) {
		w.t.Fatalf("Tx.Publish of %d publications = %d results; want one for each", len(pubs), len(results))
	}
	return results
}

func txCommitWritesAll(w *world) {
	ep := w.endpoint(acme)
	a, b := w.publication(acme, ep.ID), w.keyed("k", acme, ep.ID)
	tx := w.begin()
	got := w.publishTx(tx, a, b)
	for i, r := range got {
		if r.Outcome != store.PublishStored || r.Receipt.Deliveries != 1 {
			w.t.Errorf("Tx.Publish: result %d = %+v; want stored, 1 delivery", i, r)
		}
	}
	w.must(tx.Commit(), "Commit")
	w.wantPublished(true, "Tx.Publish and Commit", a, b)
	want := sorted([]string{a.Deliveries[0].ID, b.Deliveries[0].ID})
	if claimed := sorted(ids(w.poll(w.acquire()))); !slices.Equal(claimed, want) {
		w.t.Errorf("Poll after Commit = %v; want %v: the host committed, so it must be sent", claimed, want)
	}
	w.wantDuplicate("Publish of a key that a host committed", w.publish(w.keyed("k", acme))[0], b)
}

func txRollbackWritesNothing(w *world) {
	ep := w.endpoint(acme)
	p := w.publication(acme, ep.ID)
	tx := w.begin()
	w.publishTx(tx, p)
	w.must(tx.Rollback(), "Rollback")
	w.wantPublished(false, "Tx.Publish and Rollback", p)
	if n := len(w.poll(w.acquire())); n != 0 {
		w.t.Errorf("Poll after Rollback = %d jobs; want 0: a receiver would hear of what never happened", n)
	}
}

func txNotSeenBeforeCommit(w *world) {
	p := w.publication(acme)
	tx := w.begin()
	w.publishTx(tx, p)
	ctx, cancel := context.WithTimeout(w.ctx, 10*time.Second)
	defer cancel()
	got, err := w.store.Published(ctx, []store.EventKey{{Tenant: acme, ID: p.Event.ID}})
	if err != nil || len(got) != 0 {
		w.t.Errorf("Published before the host's Commit = %v, error %v; want none: readers do not wait for a host, nor see its writes", got, err)
	}
	w.must(tx.Commit(), "Commit")
	w.wantPublished(true, "Commit", p)
}

func txDuplicateLeavesItUsable(w *world) {
	ep := w.endpoint(acme)
	first := w.keyed("k", acme, ep.ID)
	w.stored(first)
	again, other, fresh := w.keyed("k", acme), w.keyed("k", acme), w.publication(acme, ep.ID)
	other.ContentHash = []byte("hash of other content")

	tx := w.begin()
	w.wantDuplicate("Tx.Publish of a known key", w.publishTx(tx, again)[0], first)
	if got := w.publishTx(tx, other)[0]; got.Outcome != store.PublishConflict {
		w.t.Errorf("Tx.Publish of a known key with other content = %+v; want PublishConflict", got)
	}
	if got := w.publishTx(tx, fresh)[0]; got.Outcome != store.PublishStored {
		w.t.Errorf("Tx.Publish after a duplicate = %+v; want stored: the host's transaction was spoiled", got)
	}
	w.must(tx.Commit(), "Commit after a duplicate")
	w.wantPublished(true, "a duplicate in the same transaction", fresh)
	w.wantPublished(false, "being a duplicate in a transaction", again, other)
}

func txStaleLeavesItUsable(w *world) {
	ep := w.endpoint(acme)
	stale, fresh := w.keyed("k", acme, ep.ID), w.keyed("k", acme, ep.ID)
	stale.Revision--
	tx := w.begin()
	if got := w.publishTx(tx, stale)[0]; got.Outcome != store.PublishStale {
		w.t.Errorf("Tx.Publish at an old revision = %+v; want PublishStale", got)
	}
	if got := w.publishTx(tx, fresh)[0]; got.Outcome != store.PublishStored {
		w.t.Errorf("Tx.Publish matched anew after PublishStale = %+v; want stored: the host's transaction was spoiled", got)
	}
	w.must(tx.Commit(), "Commit after a stale publish")
	w.wantPublished(true, "a stale one in the same transaction", fresh)
	w.wantPublished(false, "being stale in a transaction", stale)
}

func txReadsTheDirectory(w *world) {
	a, b := w.endpoint(acme), w.endpoint(acme)
	w.endpoint(globex)
	tx := w.begin()
	for after, want := range map[int64][]string{0: sorted([]string{a.ID, b.ID}), a.Revision: {b.ID}, b.Revision: nil} {
		eps, rev, err := tx.Tx.TenantEndpoints(w.ctx, acme, after)
		w.must(err, "Tx.TenantEndpoints")
		if got := endpointIDs(eps); !slices.Equal(got, want) || rev != b.Revision {
			w.t.Errorf("Tx.TenantEndpoints after %d = %v at %d; want %v at %d: a host's event would be matched wrong", after, got, rev, want, b.Revision)
		}
	}
	w.must(tx.Rollback(), "Rollback")
}

func txSeesItsOwnKeys(w *world) {
	first, again := w.keyed("k", acme), w.keyed("k", acme)
	tx := w.begin()
	w.publishTx(tx, first)
	w.wantDuplicate("Tx.Publish of a key of the same transaction", w.publishTx(tx, again)[0], first)
	w.must(tx.Commit(), "Commit")
	w.wantPublished(true, "Commit", first)
	w.wantPublished(false, "being second with a key", again)
}

func txRollbackLeavesItsKeyFree(w *world) {
	tx := w.begin()
	w.publishTx(tx, w.keyed("k", acme))
	w.must(tx.Rollback(), "Rollback")
	if got := w.publish(w.keyed("k", acme))[0]; got.Outcome != store.PublishStored {
		w.t.Errorf("Publish of a key that was rolled back = %+v; want stored: the host's second try would be swallowed", got)
	}
}

func txEndsAsItIsWritten(w *world) {
	ep := w.endpoint(acme)
	p := skip(w.publication(acme, ep.ID, ep.ID))
	tx := w.begin()
	if got := w.publishTx(tx, p)[0]; got.Receipt.Deliveries != 1 {
		w.t.Errorf("Tx.Publish with one of 2 deliveries skipped = %+v; want 1 delivery", got)
	}
	w.must(tx.Commit(), "Commit")
	w.wantSkipped(p)
}
