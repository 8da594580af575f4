package engine

import (
	"context"
	"fmt"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/schedule"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// PauseRequest asks for an endpoint to be paused.
type PauseRequest struct {
	store.Lane
	// Revision is the endpoint's that the request rests on.
	Revision int64
	Cause    webhook.PauseCause
	// Reason is a sentence for people.
	Reason string
	// Evidence is what is told of it beside the endpoint itself.
	Evidence webhook.Snapshot
}

// pauseFailing pauses the endpoints of a settled batch that have failed too
// often, or answered that they are gone, and warns of those that soon will be.
func (e *Engine) pauseFailing(items []*schedule.Settling, health []webhook.Health) {
	gone := make(map[store.Lane]bool)
	for _, it := range items {
		if key := it.Job.Lane(); it.Gone && !gone[key] {
			gone[key] = true
			e.pauseEndpoint(it, webhook.PausedByGone, "Webhook paused: the endpoint answered 410 Gone.", webhook.Snapshot{})
		}
	}
	for _, h := range health {
		it := attemptOf(items, h.EndpointID)
		if it == nil || h.Failures == 0 || gone[it.Job.Lane()] {
			continue
		}
		limit := it.Job.Route.Endpoint.AutoPauseAfter
		if limit <= 0 {
			continue
		}
		e.warn(streakOf(items, h.EndpointID), h)
		if h.Failures >= limit {
			e.pauseEndpoint(it, webhook.PausedByFailures, fmt.Sprintf("Webhook paused after %d consecutive failures.", h.Failures),
				webhook.Snapshot{Failures: h.Failures})
		}
	}
}

// attemptOf returns the last attempt of the batch that was sent to the endpoint.
func attemptOf(items []*schedule.Settling, endpoint string) (last *schedule.Settling) {
	for _, it := range items {
		if it.Endpoint == endpoint && it.Sent && it.Attempt != nil {
			last = it
		}
	}
	return last
}

// pauseEndpoint pauses the endpoint that an attempt was sent to, unless it is
// paused already; one that has changed since then may be another receiver, and
// its own answers decide. If the store fails, the next failed attempt comes here
// again.
func (e *Engine) pauseEndpoint(it *schedule.Settling, cause webhook.PauseCause, reason string, evidence webhook.Snapshot) {
	r := pauseRequest(it, cause, reason, evidence)
	e.chores.Go(func() {
		ctx, cancel := context.WithTimeout(e.writeCtx, storeTimeout)
		defer cancel()
		if err := e.cfg.Pause(ctx, r); err != nil {
			e.log.Warn("pause an endpoint", zap.String("endpoint", r.Endpoint), zap.Error(err))
		}
	})
}

func pauseRequest(it *schedule.Settling, cause webhook.PauseCause, reason string, evidence webhook.Snapshot) PauseRequest {
	if it.Attempt != nil {
		evidence.LastAttempt = it.Attempt.Summary()
	}
	evidence.DeliveryID, evidence.EventID, evidence.EventType = it.Delivery, it.Job.Event, it.EventType
	return PauseRequest{Lane: it.Job.Lane(), Revision: it.Job.Route.Revision, Cause: cause, Reason: reason, Evidence: evidence}
}
