package engine

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/dispatcher/schedule"
	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// work sends deliveries until nothing is ready to start.
func (e *Engine) work() {
	for j := e.sched.Next(); j != nil; j = e.sched.Next() {
		e.deliver(j)
	}
}

// deliver makes one attempt and hands its outcome over to be settled.
func (e *Engine) deliver(j *schedule.Job) {
	r := j.Route
	switch {
	case j.Members != nil:
		e.deliverBatch(j)
	case r.Endpoint.Deleted():
		e.giveUp(j, webhook.DeliveryCanceled, webhook.ReasonEndpointDeleted)
	case j.Canceled:
		e.giveUp(j, webhook.DeliveryCanceled, webhook.ReasonCanceledByHand)
	case j.Crashes >= maxCrashes:
		e.giveUp(j, webhook.DeliveryFailed, webhook.ReasonCrashed)
	case j.Crashes > 0 && !e.markStarted(j):
		e.giveBack(j)
	case j.Message == nil && !e.loadMessage(j):
	case e.tooOld(j):
		e.giveUp(j, webhook.DeliveryFailed, webhook.ReasonTooOld)
	case !e.sched.Current(j):
		// The lease is no longer certain, or the endpoint has changed, since
		// the delivery was started.
		e.giveBack(j)
	default:
		if out := e.filtered(j); out != nil {
			out.Sent = true
			e.finish(j, lane.Neutral, out)
			return
		}
		e.attempt(j, r)
	}
}

// attempt sends a delivery and decides what the answer means.
func (e *Engine) attempt(j *schedule.Job, r *send.Route) {
	ctx, sending := e.startAttempt(j)
	x := e.send(ctx, r, j.Message)
	out := decide(x.Answer, situation{
		at:       x.At,
		done:     j.Attempts + 1 - j.Base,
		endpoint: &r.Endpoint,
		policy:   e.policy(j),
		until:    e.youngUntil(j),
		random:   e.cfg.Entropy.JitterOf(j.Delivery, j.Attempts),
	})
	sending.End(outcomeFor(x, &out))
	settled, err := e.outcomeOf(j, x.Attempt, &out)
	if err != nil {
		e.log.Error("make an attempt id", zap.Error(err))
		e.giveBack(j)
		return
	}
	e.finish(j, out.result, &schedule.Settling{Job: j, Sent: true, Gone: out.gone, Settled: settled})
}

// finish hands an outcome over to be settled.
func (e *Engine) finish(j *schedule.Job, r lane.Result, it *schedule.Settling) {
	e.keepOrder(it)
	e.sched.Finish(j, r, it)
}

func (e *Engine) send(ctx context.Context, r *send.Route, msg *send.Message) send.Exchange {
	x := e.cfg.Sender.Send(ctx, r, msg, r.Endpoint.Timeout)
	if x.Class == webhook.ClassCanceled && e.sendCtx.Err() == nil {
		x.Class = webhook.ClassInternal // the transport's own doing
		x.Attempt.Class = webhook.ClassInternal
	}
	return x
}

// outcomeOf returns what is written of an attempt for one delivery.
func (e *Engine) outcomeOf(j *schedule.Job, a webhook.Attempt, out *outcome) (store.Settled, error) {
	id, err := e.cfg.Entropy.ID(webhook.PrefixAttempt)
	a.ID, a.Tenant, a.DeliveryID, a.N, a.NextAt = id, j.Tenant, j.Delivery, j.Attempts+1, out.due
	return store.Settled{
		Tenant: j.Tenant, Delivery: j.Delivery, Endpoint: j.Endpoint, EventType: j.Message.EventType(), Subject: j.Message.Subject(),
		Claim: j.Claim, Attempt: &a, Status: out.status, Reason: out.reason, Due: out.due,
	}, err
}

// giveUp ends a delivery without an attempt.
func (e *Engine) giveUp(j *schedule.Job, status webhook.DeliveryStatus, reason webhook.Reason) {
	e.finish(j, lane.Neutral, &schedule.Settling{Job: j, Sent: true, Settled: store.Settled{
		Tenant: j.Tenant, Delivery: j.Delivery, Endpoint: j.Endpoint,
		Claim: j.Claim, Status: status, Reason: reason,
	}})
}

// giveBack lets a delivery wait again, as if it had not been claimed.
func (e *Engine) giveBack(j *schedule.Job) {
	e.sched.Finish(j, lane.Neutral, &schedule.Settling{Job: j, Sent: true, Settled: returned(j.Claimed, clock.Now().Add(giveBackDelay))})
}

// giveBackDelay keeps a delivery that could not be tried from returning at once.
const giveBackDelay = time.Second

// maxCrashes is how many processes may die with a delivery in hand until it is
// held to be the cause.
const maxCrashes = 5

// markStarted writes that a delivery is about to be sent, so that the next
// crash counts for it. It reports false if that could not be written.
func (e *Engine) markStarted(j *schedule.Job) bool {
	started, err := e.starts.Load(e.sendCtx, store.Held{Tenant: j.Tenant, Delivery: j.Delivery, Claim: j.Claim})
	if err != nil {
		e.cfg.Telemetry.StoreFailed("start")
		e.log.Warn("mark a delivery as started", zap.Error(err))
	}
	return started != nil
}

// loadMessage fetches the event of a job that was claimed. It reports false
// after dealing with one that cannot be sent.
func (e *Engine) loadMessage(j *schedule.Job) bool {
	msg, err := e.events.Load(e.sendCtx, store.EventKey{Tenant: j.Tenant, ID: j.Event})
	switch {
	case err != nil:
		e.cfg.Telemetry.StoreFailed("load_event")
		e.log.Warn("load an event", zap.String("event", j.Event), zap.Error(err))
		e.giveBack(j)
	case msg == nil:
		e.giveUp(j, webhook.DeliveryCanceled, webhook.ReasonExpired)
	default:
		j.Message = msg
		return true
	}
	return false
}
