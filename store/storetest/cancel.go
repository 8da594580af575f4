package storetest

import (
	"slices"
	"sync"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var cancelCases = []testCase{
	{"WaitingEndsAtOnce", cancelWaiting},
	{"ParkedEndsAtOnce", cancelParked},
	{"LeasedEndsWhenItWouldStay", cancelLeased},
	{"DeliveredAllTheSame", cancelDelivered},
	{"ReleasedIsNotSent", cancelReleased},
	{"AfterACrashIsLeasedUnasked", cancelAfterCrash},
	{"EndedIsLeft", cancelEnded},
	{"RedeliveredIsSent", cancelRedelivered},
	{"OfOthersIsUnknown", cancelOfOthers},
	{"WhileItSettles", cancelWhileItSettles},
}

// cancel cancels deliveries of acme and returns what became of each.
func (w *world) cancel(ids ...string) []store.Cancellation {
	w.t.Helper()
	answers, err := w.store.Cancel(w.ctx, w.now, acme, ids)
	w.must(err, "Cancel")
	return answers
}

// wantCancel cancels one delivery, whose answer must be the given one.
func (w *world) wantCancel(id string, want webhook.CancelOutcome, claim int64) {
	w.t.Helper()
	answer := store.Cancellation{Cancellation: webhook.Cancellation{DeliveryID: id, Outcome: want}, Claim: claim}
	if got := w.cancel(id); !slices.Equal(got, []store.Cancellation{answer}) {
		w.t.Errorf("Cancel = %+v; want %+v", got, answer)
	}
}

func (w *world) wantCanceled(after string, c store.Claimed, attempts int) {
	w.t.Helper()
	w.wantDelivery(after, c, webhook.Delivery{
		Status: webhook.DeliveryCanceled, Reason: webhook.ReasonCanceledByHand, Attempts: attempts, UpdatedAt: w.now,
	})
}

func cancelWaiting(w *world) {
	ep := w.endpoint(acme)
	p := w.publication(acme, ep.ID, ep.ID)
	p.Deliveries[0].Due = w.now.Add(time.Hour)
	w.stored(p)
	w.advance(time.Second)
	epoch := w.acquire()
	for i, nd := range p.Deliveries {
		w.wantCancel(nd.ID, webhook.CancelDone, 0)
		w.wantCanceled([]string{"Cancel before it is due", "Cancel"}[i],
			store.Claimed{Tenant: acme, Delivery: nd.ID, Event: p.Event.ID, Endpoint: ep.ID}, 0)
		w.wantCancel(nd.ID, webhook.CancelEnded, 0)
	}
	w.wantGone(epoch, "Cancel")
}

func cancelParked(w *world) {
	epoch := w.acquire()
	ep := w.endpoint(acme)
	list := w.waiting(acme, ep.ID, 2)
	w.park(epoch, func(store.Waiting) store.Gate { return store.Gate{Next: w.now.Add(time.Minute)} })
	w.wantCancel(list[0], webhook.CancelDone, 0)
	w.advance(time.Minute)
	if got := ids(w.take(epoch, acme, ep.ID, many, time.Time{})); !slices.Equal(got, list[1:]) {
		w.t.Errorf("Take after Cancel of the first parked row = %v; want %v", got, list[1:])
	}
}

func cancelLeased(w *world) {
	epoch := w.acquire()
	c := w.job(epoch)
	w.wantCancel(c.Delivery, webhook.CancelRequested, c.Claim)
	want := fence(c)
	want.Canceled = true
	if held := w.held(epoch); !slices.Equal(held, []store.Held{want}) {
		w.t.Errorf("Held after Cancel = %+v; want %+v: its process would not hear of it", held, want)
	}
	w.wantCancel(c.Delivery, webhook.CancelRequested, c.Claim)
	if d := w.delivery(acme, c.Delivery); d.Status != webhook.DeliveryPending {
		w.t.Errorf("Delivery that is under way after Cancel = %s; want pending: it may still be delivered", d.Status)
	}
	w.advance(time.Second)
	w.accepted(epoch, w.retried(c, w.now.Add(time.Minute)))
	w.wantCanceled("a failed attempt of a canceled delivery", c, 1)
	if got := w.attempts(acme, c.Delivery); len(got) != 1 || !got[0].NextAt.IsZero() {
		w.t.Errorf("Attempts = %+v; want the one that was made, and no time of a next one", got)
	}
	w.wantStats(1, "an attempt of a canceled delivery counts")
	w.wantLost("repeated after it ended as canceled", epoch, w.retried(c, w.now))
	w.wantGone(epoch, "a failed attempt of a canceled delivery")
}

func cancelDelivered(w *world) {
	epoch := w.acquire()
	c := w.job(epoch)
	w.wantCancel(c.Delivery, webhook.CancelRequested, c.Claim)
	w.advance(time.Second)
	w.accepted(epoch, w.delivered(c))
	w.wantDelivery("an attempt that delivered a canceled delivery", c,
		webhook.Delivery{Status: webhook.DeliveryDelivered, Attempts: 1, UpdatedAt: w.now})
	w.wantGone(epoch, "a delivered attempt of a canceled delivery")
}

func cancelReleased(w *world) {
	epoch := w.acquire()
	for _, park := range []bool{false, true} {
		c := w.job(epoch)
		w.wantCancel(c.Delivery, webhook.CancelRequested, c.Claim)
		w.advance(time.Second)
		st := store.Settlement{Epoch: epoch, Items: []store.Settled{released(c, w.now)}}
		if st.Items[0].Park = park; park {
			st.Gates = []store.Gate{{Tenant: acme, Endpoint: c.Endpoint, Next: w.now}}
		}
		if result := w.settleAll(st); len(result.Lost) != 0 {
			w.t.Fatalf("Settle of what was canceled = lost; want it accepted")
		}
		w.wantCanceled("giving a canceled delivery back unsent", c, 0)
	}
	w.wantGone(epoch, "giving canceled deliveries back")
}

func cancelAfterCrash(w *world) {
	first := w.acquire()
	c := w.job(first)
	w.wantCancel(c.Delivery, webhook.CancelRequested, c.Claim)
	w.must(w.store.Resign(w.ctx, w.now, first), "Resign")
	epoch := w.acquire()
	claimed, _, err := w.store.Poll(w.ctx, w.now, epoch, many, func(store.Waiting) store.Admission {
		w.t.Errorf("Poll asked about a canceled row; want it leased unasked: a shut lane would keep it for ever")
		return store.Admission{Gate: store.Gate{Next: w.now.Add(time.Hour)}}
	})
	w.must(err, "Poll")
	if len(claimed) != 1 || !claimed[0].Canceled || claimed[0].Delivery != c.Delivery {
		w.t.Fatalf("Poll after the process of a canceled row has gone = %+v; want it, canceled", claimed)
	}
	w.advance(time.Second)
	w.accepted(epoch, released(claimed[0], w.now))
	w.wantCanceled("giving it back", c, 0)
	w.wantGone(epoch, "giving it back")
}

func cancelEnded(w *world) {
	epoch := w.acquire()
	c := w.job(epoch)
	w.accepted(epoch, w.failed(c))
	before := w.delivery(acme, c.Delivery)
	w.advance(time.Second)
	w.wantCancel(c.Delivery, webhook.CancelEnded, 0)
	if after := w.delivery(acme, c.Delivery); !same(before, after) {
		w.t.Errorf("Cancel made %+v of a delivery that had failed; want it left alone", after)
	}
}

func cancelRedelivered(w *world) {
	epoch := w.acquire()
	c := w.job(epoch)
	w.wantCancel(c.Delivery, webhook.CancelRequested, c.Claim)
	w.accepted(epoch, released(c, w.now))
	w.redeliver(c)
	again := w.pollOne(epoch)
	if again.Canceled {
		w.t.Errorf("Poll after Redeliver of a canceled delivery says that it is canceled; want it sent")
	}
	w.advance(time.Second)
	w.accepted(epoch, w.retried(again, w.now))
	if d := w.delivery(acme, c.Delivery); d.Status != webhook.DeliveryPending {
		w.t.Errorf("a failed attempt after Redeliver of a canceled delivery leaves it %s; want pending", d.Status)
	}
}

func cancelOfOthers(w *world) {
	ep, other := w.endpoint(acme), w.endpoint(globex)
	mine, theirs := w.waiting(acme, ep.ID, 1), w.waiting(globex, other.ID, 1)
	got := w.cancel(w.id(webhook.PrefixDelivery), theirs[0], mine[0])
	if len(got) != 1 || got[0].DeliveryID != mine[0] {
		w.t.Errorf("Cancel of unknown, foreign and own = %+v; want only its own", got)
	}
	if d := w.delivery(globex, theirs[0]); d.Status != webhook.DeliveryPending {
		w.t.Errorf("Cancel by another tenant made a delivery %s; want it pending", d.Status)
	}
	if got := w.cancel(); len(got) != 0 {
		w.t.Errorf("Cancel of nothing = %+v; want nothing", got)
	}
}

// What is canceled while its outcome is being written either has ended or ends as
// canceled: no outcome is lost.
func cancelWhileItSettles(w *world) {
	const rows = 40
	epoch := w.acquire()
	ep := w.endpoint(acme)
	list := w.waiting(acme, ep.ID, rows)
	claimed := w.pollAll(epoch, rows)
	var both sync.WaitGroup
	both.Go(func() {
		for _, id := range list {
			if _, err := w.store.Cancel(w.ctx, w.now, acme, []string{id}); err != nil {
				w.t.Errorf("Cancel while it settles: %v", err)
			}
		}
	})
	for i, c := range claimed {
		it := w.delivered(c)
		if i%2 == 1 {
			it = w.retried(c, w.now.Add(time.Hour))
		}
		if result, err := w.store.Settle(w.ctx, w.now, store.Settlement{Epoch: epoch, Items: []store.Settled{it}}); err != nil || len(result.Lost) > 0 {
			w.t.Errorf("Settle while others cancel = %+v, error %v; want it accepted: what was delivered would be sent again", result, err)
		}
	}
	both.Wait()
	for i, c := range claimed {
		d := w.delivery(acme, c.Delivery)
		want := []webhook.DeliveryStatus{webhook.DeliveryDelivered, webhook.DeliveryCanceled}[i%2]
		if d.Status != want || d.Attempts != 1 {
			w.t.Errorf("Delivery that was settled and canceled = %+v; want %s after one attempt", d, want)
		}
	}
}
