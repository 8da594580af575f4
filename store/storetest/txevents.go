package storetest

import (
	"cmp"
	"slices"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// eventsTx reads a page of events in a transaction of the host.
func (w *world) eventsTx(tx HostTx, tenant string, page store.Page) []webhook.Event {
	w.t.Helper()
	events, err := tx.Tx.Events(w.ctx, tenant, page)
	w.must(err, "Tx.Events")
	return events
}

// wantWhole fails unless these are the events, whole and newest first.
func (w *world) wantWhole(call string, got []webhook.Event, want ...store.Publication) {
	w.t.Helper()
	slices.SortFunc(want, func(a, b store.Publication) int { return cmp.Compare(b.Event.ID, a.Event.ID) })
	if len(got) != len(want) {
		w.t.Errorf("%s = %d events; want %d", call, len(got), len(want))
		return
	}
	for i := range got {
		if !same(got[i], want[i].Event) {
			w.t.Errorf("%s: event %d = %+v; want %+v", call, i, got[i], want[i].Event)
		}
	}
}

func txReadsItsOwnEvents(w *world) {
	ep := w.endpoint(acme)
	before, other := w.publication(acme), w.publication(globex)
	w.stored(before, other)
	first, second := w.publication(acme, ep.ID), w.keyed("k", acme)
	first.Event.Subject, first.Event.Source, first.Event.OrderingKey = "customer 1", "billing", "k"
	first.Event.Metadata = map[string]string{"a": "b"}
	tx := w.begin()
	w.wantWhole("Tx.Events before Tx.Publish", w.eventsTx(tx, acme, store.Page{}), before)
	w.publishTx(tx, first)
	w.wantWhole("Tx.Events after Tx.Publish", w.eventsTx(tx, acme, store.Page{}), before, first)
	w.publishTx(tx, second, w.keyed("k", acme)) // of which one is a duplicate
	w.wantWhole("Tx.Events after another Tx.Publish", w.eventsTx(tx, acme, store.Page{}), before, first, second)
	// A shard may refuse a tenant that is not its own.
	if got, err := tx.Tx.Events(w.ctx, nobody, store.Page{}); err == nil && len(got) != 0 {
		w.t.Errorf("Tx.Events of a tenant without events = %d events; want none", len(got))
	}
	w.must(tx.Rollback(), "Rollback")
	w.wantPublished(false, "being read in a transaction that was rolled back", first, second)
}

func txReadsNoOthersEvents(w *world) {
	p := w.publication(acme)
	tx := w.begin()
	w.publishTx(tx, p)
	events, err := w.store.ListEvents(w.ctx, acme, store.Page{})
	w.must(err, "ListEvents")
	if len(events) != 0 {
		w.t.Errorf("ListEvents before the host's Commit = %d events; want none", len(events))
	}
	w.must(tx.Rollback(), "Rollback")
	next := w.begin()
	w.wantWhole("Tx.Events after another transaction was rolled back", w.eventsTx(next, acme, store.Page{}))
	w.publishTx(next, p)
	w.must(next.Commit(), "Commit")
	last := w.begin()
	w.wantWhole("Tx.Events after another transaction's Commit", w.eventsTx(last, acme, store.Page{}), p)
	w.must(last.Rollback(), "Rollback")
}

func txEventsPage(w *world) {
	var all []store.Publication
	for range 4 {
		all = append(all, w.publication(acme))
	}
	w.stored(all[0], all[3])
	tx := w.begin()
	w.publishTx(tx, all[1], all[2])
	slices.SortFunc(all, func(a, b store.Publication) int { return cmp.Compare(b.Event.ID, a.Event.ID) })
	first := w.eventsTx(tx, acme, store.Page{Limit: 3})
	w.wantWhole("the first page of Tx.Events", first, all[0], all[1], all[2])
	w.wantWhole("the second page of Tx.Events", w.eventsTx(tx, acme, store.Page{Limit: 3, After: all[2].Event.ID}), all[3])
	w.must(tx.Rollback(), "Rollback")
}
