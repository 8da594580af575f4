package storetest

import (
	"errors"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// deadLetterEndpoint stores an endpoint that keeps its failed deliveries for so long.
func (w *world) deadLetterEndpoint(retain time.Duration) store.EndpointRecord {
	w.t.Helper()
	ep := w.newEndpoint(acme)
	ep.DeadLetter.Retain = retain
	ep, err := w.store.CreateEndpoint(w.ctx, w.now, ep, w.newSecret(acme, ep.ID), store.Creation{})
	w.must(err, "CreateEndpoint")
	return ep
}

func pruneDeadLetters(w *world) {
	epoch := w.acquire()
	short, long := w.deadLetterEndpoint(12*time.Hour), w.deadLetterEndpoint(0)
	p := w.publication(acme, short.ID, long.ID)
	w.stored(p)
	w.stored(w.publication(acme, short.ID))
	w.stored(w.publication(acme, short.ID))
	var sent store.Claimed
	for i, c := range w.poll(epoch) {
		if i == 2 {
			sent = c
			w.accepted(epoch, w.delivered(c))
			continue
		}
		w.accepted(epoch, w.failed(c))
	}
	w.advance(5 * time.Hour)
	again := w.deliveryIDs(acme, store.DeliveryFilter{Endpoint: short.ID, Status: webhook.DeliveryFailed})[0]
	w.must(w.store.Redeliver(w.ctx, w.now, acme, again), "Redeliver")
	w.accepted(epoch, w.failed(w.pollOne(epoch)))
	w.advance(7*time.Hour - time.Minute)
	if got := w.pruneAll(); got.Deliveries != 0 {
		w.t.Errorf("Prune within the retention of dead letters = %+v; want none removed", got)
	}
	w.advance(2 * time.Minute)
	gone := p.Deliveries[0].ID
	if got := w.pruneAll(); got.Deliveries != 1 || got.Events != 0 {
		w.t.Errorf("Prune after the retention of dead letters = %+v; want one delivery removed, and no event", got)
	}
	if _, err := w.store.Delivery(w.ctx, acme, gone); !errors.Is(err, store.ErrNotFound) {
		w.t.Errorf("failed delivery after its endpoint's retention: error %v; want ErrNotFound", err)
	}
	if got := w.attempts(acme, gone); len(got) != 0 {
		w.t.Errorf("attempts of a removed delivery = %+v; want none", got)
	}
	if d := w.delivery(acme, again); d.Status != webhook.DeliveryFailed || len(w.attempts(acme, again)) != 2 {
		w.t.Errorf("delivery that failed again later = %+v; want it kept: it counts from when it failed", d)
	}
	if d := w.delivery(acme, sent.Delivery); d.Status != webhook.DeliveryDelivered {
		w.t.Errorf("delivered delivery of the endpoint = %s; want it kept", d.Status)
	}
	if d := w.delivery(acme, p.Deliveries[1].ID); d.Status != webhook.DeliveryFailed {
		w.t.Errorf("failed delivery of another endpoint = %s; want it kept", d.Status)
	}
	if _, err := w.store.Event(w.ctx, acme, p.Event.ID); err != nil {
		w.t.Errorf("Event of a removed delivery: error %v; want it kept", err)
	}
	if err := w.store.Redeliver(w.ctx, w.now, acme, gone); !errors.Is(err, store.ErrNotFound) {
		w.t.Errorf("Redeliver of a removed delivery: error %v; want ErrNotFound", err)
	}
	w.expire(retention.Deliveries)
	w.pruneAll()
	if got := w.deliveryIDs(acme, store.DeliveryFilter{}); len(got) != 0 {
		w.t.Errorf("deliveries after the store's retention = %v; want none", got)
	}
}

func pruneDeadLettersBounded(w *world) {
	epoch := w.acquire()
	ep := w.deadLetterEndpoint(12 * time.Hour)
	w.waiting(acme, ep.ID, 10)
	for _, c := range w.poll(epoch) {
		w.accepted(epoch, w.failed(c))
	}
	w.advance(13 * time.Hour)
	first := w.prune(4)
	if first.Deliveries < 1 || first.Deliveries > 4 || !first.More {
		w.t.Errorf("Prune of 4 of 10 dead letters = %+v; want 4 at most, and more", first)
	}
	if got := w.pruneBy(4); first.Deliveries+got.Deliveries != 10 {
		w.t.Errorf("Prune of the rest = %+v; want all 10 removed", got)
	}
}
