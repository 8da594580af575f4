package storetest

import (
	"context"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var settleCases = []testCase{
	{"Delivered", settleDelivered},
	{"Retried", settleRetried},
	{"Ended", settleEnded},
	{"ReleasedWithoutAttempt", settleReleased},
	{"ParkedAtOnce", settleParked},
	{"Batch", settleBatch},
	{"KeepsTheWholeAttempt", settleKeepsTheAttempt},
	{"Nothing", settleNothing},
	{"CanceledWritesNothing", settleCanceled},
}

// job publishes one event and claims its delivery.
func (w *world) job(epoch int64) store.Claimed {
	w.t.Helper()
	ep := w.endpoint(acme)
	w.waiting(acme, ep.ID, 1)
	return w.pollOne(epoch)
}

// wantDelivery checks the state that a settle left.
func (w *world) wantDelivery(call string, c store.Claimed, want webhook.Delivery) {
	w.t.Helper()
	got := w.delivery(c.Tenant, c.Delivery)
	want.ID, want.Tenant, want.EventID, want.EndpointID = c.Delivery, c.Tenant, c.Event, c.Endpoint
	want.EventType, want.CreatedAt, want.Priority = "invoice.paid", got.CreatedAt, webhook.PriorityNormal
	if !same(got, want) {
		w.t.Errorf("Delivery after %s = %+v; want %+v", call, got, want)
	}
}

func settleDelivered(w *world) {
	epoch := w.acquire()
	c := w.job(epoch)
	w.advance(time.Second)
	w.accepted(epoch, w.delivered(c))
	w.wantDelivery("a delivered attempt", c, webhook.Delivery{Status: webhook.DeliveryDelivered, Attempts: 1, UpdatedAt: w.now})
	w.wantGone(epoch, "a delivered attempt")
}

// wantGone checks that the queue has nothing left.
func (w *world) wantGone(epoch int64, after string) {
	w.t.Helper()
	w.advance(1000 * time.Hour)
	if n := len(w.poll(epoch)); n != 0 {
		w.t.Errorf("Poll long after %s = %d jobs; want 0: it would be sent again", after, n)
	}
	if n := len(w.held(epoch)); n != 0 {
		w.t.Errorf("Held after %s = %d rows; want 0: the row is gone", after, n)
	}
}

func settleRetried(w *world) {
	epoch := w.acquire()
	c := w.job(epoch)
	w.advance(time.Second)
	due := w.now.Add(5 * time.Minute)
	w.accepted(epoch, w.retried(c, due))
	w.wantDelivery("a failed attempt", c, webhook.Delivery{Status: webhook.DeliveryPending, Attempts: 1, NextAttemptAt: due, UpdatedAt: w.now})
	if n := len(w.held(epoch)); n != 0 {
		w.t.Errorf("Held after settling a retry = %d rows; want 0: it waits", n)
	}
	w.advance(5 * time.Minute)
	w.accepted(epoch, w.delivered(w.pollOne(epoch)))
	w.wantDelivery("the second attempt", c, webhook.Delivery{Status: webhook.DeliveryDelivered, Attempts: 2, UpdatedAt: w.now})
	if got := w.attempts(acme, c.Delivery); len(got) != 2 || got[0].N != 1 || got[1].N != 2 {
		w.t.Errorf("Attempts = %+v; want two, oldest first", got)
	}
}

func settleEnded(w *world) {
	epoch := w.acquire()
	for _, end := range []struct {
		status webhook.DeliveryStatus
		reason webhook.Reason
	}{
		{webhook.DeliveryFailed, webhook.ReasonAttemptsUsedUp},
		{webhook.DeliveryFailed, webhook.ReasonCrashed},
		{webhook.DeliveryCanceled, webhook.ReasonEndpointDeleted},
		{webhook.DeliverySkipped, ""},
	} {
		c := w.job(epoch)
		w.advance(time.Second)
		s := released(c, time.Time{})
		s.Status, s.Reason = end.status, end.reason
		w.accepted(epoch, s)
		w.wantDelivery("its end", c, webhook.Delivery{Status: end.status, Reason: end.reason, UpdatedAt: w.now})
		if n := len(w.attempts(acme, c.Delivery)); n != 0 {
			w.t.Errorf("Attempts of a delivery that was never sent = %d; want 0", n)
		}
	}
	w.wantGone(epoch, "the ends")
}

func settleReleased(w *world) {
	epoch := w.acquire()
	c := w.job(epoch)
	published := w.now
	w.advance(time.Second)
	w.accepted(epoch, store.Settled{Tenant: c.Tenant, Delivery: c.Delivery, Claim: c.Claim, Status: webhook.DeliveryPending, Due: w.now.Add(time.Minute)})
	// Whether a release shows in the time of the next attempt is left to the store.
	next := w.delivery(acme, c.Delivery).NextAttemptAt
	w.wantDelivery("a release", c, webhook.Delivery{Status: webhook.DeliveryPending, NextAttemptAt: next, UpdatedAt: published})
	if n := len(w.poll(epoch)); n != 0 {
		w.t.Errorf("Poll before a released row is due = %d jobs; want 0", n)
	}
	w.advance(time.Minute)
	if again := w.pollOne(epoch); again.Tenant != acme || again.Attempts != 0 || again.Claim <= c.Claim {
		w.t.Errorf("Poll after a release = %+v; want no attempt counted and a claim after %d", again, c.Claim)
	}
}

func settleParked(w *world) {
	epoch := w.acquire()
	ep := w.endpoint(acme)
	w.waiting(acme, ep.ID, 2)
	c := w.pollAll(epoch, 2)
	gate := store.Gate{Tenant: acme, Endpoint: ep.ID, Next: w.now.Add(time.Minute)}
	items := []store.Settled{w.retried(c[0], w.now), released(c[1], w.now)}
	items[0].Park, items[1].Park = true, true
	result := w.settleAll(store.Settlement{Epoch: epoch, Items: items, Gates: []store.Gate{gate}})
	if len(result.Lost) != 0 {
		w.t.Fatalf("Settle that parks: %d lost; want 0", len(result.Lost))
	}
	if n := len(w.poll(epoch)); n != 0 {
		w.t.Errorf("Poll after parking by Settle = %d jobs; want 0: an open breaker would not hold", n)
	}
	w.advance(time.Minute)
	if !w.due(acme, ep.ID) {
		w.t.Errorf("Take at the gate of a settlement: the lane is not due; want it: what was parked would wait for ever")
	}
	got := w.take(epoch, acme, ep.ID, 10, time.Time{})
	if len(got) != 2 || got[0].Attempts+got[1].Attempts != 1 {
		w.t.Errorf("Take of what Settle parked = %+v; want both, one with its attempt", got)
	}
}

func settleBatch(w *world) {
	epoch := w.acquire()
	a, b := w.endpoint(acme), w.endpoint(globex)
	w.waiting(acme, a.ID, 3)
	w.waiting(globex, b.ID, 2)
	c := w.pollAll(epoch, 5)
	byTenant := map[string][]store.Claimed{}
	for _, x := range c {
		byTenant[x.Tenant] = append(byTenant[x.Tenant], x)
	}
	x, y := byTenant[acme], byTenant[globex]
	w.accepted(epoch, w.delivered(x[0]), w.failed(y[0]), w.retried(x[1], w.now.Add(time.Minute)), released(x[2], w.now.Add(time.Minute)), w.delivered(y[1]))
	for id, want := range map[string]webhook.DeliveryStatus{
		x[0].Delivery: webhook.DeliveryDelivered, x[1].Delivery: webhook.DeliveryPending, x[2].Delivery: webhook.DeliveryPending,
	} {
		if got := w.delivery(acme, id).Status; got != want {
			w.t.Errorf("Delivery after a batch = %s; want %s: outcomes were mixed up", got, want)
		}
	}
	if got, other := w.delivery(globex, y[0].Delivery).Status, w.delivery(globex, y[1].Delivery).Status; got != webhook.DeliveryFailed || other != webhook.DeliveryDelivered {
		w.t.Errorf("Deliveries of the second tenant after a batch = %s, %s; want failed, delivered", got, other)
	}
}

func settleKeepsTheAttempt(w *world) {
	epoch := w.acquire()
	c := w.job(epoch)
	s := w.retried(c, w.now.Add(time.Minute))
	a := s.Attempt
	a.RequestHeaders = map[string]string{"webhook-id": c.Event, "authorization": "[redacted]"}
	a.ResponseHeaders = map[string]string{"content-type": "text/plain"}
	a.ResponseBody, a.Truncated = []byte("no\x00t \xff UTF-8"), true
	a.RemoteAddr = "[2001:db8::1]:443"
	a.Timings = webhook.Timings{DNS: time.Millisecond, Connect: 2 * time.Millisecond, TLS: 3 * time.Millisecond, FirstByte: 4 * time.Millisecond, Total: 5 * time.Millisecond}
	want := *a
	w.accepted(epoch, s)
	if got := w.attempts(acme, c.Delivery); !sameList(got, []webhook.Attempt{want}) {
		w.t.Errorf("Attempts = %+v; want %+v: what the receiver answered is lost", got, want)
	}
}

func settleNothing(w *world) {
	epoch := w.acquire()
	result, err := w.store.Settle(w.ctx, w.now, store.Settlement{Epoch: epoch})
	if err != nil || len(result.Lost) != 0 || len(result.Health) != 0 {
		w.t.Errorf("Settle of nothing = %+v, error %v; want nothing, no error", result, err)
	}
}

func settleCanceled(w *world) {
	epoch := w.acquire()
	c := w.job(epoch)
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	if _, err := w.store.Settle(ctx, w.now, store.Settlement{Epoch: epoch, Items: []store.Settled{w.delivered(c)}}); err == nil {
		w.t.Errorf("Settle with a canceled context = no error; want one")
	}
	if n := len(w.attempts(acme, c.Delivery)); n != 0 {
		w.t.Errorf("Attempts after a canceled Settle = %d; want 0", n)
	}
	w.accepted(epoch, w.delivered(c))
}
