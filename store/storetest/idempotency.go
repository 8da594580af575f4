package storetest

import (
	"sync"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var idempotencyCases = []testCase{
	{"DuplicateGetsFirstReceipt", duplicateGetsFirstReceipt},
	{"OtherContentConflicts", otherContentConflicts},
	{"TwoOfOneKeyInABatch", twoOfOneKeyInABatch},
	{"StalePublicationLeavesItsKeyFree", stalePublicationLeavesItsKeyFree},
	{"KeyBelongsToItsTenant", keyBelongsToItsTenant},
	{"ExpiredKeyIsAbsent", expiredKeyIsAbsent},
	{"NoKeyIsNoDuplicate", noKeyIsNoDuplicate},
	{"KeyIsSharedByProcesses", keyIsSharedByProcesses},
	{"OneOfManyCallersStores", oneOfManyCallersStores},
}

// keyed returns a publication with an idempotency key.
func (w *world) keyed(key, tenant string, endpoints ...string) store.Publication {
	w.t.Helper()
	p := w.publication(tenant, endpoints...)
	p.Event.IdempotencyKey = key
	return p
}

func (w *world) wantDuplicate(call string, got store.PublishResult, first store.Publication) {
	w.t.Helper()
	want := store.PublishResult{
		Outcome: store.PublishDuplicate,
		Receipt: webhook.Receipt{EventID: first.Event.ID, Deliveries: len(first.Deliveries), Duplicate: true},
	}
	if got != want {
		w.t.Errorf("%s = %+v; want %+v: a repeated publish would be a second event", call, got, want)
	}
}

func duplicateGetsFirstReceipt(w *world) {
	a, b := w.endpoint(acme), w.endpoint(acme)
	first := w.keyed("k", acme, a.ID, b.ID)
	w.stored(first)
	w.advance(23 * time.Hour)
	again := w.keyed("k", acme, a.ID)
	w.wantDuplicate("Publish of a known key", w.publish(again)[0], first)
	w.wantPublished(false, "a duplicate Publish", again)
	w.wantDuplicate("Publish of a known key, for the third time", w.publish(w.keyed("k", acme, a.ID))[0], first)
}

func otherContentConflicts(w *world) {
	ep := w.endpoint(acme)
	first := w.keyed("k", acme, ep.ID)
	w.stored(first)
	other := w.keyed("k", acme, ep.ID)
	other.ContentHash = []byte("hash of other content")
	if got := w.publish(other)[0]; got.Outcome != store.PublishConflict {
		w.t.Errorf("Publish of a known key with other content = %+v; want PublishConflict: an event would be swallowed", got)
	}
	w.wantPublished(false, "a conflict", other)
	w.wantDuplicate("Publish of the first content after a conflict", w.publish(w.keyed("k", acme, ep.ID))[0], first)
}

func twoOfOneKeyInABatch(w *world) {
	ep := w.endpoint(acme)
	first, same, other := w.keyed("k", acme, ep.ID), w.keyed("k", acme), w.keyed("k", acme)
	other.ContentHash = []byte("hash of other content")
	got := w.publish(w.publication(acme), first, same, other)
	if got[1].Outcome != store.PublishStored {
		w.t.Errorf("Publish of three with one key: the first = %+v; want stored", got[1])
	}
	w.wantDuplicate("Publish of three with one key: the second", got[2], first)
	if got[3].Outcome != store.PublishConflict {
		w.t.Errorf("Publish of three with one key: the third, other content = %+v; want PublishConflict", got[3])
	}
	w.wantPublished(true, "Publish of three with one key", first)
	w.wantPublished(false, "being second with a key", same, other)
}

func stalePublicationLeavesItsKeyFree(w *world) {
	ep := w.endpoint(acme)
	stale, good := w.keyed("k", acme, ep.ID), w.keyed("k", acme, ep.ID)
	stale.Revision--
	got := w.publish(stale, good)
	if got[0].Outcome != store.PublishStale || got[1].Outcome != store.PublishStored {
		w.t.Errorf("Publish of a stale and a good one with one key = %v, %v; want PublishStale, PublishStored: a refused event would block its key", got[0].Outcome, got[1].Outcome)
	}
	w.wantPublished(true, "a stale one with its key", good)

	stale = w.keyed("other", acme, ep.ID)
	stale.Revision--
	w.publish(stale)
	stale.Revision++
	if got := w.publish(stale)[0]; got.Outcome != store.PublishStored {
		w.t.Errorf("Publish repeated after PublishStale = %+v; want stored: the event is lost for 24 hours", got)
	}
}

func keyBelongsToItsTenant(w *world) {
	a, b := w.keyed("k", acme), w.keyed("k", globex)
	b.ContentHash = []byte("hash of other content")
	for i, got := range w.publish(a, b) {
		if got.Outcome != store.PublishStored {
			w.t.Errorf("Publish with a key that another tenant uses: result %d = %+v; want stored: tenants would learn of each other", i, got)
		}
	}
}

func expiredKeyIsAbsent(w *world) {
	w.stored(w.keyed("k", acme))
	w.advance(24*time.Hour + time.Second)
	second := w.keyed("k", acme)
	second.ContentHash = []byte("hash of other content")
	if got := w.publish(second)[0]; got.Outcome != store.PublishStored {
		w.t.Errorf("Publish with an expired key = %+v; want stored: keys bind for 24 hours", got)
	}
	third := w.keyed("k", acme)
	third.ContentHash = second.ContentHash
	w.wantDuplicate("Publish after an expired key was used anew", w.publish(third)[0], second)
}

func noKeyIsNoDuplicate(w *world) {
	a, b := w.publication(acme), w.publication(acme)
	w.stored(a, b)
	w.wantPublished(true, "Publish of two without keys", a, b)
}

func keyIsSharedByProcesses(w *world) {
	other := w.second()
	first := w.keyed("k", acme)
	w.stored(first)
	w.wantDuplicate("Publish of a known key in another process", w.publishIn(other, w.keyed("k", acme))[0], first)
}

// oneOfManyCallersStores lets callers of one or two processes race for a key.
func oneOfManyCallersStores(w *world) {
	stores := []store.Store{w.store}
	if w.h.Second != nil {
		stores = append(stores, w.h.Second(w.t))
	}
	const callers = 8
	pubs, results := make([]store.Publication, callers), make([]store.PublishResult, callers)
	var wg sync.WaitGroup
	for i := range callers {
		pubs[i] = w.keyed("k", acme)
		wg.Go(func() {
			got, err := stores[i%len(stores)].Publish(w.ctx, w.now, pubs[i:i+1])
			if err != nil || len(got) != 1 {
				w.t.Errorf("Publish while others publish = %v, error %v; want one result", got, err)
				return
			}
			results[i] = got[0]
		})
	}
	wg.Wait()
	winner := -1
	for i, r := range results {
		if r.Outcome == store.PublishStored {
			if winner >= 0 {
				w.t.Fatalf("Publish of one key by %d callers at once: two were stored; want one: the receiver would act twice", callers)
			}
			winner = i
		}
	}
	if winner < 0 {
		w.t.Fatalf("Publish of one key by %d callers at once: none was stored; want one", callers)
	}
	for i, r := range results {
		if i != winner {
			w.wantDuplicate("Publish of one key by many at once", r, pubs[winner])
		}
	}
}
