package storetest

import (
	"context"
	"slices"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

func bindAll(w *world) {
	epoch, _, claims := w.polled(3)
	batch := w.bind(epoch, claims[:2]...)
	for i, c := range claims {
		want := batch
		if i == 2 {
			want = ""
		}
		if d := w.delivery(acme, c.Delivery); d.BatchID != want || d.Status != webhook.DeliveryPending {
			w.t.Errorf("Delivery after Bind of the first two: number %d is %s in batch %q; want pending in %q", i, d.Status, d.BatchID, want)
		}
	}
	var items []store.Settled
	for _, c := range claims {
		items = append(items, w.delivered(c))
	}
	w.accepted(epoch, items...)
	if d := w.delivery(acme, claims[0].Delivery); d.BatchID != batch {
		w.t.Errorf("Delivery that ended in a batch: %q; want %q", d.BatchID, batch)
	}
}

func bindAllOrNothing(w *world) {
	epoch, _, claims := w.polled(4)
	w.accepted(epoch, w.delivered(claims[0]))
	stale := claims[1]
	stale.Claim += 7
	for what, b := range map[string]store.Binding{
		"one that has ended":         w.binding(claims[0], claims[2]),
		"one under another claim":    w.binding(claims[2], stale),
		"one that is there twice":    w.binding(claims[2], claims[3], claims[2]),
		"one that nobody knows":      w.binding(claims[2], store.Claimed{Tenant: acme, Delivery: w.id(webhook.PrefixDelivery), Claim: 1}),
		"one that it has to itself":  w.binding(store.Claimed{Tenant: acme, Delivery: stale.Delivery, Claim: stale.Claim}),
		"one of another tenant's id": {ID: w.id(webhook.PrefixBatch), Tenant: globex, Members: []store.Held{{Tenant: globex, Delivery: "dlv_unknown", Claim: 1}}},
	} {
		bound, err := w.store.Bind(w.ctx, epoch, []store.Binding{b})
		if err != nil || len(bound) != 0 {
			w.t.Errorf("Bind of leased rows and %s = %v, error %v; want none, which is not an error", what, bound, err)
		}
	}
	_, err := w.store.Cancel(w.ctx, w.now, acme, []string{claims[3].Delivery})
	w.must(err, "Cancel")
	if bound, err := w.store.Bind(w.ctx, epoch, []store.Binding{w.binding(claims[2], claims[3])}); err != nil || len(bound) != 0 {
		w.t.Errorf("Bind of a row that was canceled = %v, error %v; want none: it would be sent", bound, err)
	}
	if d := w.delivery(acme, claims[2].Delivery); d.BatchID != "" {
		w.t.Errorf("Delivery after batches that were not bound: in batch %s; want none: it would wait for the others for ever", d.BatchID)
	}
	w.bind(epoch, claims[1:3]...)
}

func bindNeedsFence(w *world) {
	epoch, ep, claims := w.polled(2)
	for _, other := range []int64{0, epoch + 1, -1} {
		if bound, err := w.store.Bind(w.ctx, other, []store.Binding{w.binding(claims...)}); err != nil || len(bound) != 0 {
			w.t.Errorf("Bind under epoch %d of rows leased to %d = %v, error %v; want none", other, epoch, bound, err)
		}
	}
	w.release(epoch, ep, claims...)
	if bound, err := w.store.Bind(w.ctx, epoch, []store.Binding{w.binding(claims...)}); err != nil || len(bound) != 0 {
		w.t.Errorf("Bind of rows that were given back = %v, error %v; want none", bound, err)
	}
}

func bindIsForGood(w *world) {
	epoch, _, claims := w.polled(2)
	first := w.bind(epoch, claims...)
	if bound, err := w.store.Bind(w.ctx, epoch, []store.Binding{w.binding(claims...)}); err != nil || len(bound) != 0 {
		w.t.Errorf("Bind of what is bound = %v, error %v; want none: the receiver may know them by the first id", bound, err)
	}
	if d := w.delivery(acme, claims[0].Delivery); d.BatchID != first {
		w.t.Errorf("Delivery after a second Bind: in batch %q; want %q", d.BatchID, first)
	}
}

func bindSeveral(w *world) {
	epoch, _, claims := w.polled(6)
	stale := claims[2]
	stale.Claim++
	good, bad, alone := w.binding(claims[0], claims[1]), w.binding(stale, claims[3]), w.binding(claims[4])
	bound, err := w.store.Bind(w.ctx, epoch, []store.Binding{good, bad, alone})
	w.must(err, "Bind")
	if want := sorted([]string{good.ID, alone.ID}); !slices.Equal(sorted(bound), want) {
		w.t.Errorf("Bind of three batches, one of them with a lost member = %v; want the two others, %v", bound, want)
	}
}

// boundAreStarted looks at the second crash, which counts for what was started alone.
func boundAreStarted(w *world) {
	epoch, ep := w.acquire(), w.endpoint(acme)
	w.waiting(acme, ep.ID, 2)
	w.pollAll(epoch, 2)
	epoch = w.die()
	w.reap(epoch)
	claims := w.pollAll(epoch, 2)
	w.bind(epoch, claims[0])
	epoch = w.die()
	w.reap(epoch)
	crashes := map[string]int{}
	for _, c := range append(w.poll(epoch), w.take(epoch, acme, ep.ID, 10, w.now)...) {
		crashes[c.Delivery] = c.Crashes
	}
	if crashes[claims[0].Delivery] != 2 || crashes[claims[1].Delivery] != 1 {
		w.t.Errorf("crashes of a bound row %d, of another %d; want 2 and 1: what is bound may have been sent",
			crashes[claims[0].Delivery], crashes[claims[1].Delivery])
	}
}

func unbindTakesOut(w *world) {
	epoch, ep, claims := w.polled(2)
	w.bind(epoch, claims...)
	first, second := released(claims[0], w.now), released(claims[1], w.now)
	first.Unbind, second.Unbind, second.Park = true, true, true
	w.settleAll(store.Settlement{Epoch: epoch, Items: []store.Settled{first, second}, Gates: []store.Gate{gateOf(ep, w.now)}})
	if d := w.delivery(acme, claims[0].Delivery); d.BatchID != "" {
		w.t.Errorf("Delivery that was unbound: in batch %q; want none", d.BatchID)
	}
	if c := w.pollOne(epoch); c.Delivery != claims[0].Delivery || c.Batch != "" {
		w.t.Errorf("Poll = %+v; want %s, in no batch", c, claims[0].Delivery)
	}
	got := w.take(epoch, acme, ep.ID, 10, w.now)
	if len(got) != 1 || got[0].Delivery != claims[1].Delivery || got[0].Batch != "" {
		w.t.Errorf("Take = %+v; want %s, in no batch", got, claims[1].Delivery)
	}
}

func bindCanceled(w *world) {
	epoch, _, claims := w.polled(2)
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	if bound, err := w.store.Bind(ctx, epoch, []store.Binding{w.binding(claims...)}); err == nil {
		w.t.Errorf("Bind with a canceled context = %v, no error; want an error", bound)
	}
	w.bind(epoch, claims...)
}
