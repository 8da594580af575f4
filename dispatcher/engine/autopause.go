package engine

import (
	"context"
	"fmt"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/schedule"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// pauseFailing pauses the endpoints of a settled batch that have failed too
// often, or answered that they are gone.
func (e *Engine) pauseFailing(items []*schedule.Settling, health []webhook.Health) {
	gone := make(map[store.Lane]bool)
	for _, it := range items {
		if key := it.Job.Lane(); it.Gone && !gone[key] {
			gone[key] = true
			e.pauseEndpoint(it.Job, webhook.PausedByGone, "Webhook paused: the endpoint answered 410 Gone.")
		}
	}
	for _, h := range health {
		j := jobOf(items, h.EndpointID)
		if j == nil || gone[j.Lane()] {
			continue
		}
		if limit := j.Route.Endpoint.AutoPauseAfter; limit > 0 && h.Failures >= limit {
			e.pauseEndpoint(j, webhook.PausedByFailures, fmt.Sprintf("Webhook paused after %d consecutive failures.", h.Failures))
		}
	}
}

// jobOf returns a job of the batch that was sent to the endpoint.
func jobOf(items []*schedule.Settling, endpoint string) *schedule.Job {
	for _, it := range items {
		if it.Endpoint == endpoint && it.Sent {
			return it.Job
		}
	}
	return nil
}

// pauseEndpoint pauses the endpoint that a job was sent to, unless it is paused
// already; one that has changed since the job was sent may be another receiver,
// and its own answers decide. If the store fails, the next failed attempt comes
// here again.
func (e *Engine) pauseEndpoint(j *schedule.Job, cause webhook.PauseCause, reason string) {
	e.chores.Go(func() {
		ctx, cancel := context.WithTimeout(e.writeCtx, storeTimeout)
		defer cancel()
		if err := e.cfg.Pause(ctx, j.Lane(), j.Route.Revision, cause, reason); err != nil {
			e.log.Warn("pause an endpoint", zap.String("endpoint", j.Endpoint), zap.Error(err))
		}
	})
}
