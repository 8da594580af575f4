package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var batchCases = []testCase{
	{"Bind", bindAll},
	{"BindIsAllOrNothing", bindAllOrNothing},
	{"BindNeedsTheFence", bindNeedsFence},
	{"BindIsForGood", bindIsForGood},
	{"BatchesStandForThemselves", bindSeveral},
	{"PollParksThem", pollParksBound},
	{"TakenTogether", takenTogether},
	{"NotWhileOneIsLeased", notWhileLeased},
	{"NotBeforeAllAreDue", notBeforeDue},
	{"NotDueHideNoOthers", notDueBatchesHideNoOthers},
	{"CountForMax", batchesCountForMax},
	{"OldestFirst", oldestBatchFirst},
	{"OutliveACrash", outliveCrash},
	{"AreStarted", boundAreStarted},
	{"SettledTogether", settledTogether},
	{"LostTogether", lostTogether},
	{"UnbindTakesOut", unbindTakesOut},
	{"RedeliverTakesOut", redeliverTakesOut},
	{"PruneDissolves", pruneDissolves},
	{"BindCanceledBindsNothing", bindCanceled},
}

// polled begins a lease that has n deliveries of an endpoint in hand.
func (w *world) polled(n int) (int64, store.EndpointRecord, []store.Claimed) {
	w.t.Helper()
	epoch, ep := w.acquire(), w.endpoint(acme)
	w.waiting(acme, ep.ID, n)
	return epoch, ep, w.pollAll(epoch, n)
}

// binding returns a batch of claims.
func (w *world) binding(claims ...store.Claimed) store.Binding {
	b := store.Binding{ID: w.id(webhook.PrefixBatch), Tenant: acme}
	for _, c := range claims {
		b.Members = append(b.Members, fence(c))
	}
	return b
}

// bind binds claims and returns the id of their batch.
func (w *world) bind(epoch int64, claims ...store.Claimed) string {
	w.t.Helper()
	b := w.binding(claims...)
	bound, err := w.store.Bind(w.ctx, epoch, []store.Binding{b})
	w.must(err, "Bind")
	if !slices.Equal(bound, []string{b.ID}) {
		w.t.Fatalf("Bind of %d leased rows = %v; want %s", len(claims), bound, b.ID)
	}
	return b.ID
}

// batched publishes n events for an endpoint, and binds them. It gives them back,
// parked, in a lane that is due.
func (w *world) batched(epoch int64, ep store.EndpointRecord, n int) (string, []string) {
	w.t.Helper()
	w.waiting(acme, ep.ID, n)
	claims := w.pollAll(epoch, n)
	batch := w.bind(epoch, claims...)
	w.release(epoch, ep, claims...)
	return batch, sorted(ids(claims))
}

// release gives claims back unsent, parked, in a lane that is due.
func (w *world) release(epoch int64, ep store.EndpointRecord, claims ...store.Claimed) {
	w.t.Helper()
	st := store.Settlement{Epoch: epoch, Gates: []store.Gate{gateOf(ep, w.now)}}
	for _, c := range claims {
		it := released(c, w.now)
		it.Park = true
		st.Items = append(st.Items, it)
	}
	if lost := w.settleAll(st).Lost; len(lost) != 0 {
		w.t.Fatalf("Settle that gives back: %d lost; want 0", len(lost))
	}
}

// wantBatch ends the case unless claims are all of a batch.
func (w *world) wantBatch(call string, claims []store.Claimed, batch string, members []string) {
	w.t.Helper()
	got := fmt.Sprint(sorted(ids(claims)))
	for _, c := range claims {
		if c.Batch != batch {
			got += fmt.Sprintf(", of them %s of batch %q", c.Delivery, c.Batch)
		}
	}
	if want := fmt.Sprint(members); got != want {
		w.t.Fatalf("%s = %s; want %s, all of %s: a batch would be sent again with other events", call, got, want, batch)
	}
}

func pollParksBound(w *world) {
	epoch, ep, claims := w.polled(2)
	batch := w.bind(epoch, claims...)
	w.accepted(epoch, released(claims[0], w.now), released(claims[1], w.now))
	lone := w.waiting(acme, ep.ID, 1)
	if got := w.poll(epoch); !slices.Equal(ids(got), lone) {
		w.t.Errorf("Poll that admits all = %v; want %v alone: a batch is leased as a whole", ids(got), lone)
	}
	if !w.due(acme, ep.ID) {
		w.t.Error("Poll that admitted rows of a batch: the lane is not due; want it due at once")
	}
	w.wantBatch("Take after that", w.take(epoch, acme, ep.ID, 10, w.now), batch, sorted(ids(claims)))
}

func takenTogether(w *world) {
	epoch, ep := w.acquire(), w.endpoint(acme)
	batch, members := w.batched(epoch, ep, 5)
	claims := w.take(epoch, acme, ep.ID, 1, w.now)
	w.wantBatch("Take of at most 1, of a batch of 5", claims, batch, members)
	if w.due(acme, ep.ID) {
		w.t.Error("Take of all there was: the lane is due; want not: it would get turns for ever")
	}
	for _, c := range claims {
		if c.Claim != 2 || c.Attempts != 0 || c.Event == "" {
			w.t.Errorf("Take of a batch = %+v; want claim 2 and an event", c)
		}
	}
	if got := w.take(epoch, acme, ep.ID, 10, w.now); len(got) != 0 {
		w.t.Errorf("Take again = %v; want none: it is leased", ids(got))
	}
}

