package dispatcher

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v4"
	"go.uber.org/zap"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// settling is an outcome on its way to the store.
type settling struct {
	store.Settled
	job *job
	// sent says that the job holds a slot until it is settled; a job that was
	// given back from a queue holds none.
	sent bool
	// gone says that the receiver wants no more.
	gone bool
	// gate is the lane's, if the delivery is parked.
	gate store.Gate
}

// settle writes a batch of outcomes, again and again until the store has taken
// it or the lease is lost. Nothing is ever dropped: what is not written keeps
// its slot. Nothing more starts before the store has taken it, because what is
// sent and not written down is sent again.
func (e *engine) settle(batch []*settling) {
	slices.SortFunc(batch, func(a, b *settling) int { return cmp.Compare(a.Delivery, b.Delivery) })
	s := e.settlement(batch)
	retry := newStoreBackoff()
	for {
		result, err := e.writeSettlement(s)
		e.sched.hold(err != nil)
		if err == nil {
			e.settled(batch, result)
			return
		}
		if e.lost() {
			e.forget(batch)
			return
		}
		e.d.log.Warn("settle deliveries; repeating", zap.Int("deliveries", len(batch)), zap.Error(err))
		e.pause(retry.NextBackOff())
	}
}

func (e *engine) settlement(batch []*settling) store.Settlement {
	s := store.Settlement{Epoch: e.epoch, Items: make([]store.Settled, len(batch))}
	var gates map[store.Lane]bool
	for i, it := range batch {
		s.Items[i] = it.Settled
		if it.Park && !gates[it.job.key()] {
			if gates == nil {
				gates = make(map[store.Lane]bool)
			}
			gates[it.job.key()] = true
			s.Gates = append(s.Gates, it.gate)
		}
	}
	return s
}

func (e *engine) writeSettlement(s store.Settlement) (store.SettleResult, error) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	return e.d.store.Settle(ctx, now(), s)
}

// settled frees what the batch held, and pauses endpoints that have failed too
// often or said that they are gone.
func (e *engine) settled(batch []*settling, result store.SettleResult) {
	if len(result.Lost) > 0 {
		e.d.log.Warn("outcomes refused: other processes have the deliveries now", zap.Int("deliveries", len(result.Lost)))
	}
	e.forget(batch)
	for _, it := range batch {
		if it.Status == webhook.DeliveryPending && !it.Park {
			e.claims.noteDue(it.Due)
		}
	}
	e.pauseFailing(batch, result.Health)
}

func (e *engine) forget(batch []*settling) {
	var sent, unsent []*job
	for _, it := range batch {
		if it.sent {
			sent = append(sent, it.job)
		} else {
			unsent = append(unsent, it.job)
		}
	}
	e.sched.settled(sent)
	e.sched.released(unsent)
}

func (e *engine) pauseFailing(batch []*settling, health []webhook.Health) {
	for _, it := range batch {
		if it.gone {
			e.pauseEndpoint(it.job.key(), webhook.PausedByGone, "Webhook paused: the endpoint answered 410 Gone.")
		}
	}
	for _, h := range health {
		limit := e.autoPauseAfter(batch, h.EndpointID)
		if limit > 0 && h.Failures >= limit {
			e.pauseEndpoint(store.Lane{Tenant: h.Tenant, Endpoint: h.EndpointID}, webhook.PausedByFailures,
				fmt.Sprintf("Webhook paused after %d consecutive failures.", h.Failures))
		}
	}
}

func (e *engine) autoPauseAfter(batch []*settling, endpoint string) int {
	for _, it := range batch {
		if it.Endpoint == endpoint && it.sent {
			return it.job.route.endpoint.AutoPauseAfter
		}
	}
	return 0
}

// pauseEndpoint pauses an endpoint unless it is paused already. If the store
// fails, the next failed attempt comes here again.
func (e *engine) pauseEndpoint(key store.Lane, cause webhook.PauseCause, reason string) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	_, err := e.d.UpdateEndpoint(ctx, key.Tenant, key.Endpoint, func(ep *store.EndpointRecord) error {
		if ep.Status == webhook.EndpointPaused {
			return ErrUnchanged
		}
		ep.Status, ep.PauseCause, ep.StatusReason = webhook.EndpointPaused, cause, reason
		return nil
	})
	if err != nil {
		e.d.log.Warn("pause an endpoint", zap.String("endpoint", key.Endpoint), zap.Error(err))
		return
	}
	e.d.log.Info("endpoint paused", zap.String("endpoint", key.Endpoint), zap.String("cause", string(cause)))
}

// newStoreBackoff spaces the repetitions of a write that the store refused.
func newStoreBackoff() backoff.BackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(20*time.Millisecond),
		backoff.WithMaxInterval(2*time.Second),
		backoff.WithMaxElapsedTime(0),
	)
}
