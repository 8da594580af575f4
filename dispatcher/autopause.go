package dispatcher

import (
	"context"
	"fmt"

	"go.uber.org/zap"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// pauseFailing pauses the endpoints of a settled batch that have failed too
// often, or answered that they are gone.
func (e *engine) pauseFailing(batch []*settling, health []webhook.Health) {
	gone := make(map[store.Lane]bool)
	for _, it := range batch {
		if key := it.job.key(); it.gone && !gone[key] {
			gone[key] = true
			e.pauseEndpoint(it.job, webhook.PausedByGone, "Webhook paused: the endpoint answered 410 Gone.")
		}
	}
	for _, h := range health {
		j := jobOf(batch, h.EndpointID)
		if j == nil || gone[j.key()] {
			continue
		}
		if limit := j.route.endpoint.AutoPauseAfter; limit > 0 && h.Failures >= limit {
			e.pauseEndpoint(j, webhook.PausedByFailures, fmt.Sprintf("Webhook paused after %d consecutive failures.", h.Failures))
		}
	}
}

// jobOf returns a job of the batch that was sent to the endpoint.
func jobOf(batch []*settling, endpoint string) *job {
	for _, it := range batch {
		if it.Endpoint == endpoint && it.sent {
			return it.job
		}
	}
	return nil
}

// pauseEndpoint pauses the endpoint that a job was sent to, unless it is paused
// already; one that has changed since the job was sent may be another receiver,
// and its own answers decide. If the store fails, the next failed attempt comes
// here again.
func (e *engine) pauseEndpoint(j *job, cause webhook.PauseCause, reason string) {
	e.chores.Go(func() {
		ctx, cancel := context.WithTimeout(e.writeCtx, storeTimeout)
		defer cancel()
		_, err := e.d.UpdateEndpoint(ctx, j.Tenant, j.Endpoint, func(ep *store.EndpointRecord) error {
			if ep.Status == webhook.EndpointPaused || ep.Revision != j.route.revision {
				return ErrUnchanged
			}
			ep.Status, ep.PauseCause, ep.StatusReason = webhook.EndpointPaused, cause, reason
			return nil
		})
		if err != nil {
			e.d.log.Warn("pause an endpoint", zap.String("endpoint", j.Endpoint), zap.Error(err))
			return
		}
		e.d.log.Info("endpoint paused", zap.String("endpoint", j.Endpoint), zap.String("cause", string(cause)))
	})
}
