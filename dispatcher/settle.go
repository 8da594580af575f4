package dispatcher

import (
	"context"
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
	retry := newStoreBackoff()
	for {
		result, err := e.writeSettlement(batch)
		switch {
		case err == nil:
			e.sched.hold(false)
			e.settled(batch, result)
			return
		case e.lost():
			e.forget(batch)
			return
		case !transient(err):
			e.settleApart(batch, err)
			return
		}
		e.sched.hold(true)
		e.d.log.Warn("settle deliveries; repeating", zap.Int("deliveries", len(batch)), zap.Error(err))
		e.pause(retry.NextBackOff())
	}
}

// settleApart settles a batch that the store refuses: by halves, until what it
// refuses stands alone. What the receiver answered is then left out, since that
// is all an outsider can have a hand in; if that is refused too, the row stays
// leased and unknown to us, and reconciliation gives it back.
func (e *engine) settleApart(batch []*settling, cause error) {
	if half := len(batch) / 2; half > 0 {
		e.settle(batch[:half])
		e.settle(batch[half:])
		return
	}
	it := batch[0]
	e.d.log.Error("an outcome is refused by the store", zap.String("delivery", it.Delivery), zap.Error(cause))
	if it.Attempt == nil || it.Attempt.ResponseBody == nil && it.Attempt.ResponseHeaders == nil {
		e.forget(batch)
		return
	}
	bare := *it.Attempt
	bare.ResponseBody, bare.ResponseHeaders, bare.Truncated = nil, nil, true
	it.Attempt = &bare
	e.settle(batch)
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

func (e *engine) writeSettlement(batch []*settling) (store.SettleResult, error) {
	ctx, cancel := context.WithTimeout(e.writeCtx, storeTimeout)
	defer cancel()
	return e.d.store.Settle(ctx, now(), e.settlement(batch))
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

// newStoreBackoff spaces the repetitions of a write that the store refused.
func newStoreBackoff() backoff.BackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(20*time.Millisecond),
		backoff.WithMaxInterval(2*time.Second),
		backoff.WithMaxElapsedTime(0),
	)
}
