package storetest

import (
	"slices"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// blocked fails the first delivery of a key so that it blocks, and returns its
// claim and the ids of n later ones.
func (w *world) blocked(epoch int64, ep store.EndpointRecord, key string, n int) (store.Claimed, []string) {
	w.t.Helper()
	w.ordered(ep, key, 1)
	head := w.takeHead(epoch, ep)
	item := w.failed(head)
	item.Block = true
	w.accepted(epoch, item)
	return head, w.ordered(ep, key, n)
}

func blockStopsLaterOnes(w *world) {
	ep := w.orderedEndpoint()
	epoch := w.acquire()
	w.blocked(epoch, ep, "k", 2)
	w.wantTaken(epoch, ep, 10, nil, "an earlier delivery failed and blocks its key")
}

// blockSparesEarlierOnes redelivers what was published before the one that blocks.
func blockSparesEarlierOnes(w *world) {
	ep := w.orderedEndpoint()
	w.ordered(ep, "k", 1)
	epoch := w.acquire()
	first := w.takeHead(epoch, ep)
	w.accepted(epoch, w.failed(first))
	w.blocked(epoch, ep, "k", 1)
	w.redeliver(first)
	w.wantTaken(epoch, ep, 10, []string{first.Delivery}, "it comes before the one that blocks, and what comes after does not")
}

func blockIsOfItsKey(w *world) {
	ep := w.orderedEndpoint()
	epoch := w.acquire()
	w.blocked(epoch, ep, "k", 1)
	other := w.orderedEndpoint()
	w.wantTaken(epoch, other, 10, w.ordered(other, "k", 1), "another endpoint's key of the same name is another key")
	w.wantTaken(epoch, ep, 10, w.ordered(ep, "l", 1), "another key is not blocked")
}

func lostSettleDoesNotBlock(w *world) {
	ep := w.orderedEndpoint()
	all := w.ordered(ep, "k", 2)
	epoch := w.acquire()
	head := w.takeHead(epoch, ep)
	w.accepted(epoch, released(head, w.now))
	item := w.failed(head)
	item.Block = true
	if lost := w.settle(epoch, item); len(lost) != 1 {
		w.t.Errorf("Settle of a claim that was given back: %d lost; want 1", len(lost))
	}
	w.wantTaken(epoch, ep, 10, all, "an outcome that is refused blocks nothing")
}

func redeliverKeepsPlace(w *world) {
	ep := w.orderedEndpoint()
	epoch := w.acquire()
	head, later := w.blocked(epoch, ep, "k", 2)
	w.redeliver(head)
	got := w.takeOrdered(epoch, ep, 10)
	if want := slices.Concat([]string{head.Delivery}, later); !slices.Equal(ids(got), want) {
		w.t.Fatalf("Take after Redeliver of the one that blocked = %v; want %v: it keeps its place, and no longer blocks", ids(got), want)
	}
	if got[0].Seq != head.Seq {
		w.t.Errorf("Seq after Redeliver = %d; want %d, as before", got[0].Seq, head.Seq)
	}
}

func (w *world) canceled(d store.Claimed, want webhook.CancelOutcome) {
	w.t.Helper()
	got, err := w.store.Cancel(w.ctx, w.now, d.Tenant, []string{d.Delivery})
	w.must(err, "Cancel")
	if len(got) != 1 || got[0].Outcome != want {
		w.t.Errorf("Cancel = %+v; want outcome %q", got, want)
	}
}

func cancelUnblocks(w *world) {
	ep := w.orderedEndpoint()
	epoch := w.acquire()
	head, later := w.blocked(epoch, ep, "k", 2)
	w.park(epoch, until(w.now))
	w.takeOrdered(epoch, ep, 1)
	w.epoch = epoch
	if w.due(ep.Tenant, ep.ID) {
		w.t.Error("Take of a lane whose only key is blocked: it is due; want it to wait for its gate")
	}
	w.takeOrdered(epoch, ep, 1)
	w.canceled(head, webhook.CancelUnblocked)
	if !w.due(ep.Tenant, ep.ID) {
		w.t.Error("Cancel of the delivery that blocked: the lane is not due; want it due at once")
	}
	w.wantTaken(epoch, ep, 10, later, "the one that blocked was canceled")
	w.canceled(head, webhook.CancelEnded)
	if d := w.delivery(head.Tenant, head.Delivery); d.Status != webhook.DeliveryFailed {
		w.t.Errorf("Delivery after it was canceled that had failed = %s; want failed: that is what became of it", d.Status)
	}
}

func cancelOfTheFirstReopens(w *world) {
	ep := w.orderedEndpoint()
	w.ordered(ep, "k", 1)
	epoch := w.acquire()
	head := w.takeHead(epoch, ep)
	later := w.ordered(ep, "k", 1)
	w.accepted(epoch, w.retried(head, w.now.Add(time.Hour)))
	w.park(epoch, until(w.now.Add(time.Hour)))
	w.wantTaken(epoch, ep, 10, nil, "the first is to be tried again")
	w.canceled(head, webhook.CancelDone)
	w.epoch = epoch
	if !w.due(ep.Tenant, ep.ID) {
		w.t.Error("Cancel of the first delivery of a key: the lane is not due; want it due at once")
	}
	w.wantTaken(epoch, ep, 10, later, "the first was canceled")
}

// canceledDoesNotBlock cancels a delivery while its last attempt is under way.
func canceledDoesNotBlock(w *world) {
	ep := w.orderedEndpoint()
	w.ordered(ep, "k", 1)
	epoch := w.acquire()
	head := w.takeHead(epoch, ep)
	later := w.ordered(ep, "k", 1)
	w.canceled(head, webhook.CancelRequested)
	item := w.failed(head)
	item.Block = true
	w.accepted(epoch, item)
	w.wantTaken(epoch, ep, 10, later, "who canceled the one before does not wait for it")
}

func orderChangeUnblocks(w *world) {
	ep := w.orderedEndpoint()
	epoch := w.acquire()
	_, later := w.blocked(epoch, ep, "k", 1)
	ep.Description = "another one"
	ep = w.touch(ep)
	w.wantTaken(epoch, ep, 10, nil, "the change has nothing to do with the order")
	ep.Order.OnFailure = webhook.OrderSkip
	ep = w.touch(ep)
	w.wantTaken(epoch, ep, 10, later, "a failure is to hold up nothing any more")
}

func deletionUnblocks(w *world) {
	ep := w.orderedEndpoint()
	epoch := w.acquire()
	_, later := w.blocked(epoch, ep, "k", 1)
	w.must(w.store.DeleteEndpoint(w.ctx, w.now, ep.Tenant, ep.ID), "DeleteEndpoint")
	got := w.turn(epoch, store.Turn{Max: 10, Gate: store.Gate{Tenant: ep.Tenant, Endpoint: ep.ID}})
	if !slices.Equal(ids(got), later) {
		w.t.Errorf("Take after the endpoint was deleted = %v; want %v: they are to be canceled", ids(got), later)
	}
}

func blockEndsWithItsDelivery(w *world) {
	ep := w.orderedEndpoint()
	epoch := w.acquire()
	w.blocked(epoch, ep, "k", 0)
	kept := store.Retention{Payloads: time.Hour, Deliveries: 2 * time.Hour, Statistics: time.Hour, Tombstones: time.Hour}
	w.expire(kept.Deliveries)
	want := w.ordered(ep, "k", 1)
	w.wantTaken(epoch, ep, 10, nil, "the one that blocks is not removed yet")
	for range 10 {
		done, err := w.store.Prune(w.ctx, w.now, kept, many)
		w.must(err, "Prune")
		if !done.More {
			break
		}
	}
	w.wantTaken(epoch, ep, 10, want, "the one that blocked was removed, so nobody could redeliver it")
}
