package engine

import (
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/schedule"
	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/webhook"
)

// Publish asks the filters of endpoints. Here they are asked once more about a delivery
// that begins a schedule and is not new: somebody has redelivered it, perhaps after
// its filter had failed.

// filtered ends a delivery that the endpoint's filter does not want, or cannot be asked
// about; nil for all others.
func (e *Engine) filtered(j *schedule.Job) *schedule.Settling {
	if j.Route.Endpoint.Filter == "" || j.Claim < 2 || j.Attempts != j.Base {
		return nil
	}
	want, err := e.cfg.Sender.Wants(e.sendCtx, j.Route, j.Message)
	switch {
	case err != nil:
		e.cfg.Telemetry.FilterFailed()
		return e.unsent(j, webhook.ClassFilterError)
	case !want:
		return endOf(j, webhook.DeliverySkipped, webhook.ReasonFiltered)
	}
	return nil
}

// unsent is an attempt that failed before there was a request.
func (e *Engine) unsent(j *schedule.Job, class webhook.ErrorClass) *schedule.Settling {
	at := clock.Now().UTC().Truncate(time.Microsecond)
	_, sending := e.startAttempt(j)
	out := decide(send.Answer{Class: class}, situation{
		at: at, done: j.Attempts + 1 - j.Base, endpoint: &j.Route.Endpoint, policy: e.policy(j), until: e.youngUntil(j),
		random: e.cfg.Entropy.JitterOf(j.Delivery, j.Attempts),
	})
	sending.End(outcomeFor(send.Exchange{Answer: send.Answer{Class: class}, At: clock.Now()}, &out))
	settled, err := e.outcomeOf(j, webhook.Attempt{At: at, Class: class}, &out)
	if err != nil {
		e.log.Error("make an attempt id", zap.Error(err))
		return &schedule.Settling{Job: j, Settled: returned(j.Claimed, at.Add(giveBackDelay))}
	}
	settled.Unbind = j.Batch != ""
	return &schedule.Settling{Job: j, Settled: settled}
}