func notWhileLeased(w *world) {
	epoch, ep, claims := w.polled(3)
	batch := w.bind(epoch, claims...)
	w.release(epoch, ep, claims[:2]...)
	if got := w.take(epoch, acme, ep.ID, 10, w.now); len(got) != 0 {
		w.t.Fatalf("Take while a member is leased = %v; want none: the batch would be sent without it", ids(got))
	}
	if !w.due(acme, ep.ID) {
		w.t.Error("Take that left parked rows of a batch: the lane is not due; want its gate, now")
	}
	w.release(epoch, ep, claims[2])
	w.wantBatch("Take once all were given back", w.take(epoch, acme, ep.ID, 10, w.now), batch, sorted(ids(claims)))
}

func notBeforeDue(w *world) {
	epoch, ep, claims := w.polled(2)
	batch := w.bind(epoch, claims...)
	w.release(epoch, ep, claims[0])
	w.accepted(epoch, released(claims[1], w.now.Add(time.Minute)))
	if got := w.take(epoch, acme, ep.ID, 10, w.now); len(got) != 0 {
		w.t.Fatalf("Take before all members are due = %v; want none", ids(got))
	}
	w.advance(time.Minute)
	w.wantBatch("Take when all are", w.take(epoch, acme, ep.ID, 10, w.now), batch, sorted(ids(claims)))
}

// notDueBatchesHideNoOthers has 2,200 rows in older batches, more than any store looks
// at in a turn, of which none is due.
func notDueBatchesHideNoOthers(w *world) {
	epoch, ep := w.acquire(), w.endpoint(acme)
	retry := func(n int, due time.Time) (string, []string) {
		pubs := make([]store.Publication, n)
		for i := range pubs {
			pubs[i] = w.publication(acme, ep.ID)
		}
		w.stored(pubs...) // in one transaction: thousands take their time
		claims := w.pollAll(epoch, n)
		batch := w.bind(epoch, claims...)
		items := make([]store.Settled, n)
		for i, c := range claims {
			items[i] = w.retried(c, due)
		}
		w.accepted(epoch, inBatch(batch, items...)...)
		return batch, sorted(ids(claims))
	}
	for range 22 {
		retry(100, w.now.Add(time.Hour))
	}
	w.advance(time.Second) // batches are told apart by age
	batch, members := retry(2, w.now.Add(time.Second))
	w.advance(time.Second)
	w.poll(epoch)
	w.wantBatch("Take of a batch that is due after others that are not", w.take(epoch, acme, ep.ID, 10, w.now), batch, members)
	w.advance(time.Hour)
	w.must(w.store.Renew(w.ctx, w.now, epoch, leaseLength), "Renew")
	w.park(epoch, until(w.now))
	if got := w.take(epoch, acme, ep.ID, 1, w.now); len(got) != 100 {
		w.t.Errorf("Take of at most 1 when the older batches are due = %d rows; want one batch of 100", len(got))
	}
	if !w.due(acme, ep.ID) {
		w.t.Error("Take that left batches that are due: the lane is not due; want it due at its gate, now")
	}
}

func batchesCountForMax(w *world) {
	epoch, ep := w.acquire(), w.endpoint(acme)
	batch, members := w.batched(epoch, ep, 3)
	lone := w.waiting(acme, ep.ID, 3)
	w.park(epoch, until(w.now))
	claims := w.take(epoch, acme, ep.ID, 4, w.now)
	if len(claims) != 4 || !slices.Contains(ids(claims), lone[0]) {
		w.t.Fatalf("Take of at most 4 = %v; want the batch of 3 and then the oldest of the others, %s", ids(claims), lone[0])
	}
	of := slices.DeleteFunc(claims, func(c store.Claimed) bool { return c.Delivery == lone[0] })
	w.wantBatch("Take of at most 4, the lone one aside", of, batch, members)
	if got := ids(w.take(epoch, acme, ep.ID, 4, w.now)); !slices.Equal(got, lone[1:]) {
		w.t.Errorf("Take after that = %v; want %v", got, lone[1:])
	}
	if got := w.take(epoch, acme, ep.ID, 0, w.now); len(got) != 0 {
		w.t.Errorf("Take of at most 0 = %v; want none", ids(got))
	}
}

func oldestBatchFirst(w *world) {
	epoch, ep := w.acquire(), w.endpoint(acme)
	var batches []string
	var members [][]string
	for range 3 {
		w.advance(time.Second)
		batch, of := w.batched(epoch, ep, 2)
		batches, members = append(batches, batch), append(members, of)
	}
	for i := range batches {
		claims := w.take(epoch, acme, ep.ID, 2, w.now)
		w.wantBatch(fmt.Sprintf("Take %d of at most 2", i+1), claims, batches[i], members[i])
	}
}

