package dispatcher

import (
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// work sends deliveries until nothing is ready to start.
func (e *engine) work() {
	for j := e.sched.next(); j != nil; j = e.sched.next() {
		e.deliver(j)
	}
}

// deliver makes one attempt and hands its outcome over to be settled.
func (e *engine) deliver(j *job) {
	r := j.route
	switch {
	case r.endpoint.Deleted():
		e.giveUp(j, webhook.DeliveryCanceled, webhook.ReasonEndpointDeleted)
	case j.Crashes >= maxCrashes:
		e.giveUp(j, webhook.DeliveryFailed, webhook.ReasonCrashed)
	case j.Crashes > 0 && !e.markStarted(j):
		e.giveBack(j)
	case j.msg == nil && !e.loadMessage(j):
	case !e.sched.current(j):
		// The lease is no longer certain, or the endpoint has changed, since
		// the delivery was started.
		e.giveBack(j)
	default:
		e.attempt(j, r)
	}
}

// attempt sends a delivery and decides what the answer means.
func (e *engine) attempt(j *job, r *route) {
	x := e.d.send(e.sendCtx, r, j.msg, r.endpoint.Timeout)
	if x.class == webhook.ClassCanceled && e.sendCtx.Err() == nil {
		x.class = webhook.ClassInternal // the transport's own doing
		x.attempt.Class = webhook.ClassInternal
	}
	out := decide(x.answer, situation{
		at:     x.at,
		done:   j.Attempts + 1 - j.Base,
		policy: r.endpoint.Retry,
		random: e.d.entropy.random(),
	})
	a := x.attempt
	id, err := e.d.entropy.id(webhook.PrefixAttempt)
	if err != nil {
		e.d.log.Error("make an attempt id", zap.Error(err))
		e.giveBack(j)
		return
	}
	a.ID, a.Tenant, a.DeliveryID, a.N, a.NextAt = id, j.Tenant, j.Delivery, j.Attempts+1, out.due
	e.sched.finish(j, out.result, &settling{
		job: j, sent: true, gone: out.gone,
		Settled: store.Settled{
			Tenant: j.Tenant, Delivery: j.Delivery, Endpoint: j.Endpoint, EventType: j.msg.eventType,
			Claim: j.Claim, Attempt: &a, Status: out.status, Reason: out.reason, Due: out.due,
		},
	})
}

// giveUp ends a delivery without an attempt.
func (e *engine) giveUp(j *job, status webhook.DeliveryStatus, reason webhook.Reason) {
	e.sched.finish(j, lane.Neutral, &settling{job: j, sent: true, Settled: store.Settled{
		Tenant: j.Tenant, Delivery: j.Delivery, Endpoint: j.Endpoint,
		Claim: j.Claim, Status: status, Reason: reason,
	}})
}

// giveBack lets a delivery wait again, as if it had not been claimed.
func (e *engine) giveBack(j *job) {
	e.sched.finish(j, lane.Neutral, &settling{job: j, sent: true, Settled: j.returned(now().Add(giveBackDelay), false)})
}

// giveBackDelay keeps a delivery that could not be tried from returning at once.
const giveBackDelay = time.Second

// maxCrashes is how many processes may die with a delivery in hand until it is
// held to be the cause.
const maxCrashes = 5

// markStarted writes that a delivery is about to be sent, so that the next
// crash counts for it. It reports false if that could not be written.
func (e *engine) markStarted(j *job) bool {
	started, err := e.starts.load(e.sendCtx, store.Held{Delivery: j.Delivery, Claim: j.Claim})
	if err != nil {
		e.d.log.Warn("mark a delivery as started", zap.Error(err))
	}
	return started != nil
}

// loadMessage fetches the event of a job that was claimed. It reports false
// after dealing with one that cannot be sent.
func (e *engine) loadMessage(j *job) bool {
	msg, err := e.events.load(e.sendCtx, store.EventKey{Tenant: j.Tenant, ID: j.Event})
	switch {
	case err != nil:
		e.d.log.Warn("load an event", zap.String("event", j.Event), zap.Error(err))
		e.giveBack(j)
	case msg == nil:
		e.giveUp(j, webhook.DeliveryCanceled, webhook.ReasonExpired)
	default:
		j.msg = msg
		return true
	}
	return false
}
