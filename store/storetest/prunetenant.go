package storetest

import (
	"errors"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var pruneTenantCases = []testCase{
	{"RemovesWhatIsOld", pruneTenantOld},
	{"PendingStays", pruneTenantPending},
	{"InBites", pruneTenantBites},
}

// pruneTenant removes what acme has had for longer than an age.
func (w *world) pruneTenant(age time.Duration, limit int) store.Erased {
	w.t.Helper()
	done, err := w.store.PruneTenant(w.ctx, w.now, acme, w.now.Add(-age), limit)
	w.must(err, "PruneTenant")
	return done
}

func pruneTenantOld(w *world) {
	epoch, ep := w.acquire(), w.endpoint(acme)
	old, theirs := w.publication(acme, ep.ID), w.publication(globex, w.endpoint(globex).ID)
	old.Event.IdempotencyKey = "k"
	w.stored(old, theirs)
	for _, c := range w.pollAll(epoch, 2) {
		w.accepted(epoch, w.delivered(c))
	}
	w.advance(2 * time.Hour)
	young := w.publication(acme)
	w.stored(young)
	w.advance(time.Minute)
	want := store.Erased{Events: 1, Payloads: 1, Deliveries: 1, Attempts: 1}
	if got := w.pruneTenant(2*time.Hour, many); got != want {
		w.t.Errorf("PruneTenant = %+v; want %+v: keys have a time of their own", got, want)
	}
	w.wantErased(old)
	for _, p := range []store.Publication{young, theirs} {
		if _, err := w.store.Event(w.ctx, p.Event.Tenant, p.Event.ID); err != nil {
			w.t.Errorf("Event of tenant %s after PruneTenant of acme's older ones = %v; want it", p.Event.Tenant, err)
		}
	}
	w.wantDuplicate("Publish of the key of a pruned event", w.publish(old)[0], old)
	w.wantStats(1, "what was counted stays")
}

func pruneTenantPending(w *world) {
	epoch, ep := w.acquire(), w.endpoint(acme)
	var pubs []store.Publication
	for range 4 {
		p := w.publication(acme, ep.ID)
		w.stored(p)
		pubs = append(pubs, p)
		w.advance(time.Second)
	}
	claims := w.pollAll(epoch, 4)
	w.accepted(epoch, w.retried(claims[0], w.now.Add(48*time.Hour)))
	w.accepted(epoch, w.delivered(claims[2]))
	w.accepted(epoch, w.failed(claims[3])) // the second one is still leased
	w.advance(24 * time.Hour)
	if got := w.pruneTenant(time.Hour, 1); got.Events != 1 || got.Pending != 0 {
		w.t.Errorf("PruneTenant behind what is pending = %+v; want one event: what waits must not keep the rest for ever", got)
	}
	if got := w.pruneTenant(time.Hour, many); got.Events != 1 || got.Pending != 0 || got.More {
		w.t.Errorf("PruneTenant = %+v; want the other one", got)
	}
	for i, p := range pubs {
		_, err := w.store.Event(w.ctx, acme, p.Event.ID)
		if i < 2 && err != nil || i >= 2 && !errors.Is(err, store.ErrNotFound) {
			w.t.Errorf("Event %d after PruneTenant: %v; want those that are pending, and no others", i, err)
		}
	}
	for i, c := range claims[:2] {
		if d := w.delivery(acme, c.Delivery); d.Status != webhook.DeliveryPending {
			w.t.Errorf("delivery %d after PruneTenant = %s; want pending", i, d.Status)
		}
	}
}

func pruneTenantBites(w *world) {
	for range 5 {
		w.stored(w.publication(acme))
		w.advance(time.Second)
	}
	w.advance(time.Hour)
	sum := 0
	for range 5 {
		got := w.pruneTenant(time.Minute, 2)
		if sum += got.Events; got.Events > 2 {
			w.t.Errorf("PruneTenant of at most 2 = %+v", got)
		}
		if !got.More {
			break
		}
	}
	if sum != 5 {
		w.t.Errorf("PruneTenant until there is no more = %d events; want 5", sum)
	}
	if got := w.pruneTenant(0, many); got != (store.Erased{}) {
		w.t.Errorf("PruneTenant of a tenant without events = %+v; want nothing", got)
	}
}