func outliveCrash(w *world) {
	epoch, ep, claims := w.polled(3)
	batch := w.bind(epoch, claims...)
	next := w.die()
	w.reap(next)
	if got := w.poll(next); len(got) != 0 {
		w.t.Errorf("Poll after a crash = %v; want none: they are bound", ids(got))
	}
	again := w.take(next, acme, ep.ID, 10, w.now)
	w.wantBatch("Take after a crash", again, batch, sorted(ids(claims)))
	for _, c := range again {
		if c.Crashes != 1 {
			w.t.Errorf("Take after a crash: crashes %d; want 1", c.Crashes)
		}
	}
	var items []store.Settled
	for _, c := range again {
		items = append(items, w.delivered(c))
	}
	w.accepted(next, items...)
}

// inBatch says of outcomes that they are of one batch.
func inBatch(batch string, items ...store.Settled) []store.Settled {
	for i := range items {
		items[i].Attempt.BatchID = batch
	}
	return items
}

func settledTogether(w *world) {
	epoch, ep, claims := w.polled(2)
	batch := w.bind(epoch, claims...)
	due := w.now.Add(time.Minute)
	w.accepted(epoch, inBatch(batch, w.retried(claims[0], due), w.retried(claims[1], due))...)
	for _, c := range claims {
		as := w.attempts(acme, c.Delivery)
		if len(as) != 1 || as[0].BatchID != batch || as[0].N != 1 {
			w.t.Fatalf("Attempts of a member = %+v; want one, of batch %s", as, batch)
		}
	}
	w.advance(time.Minute)
	w.poll(epoch)
	again := w.take(epoch, acme, ep.ID, 10, w.now)
	w.wantBatch("Take when the retry is due", again, batch, sorted(ids(claims)))
	w.accepted(epoch, inBatch(batch, w.delivered(again[0]), w.delivered(again[1]))...)
}

func lostTogether(w *world) {
	epoch, ep, claims := w.polled(3)
	batch := w.bind(epoch, claims[:2]...)
	w.release(epoch, ep, claims[1]) // as if it had been reaped
	items := append(inBatch(batch, w.delivered(claims[0]), w.delivered(claims[1])), w.delivered(claims[2]))
	lost := w.settle(epoch, items...)
	want := []store.Held{fence(claims[0]), fence(claims[1])}
	slices.SortFunc(lost, func(a, b store.Held) int { return slices.Index(want, a) - slices.Index(want, b) })
	if !slices.Equal(lost, want) {
		w.t.Errorf("Settle of a batch of which one was lost = %v lost; want both: the other would be sent again in a smaller batch", lost)
	}
	if n := len(w.attempts(acme, claims[0].Delivery)); n != 0 {
		w.t.Errorf("Attempts of the other = %d; want 0: nothing was accepted", n)
	}
	if d := w.delivery(acme, claims[2].Delivery); d.Status != webhook.DeliveryDelivered {
		w.t.Errorf("Delivery beside the batch is %s; want delivered", d.Status)
	}
	w.release(epoch, ep, claims[0])
	w.wantBatch("Take after that", w.take(epoch, acme, ep.ID, 10, w.now), batch, sorted(ids(claims[:2])))
}

func redeliverTakesOut(w *world) {
	epoch, _, claims := w.polled(2)
	batch := w.bind(epoch, claims...)
	w.accepted(epoch, inBatch(batch, w.failed(claims[0]), w.failed(claims[1]))...)
	w.redeliver(claims[0])
	if c := w.pollOne(epoch); c.Delivery != claims[0].Delivery || c.Batch != "" {
		w.t.Errorf("Poll after Redeliver of a member = %+v; want it in no batch: nobody asked for the others", c)
	}
}

func pruneDissolves(w *world) {
	epoch, ep := w.acquire(), w.endpoint(acme)
	old := w.publication(acme, ep.ID)
	w.stored(old)
	w.advance(w.h.Part + time.Hour)
	epoch = w.renewed(epoch)
	young := w.waiting(acme, ep.ID, 2)
	claims := w.pollAll(epoch, 3)
	w.bind(epoch, claims...)
	w.release(epoch, ep, claims...)
	w.advance(retention.Payloads - time.Minute)
	epoch = w.renewed(epoch)
	if got := w.pruneAll(); got.Expired != 1 {
		w.t.Fatalf("Prune after the retention of the oldest = %+v; want 1 expired", got)
	}
	got := w.take(epoch, acme, ep.ID, 10, w.now)
	if !slices.Equal(sorted(ids(got)), sorted(young)) {
		w.t.Fatalf("Take after a member of the batch expired = %v; want the others, %v: they would wait for ever", ids(got), young)
	}
	for _, c := range got {
		if c.Batch != "" {
			w.t.Errorf("Take = %s in batch %s; want none: a batch is never sent with other events than before", c.Delivery, c.Batch)
		}
	}
}

// renewed returns an epoch that is valid now.
func (w *world) renewed(epoch int64) int64 {
	w.t.Helper()
	w.must(w.store.Renew(w.ctx, w.now, epoch, leaseLength), "Renew")
	return epoch
}
