package storetest

import (
	"slices"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var endedCases = []testCase{
	{"IsRecordedAndNeverClaimed", endedIsRecordedAndNeverClaimed},
	{"IsNotInReceipts", endedIsNotInReceipts},
	{"StaleWritesNothing", endedStaleWritesNothing},
	{"IsRedeliverable", endedIsRedeliverable},
}

// skip makes the last delivery of a publication end as it is written.
func skip(p store.Publication) store.Publication {
	d := &p.Deliveries[len(p.Deliveries)-1]
	d.Status, d.Reason = webhook.DeliverySkipped, webhook.ReasonEndpointPaused
	return p
}

// wantSkipped checks that the last delivery of a publication ended as it was
// written.
func (w *world) wantSkipped(p store.Publication) {
	w.t.Helper()
	nd := p.Deliveries[len(p.Deliveries)-1]
	want := webhook.Delivery{
		ID: nd.ID, Tenant: acme, EventID: p.Event.ID, EndpointID: nd.Endpoint, EventType: "invoice.paid",
		Priority: webhook.PriorityOf(nd.Priority.Rank()), Ordered: nd.Ordered, OrderingKey: nd.Key,
		Status: webhook.DeliverySkipped, Reason: webhook.ReasonEndpointPaused, CreatedAt: w.now, UpdatedAt: w.now,
	}
	if d := w.delivery(acme, nd.ID); !same(d, want) {
		w.t.Errorf("Delivery that was skipped = %+v; want %+v: nobody would know that it was", d, want)
	}
}

func endedIsRecordedAndNeverClaimed(w *world) {
	ep := w.endpoint(acme)
	both, alone := skip(w.publication(acme, ep.ID, ep.ID)), skip(w.publication(acme, ep.ID))
	last := &alone.Deliveries[0]
	last.Priority, last.Ordered, last.Key = webhook.PriorityLow, true, "customer 1"
	w.stored(both, w.publication(acme, ep.ID), alone)
	w.wantSkipped(both)
	w.wantSkipped(alone)
	epoch := w.acquire()
	claimed := ids(w.poll(epoch))
	if len(claimed) != 2 || slices.Contains(claimed, both.Deliveries[1].ID) || slices.Contains(claimed, last.ID) {
		w.t.Errorf("Poll = %v; want the 2 that were not skipped", claimed)
	}
	list, err := w.store.ListDeliveries(w.ctx, acme, store.DeliveryFilter{Status: webhook.DeliverySkipped}, store.Page{})
	w.must(err, "ListDeliveries")
	if len(list) != 2 {
		w.t.Errorf("ListDeliveries of skipped ones = %d; want 2", len(list))
	}
}

func endedIsNotInReceipts(w *world) {
	ep := w.endpoint(acme)
	p := skip(w.publication(acme, ep.ID, ep.ID, ep.ID))
	p.Event.IdempotencyKey = "k"
	again := skip(w.publication(acme, ep.ID))
	again.Event.IdempotencyKey = "k"
	results := w.publish(p, again)
	for i, r := range append(results, w.publish(again)...) {
		if r.Receipt.Deliveries != 2 || r.Receipt.Duplicate != (i > 0) {
			w.t.Errorf("Publish %d with one of 3 deliveries skipped = %+v; want 2 deliveries in every receipt", i, r)
		}
	}
}

func endedStaleWritesNothing(w *world) {
	ep := w.endpoint(acme)
	p := skip(w.publication(acme, ep.ID, ep.ID))
	w.endpoint(acme)
	if got := w.publish(p)[0]; got.Outcome != store.PublishStale {
		w.t.Errorf("Publish of a skipped delivery at an older revision = %+v; want PublishStale: the endpoint may have been resumed", got)
	}
	w.wantPublished(false, "a stale Publish", p)
}

func endedIsRedeliverable(w *world) {
	ep := w.endpoint(acme)
	p := skip(w.publication(acme, ep.ID))
	p.Deliveries[0].Priority = webhook.PriorityHigh
	w.stored(p)
	w.must(w.store.Redeliver(w.ctx, w.now, acme, p.Deliveries[0].ID), "Redeliver")
	claimed := w.poll(w.acquire())
	if len(claimed) != 1 || claimed[0].Delivery != p.Deliveries[0].ID || claimed[0].Attempts != 0 || claimed[0].Claim != 2 || claimed[0].Priority != webhook.PriorityHigh {
		w.t.Errorf("Poll after redelivering what was skipped = %+v; want it, unsent, of high priority and under claim 2", claimed)
	}
}
