package storetest

import (
	"errors"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var redeliverCases = []testCase{
	{"FreshScheduleAttemptsGoOn", redeliverFreshSchedule},
	{"FromEveryEnd", redeliverFromEveryEnd},
	{"PendingIsLeft", redeliverPendingIsLeft},
	{"OldFenceIsGone", redeliverOldFence},
	{"ByManyAtOnceIsOne", redeliverByMany},
	{"Unknown", redeliverUnknown},
	{"PayloadGone", redeliverPayloadGone},
}

func (w *world) redeliver(c store.Claimed) {
	w.t.Helper()
	w.must(w.store.Redeliver(w.ctx, w.now, c.Tenant, c.Delivery), "Redeliver")
}

func redeliverFreshSchedule(w *world) {
	epoch := w.acquire()
	c := w.job(epoch)
	w.accepted(epoch, w.retried(c, w.now))
	c = w.pollOne(epoch)
	w.accepted(epoch, w.failed(c))
	w.advance(time.Hour)
	w.redeliver(c)
	w.wantDelivery("Redeliver", c, webhook.Delivery{Status: webhook.DeliveryPending, Attempts: 2, NextAttemptAt: w.now, UpdatedAt: w.now})

	again := w.pollOne(epoch)
	want := store.Claimed{
		Tenant: acme, Delivery: c.Delivery, Endpoint: c.Endpoint, Event: c.Event, Claim: again.Claim, Attempts: 2, Base: 2,
		Seq: c.Seq, Priority: webhook.PriorityNormal,
	}
	if again != want {
		w.t.Errorf("Poll after Redeliver = %+v; want %+v: the schedule is fresh, attempt numbers go on", again, want)
	}
	w.accepted(epoch, w.retried(again, w.now))
	if third := w.pollOne(epoch); third.Attempts != 3 || third.Base != 2 {
		w.t.Errorf("Poll after a retry after Redeliver: %d attempts, base %d; want 3, 2: the schedule would begin anew each time", third.Attempts, third.Base)
	}
	if got := w.attempts(acme, c.Delivery); len(got) != 3 || got[2].N != 3 {
		w.t.Errorf("Attempts after Redeliver = %+v; want all 3", got)
	}
}

func redeliverFromEveryEnd(w *world) {
	epoch := w.acquire()
	for _, status := range []webhook.DeliveryStatus{webhook.DeliveryDelivered, webhook.DeliveryFailed, webhook.DeliveryCanceled, webhook.DeliverySkipped} {
		c := w.job(epoch)
		end := released(c, time.Time{})
		end.Status, end.Reason = status, webhook.ReasonCrashed
		w.accepted(epoch, end)
		w.redeliver(c)
		if d := w.delivery(acme, c.Delivery); d.Status != webhook.DeliveryPending || d.Reason != "" {
			w.t.Errorf("Delivery after Redeliver of a %s one = %s, reason %q; want pending without one", status, d.Status, d.Reason)
		}
		if again := w.pollOne(epoch); again.Delivery != c.Delivery || again.Crashes != 0 {
			w.t.Errorf("Poll after Redeliver of a %s one = %+v; want it, without crashes", status, again)
		}
	}
}

func redeliverPendingIsLeft(w *world) {
	epoch := w.acquire()
	c := w.job(epoch)
	before := w.delivery(acme, c.Delivery)
	w.redeliver(c) // leased
	if n := len(w.poll(epoch)); n != 0 {
		w.t.Errorf("Poll after Redeliver of a leased one = %d jobs; want 0: it would be sent twice", n)
	}
	if got := w.delivery(acme, c.Delivery); !same(got, before) {
		w.t.Errorf("Delivery after Redeliver of a pending one = %+v; want it unchanged: %+v", got, before)
	}
	w.accepted(epoch, w.retried(c, w.now.Add(time.Hour)))
	before = w.delivery(acme, c.Delivery)
	w.redeliver(c) // waiting
	if n := len(w.poll(epoch)); n != 0 || !same(w.delivery(acme, c.Delivery), before) {
		w.t.Errorf("Poll after Redeliver of one that waits for its retry = %d jobs; want 0: it is left as it is", n)
	}
	w.advance(time.Hour)
	if again := w.pollOne(epoch); again.Base != 0 || again.Attempts != 1 {
		w.t.Errorf("Poll after that = %+v; want the old schedule", again)
	}
}

// redeliverOldFence repeats a settle whose reply was lost after an
// administrator redelivered: one row of before and one of now must not share a
// fence.
func redeliverOldFence(w *world) {
	epoch := w.acquire()
	c := w.job(epoch)
	end := w.failed(c)
	w.accepted(epoch, end)
	w.redeliver(c)
	w.wantLost("the fence of before Redeliver", epoch, end)
	again := w.pollOne(epoch)
	w.wantLost("the fence of before Redeliver, the row claimed anew", epoch, end)
	w.accepted(epoch, w.delivered(again))
}

func redeliverByMany(w *world) {
	epoch := w.acquire()
	c := w.job(epoch)
	w.accepted(epoch, w.failed(c))
	concurrently(w.t, 8, func(int) error { return w.store.Redeliver(w.ctx, w.now, acme, c.Delivery) })
	if n := len(w.poll(epoch)); n != 1 {
		w.t.Errorf("Poll after 8 Redelivers at once = %d jobs; want 1: the receiver would be called for each", n)
	}
}

func redeliverUnknown(w *world) {
	epoch := w.acquire()
	c := w.job(epoch)
	w.accepted(epoch, w.failed(c))
	if err := w.store.Redeliver(w.ctx, w.now, acme, w.id(webhook.PrefixDelivery)); !errors.Is(err, store.ErrNotFound) {
		w.t.Errorf("Redeliver of an unknown delivery: error %v; want ErrNotFound", err)
	}
	if err := w.store.Redeliver(w.ctx, w.now, globex, c.Delivery); !errors.Is(err, store.ErrNotFound) {
		w.t.Errorf("Redeliver of another tenant's delivery: error %v; want ErrNotFound", err)
	}
	if n := len(w.poll(epoch)); n != 0 {
		w.t.Errorf("Poll after Redeliver by another tenant = %d jobs; want 0: one tenant made another one's endpoint be called", n)
	}
}

func redeliverPayloadGone(w *world) {
	epoch := w.acquire()
	c := w.job(epoch)
	w.accepted(epoch, w.failed(c))
	w.expire(retention.Payloads)
	w.pruneAll()
	if err := w.store.Redeliver(w.ctx, w.now, acme, c.Delivery); !errors.Is(err, store.ErrPayloadGone) {
		w.t.Errorf("Redeliver without a payload: error %v; want ErrPayloadGone: there is nothing to send", err)
	}
	if d := w.delivery(acme, c.Delivery); d.Status != webhook.DeliveryFailed {
		w.t.Errorf("Delivery after ErrPayloadGone = %s; want failed, as before", d.Status)
	}
}
