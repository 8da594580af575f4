package storetest

import (
	"errors"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var placeCases = []testCase{
	{"Waiting", placeWaiting},
	{"Parked", placeParked},
	{"Leased", placeLeased},
	{"Crashes", placeCrashes},
	{"Canceled", placeCanceled},
	{"Ahead", placeAhead},
	{"BlockedBy", placeBlockedBy},
	{"EndedAndForeign", placeEndedAndForeign},
}

// place ends the case unless a delivery stands where it should.
func (w *world) place(delivery string, want store.Place) {
	w.t.Helper()
	got, err := w.store.Place(w.ctx, acme, delivery)
	w.must(err, "Place")
	got.LaneNext, got.AheadDue = utc(got.LaneNext), utc(got.AheadDue)
	want.LaneNext, want.AheadDue = utc(want.LaneNext), utc(want.AheadDue)
	if got != want {
		w.t.Errorf("Place = %+v; want %+v", got, want)
	}
}

func placeWaiting(w *world) {
	id := w.waiting(acme, w.endpoint(acme).ID, 1)[0]
	w.place(id, store.Place{})
}

func placeParked(w *world) {
	epoch, ep := w.acquire(), w.endpoint(acme)
	id := w.waiting(acme, ep.ID, 1)[0]
	gate := w.now.Add(time.Minute)
	w.park(epoch, until(gate))
	w.place(id, store.Place{Parked: true, LaneNext: gate})

	shut := w.endpoint(acme)
	id = w.waiting(acme, shut.ID, 1)[0]
	w.park(epoch, never)
	w.place(id, store.Place{Parked: true})
}

func placeLeased(w *world) {
	epoch := w.acquire()
	id := w.waiting(acme, w.endpoint(acme).ID, 1)[0]
	c := w.pollOne(epoch)
	w.place(id, store.Place{Leased: true})
	w.accepted(epoch, w.retried(c, w.now.Add(time.Minute)))
	w.place(id, store.Place{})
}

func placeCrashes(w *world) {
	epoch := w.acquire()
	id := w.waiting(acme, w.endpoint(acme).ID, 1)[0]
	w.pollOne(epoch)
	w.reap(w.die())
	w.place(id, store.Place{Crashes: 1})
}

func placeCanceled(w *world) {
	epoch := w.acquire()
	id := w.waiting(acme, w.endpoint(acme).ID, 1)[0]
	w.pollOne(epoch)
	_, err := w.store.Cancel(w.ctx, w.now, acme, []string{id})
	w.must(err, "Cancel")
	w.place(id, store.Place{Leased: true, Canceled: true})
}

// The first of a key stands before all others, also while it waits for a retry or
// is leased; those of other keys and of no key stand before nobody.
func placeAhead(w *world) {
	epoch, ep, other := w.acquire(), w.endpoint(acme), w.endpoint(acme)
	ordered := func(endpoint, key string) string {
		p := w.publication(acme, endpoint)
		p.Deliveries[0].Ordered, p.Deliveries[0].Key = true, key
		p.Deliveries[0].Due = w.now.Add(time.Minute)
		w.stored(p)
		return p.Deliveries[0].ID
	}
	plain := w.waiting(acme, ep.ID, 1)[0]
	elsewhere := ordered(other.ID, "a")
	first, apart, second, third := ordered(ep.ID, "a"), ordered(ep.ID, ""), ordered(ep.ID, "a"), ordered(ep.ID, "a")
	for _, id := range []string{plain, elsewhere, first, apart} {
		w.place(id, store.Place{})
	}
	behind := store.Place{Ahead: first, AheadDue: w.now.Add(time.Minute)}
	w.place(second, behind)
	w.place(third, behind)

	c := w.pollOne(epoch) // the plain one is out of the way
	w.accepted(epoch, w.delivered(c))
	w.place(third, behind)
}

// What has failed and holds up its key is said of what comes after it, and of
// nothing else.
func placeBlockedBy(w *world) {
	epoch, ep := w.acquire(), w.endpoint(acme)
	ordered := func(key string) string {
		p := w.publication(acme, ep.ID)
		p.Deliveries[0].Ordered, p.Deliveries[0].Key = true, key
		w.stored(p)
		return p.Deliveries[0].ID
	}
	first, second := ordered("a"), ordered("a")
	for _, id := range []string{first, second} {
		for _, c := range w.poll(epoch) {
			item := w.failed(c)
			if c.Delivery != id {
				item = released(c, w.now)
			}
			item.Block = c.Delivery == id
			w.accepted(epoch, item)
		}
	}
	behind, apart := ordered("a"), ordered("b")
	w.place(behind, store.Place{BlockedBy: first})
	w.place(apart, store.Place{})
	w.must(w.store.Redeliver(w.ctx, w.now, acme, first), "Redeliver")
	w.place(first, store.Place{})
	w.place(behind, store.Place{BlockedBy: second, Ahead: first, AheadDue: w.now})
}

func placeEndedAndForeign(w *world) {
	epoch := w.acquire()
	ep := w.endpoint(acme)
	ended := w.waiting(acme, ep.ID, 1)[0]
	w.accepted(epoch, w.delivered(w.pollOne(epoch)))
	pending := w.waiting(acme, ep.ID, 1)[0]
	for name, q := range map[string]struct{ tenant, delivery string }{
		"a delivery that ended":        {acme, ended},
		"a delivery of another tenant": {globex, pending},
		"an unknown delivery":          {acme, w.id(webhook.PrefixDelivery)},
	} {
		if got, err := w.store.Place(w.ctx, q.tenant, q.delivery); !errors.Is(err, store.ErrNotFound) {
			w.t.Errorf("Place of %s = %+v, error %v; want ErrNotFound", name, got, err)
		}
	}
}
