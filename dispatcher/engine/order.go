package engine

import (
	"context"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/batch"
	"github.com/postrider/postrider/dispatcher/schedule"
	"github.com/postrider/postrider/webhook"
)

// keepOrder adds to the outcome of an ordered delivery that has failed for good what
// that means for the later ones of its key. Nothing of the key starts before the
// outcome is settled.
func (e *Engine) keepOrder(it *schedule.Settling) {
	order := it.Job.Route.Endpoint.Order
	if !it.Job.Ordered || !order.Enabled || it.Status != webhook.DeliveryFailed {
		return
	}
	switch order.OnFailure {
	case webhook.OrderSkip:
	case webhook.OrderPause:
		e.pauseForOrder(it)
	default:
		it.Block = true
	}
}

// pauseForOrder pauses the endpoint before the failure is settled: who dies between
// the two leaves an endpoint that is paused and a delivery that is tried once more,
// and never lets the next of the key go. It repeats until the store has it, or the
// lease is lost and with it the right to the delivery.
func (e *Engine) pauseForOrder(it *schedule.Settling) {
	r := pauseRequest(it, webhook.PausedByOrder,
		"Webhook paused: a delivery of an ordered endpoint failed, and what comes after it must wait.", webhook.Snapshot{})
	retry := batch.NewBackOff()
	for !e.lost() {
		ctx, cancel := context.WithTimeout(e.writeCtx, storeTimeout)
		err := e.cfg.Pause(ctx, r)
		cancel()
		if err == nil {
			return
		}
		if !batch.Transient(err) { // such as an endpoint that is deleted
			e.log.Error("pause an endpoint", zap.String("endpoint", r.Endpoint), zap.Error(err))
			return
		}
		e.log.Warn("pause an endpoint; repeating", zap.String("endpoint", r.Endpoint), zap.Error(err))
		sleep(e.writeCtx, retry.NextBackOff())
	}
}
