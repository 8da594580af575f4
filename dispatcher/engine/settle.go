package engine

import (
	"context"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/batch"
	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/schedule"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// settle writes a batch of outcomes, again and again until the store has taken
// it or the lease is lost. Nothing is ever dropped: what is not written keeps
// its slot. Nothing more starts before the store has taken it, because what is
// sent and not written down is sent again.
func (e *Engine) settle(units []*schedule.Settling) {
	items := flatten(units)
	if len(items) > maxSettleBatch && len(units) > 1 {
		e.settle(units[:len(units)/2])
		e.settle(units[len(units)/2:])
		return
	}
	retry := batch.NewBackOff()
	for {
		result, err := e.writeSettlement(items)
		switch {
		case err == nil:
			e.cfg.Telemetry.SettleBatch(len(items))
			e.sched.Hold(false)
			e.settled(items, result)
			return
		case e.lost():
			e.forget(items)
			return
		case !batch.Transient(err):
			e.settleApart(units, err)
			return
		}
		e.cfg.Telemetry.StoreFailed("settle")
		e.sched.Hold(true)
		e.log.Warn("settle deliveries; repeating", zap.Int("deliveries", len(items)), zap.Error(err))
		sleep(e.writeCtx, retry.NextBackOff())
	}
}

// settleApart settles a batch that the store refuses: by halves, until what it
// refuses stands alone. What the receiver answered is then left out, since that
// is all an outsider can have a hand in; if that is refused too, the row stays
// leased and unknown to us, and reconciliation gives it back.
func (e *Engine) settleApart(units []*schedule.Settling, cause error) {
	if half := len(units) / 2; half > 0 {
		e.settle(units[:half])
		e.settle(units[half:])
		return
	}
	e.cfg.Telemetry.StoreFailed("settle")
	e.log.Error("an outcome is refused by the store", zap.String("delivery", units[0].Delivery), zap.Error(cause))
	stripped := false
	for _, it := range flatten(units) {
		if it.Attempt != nil && (it.Attempt.ResponseBody != nil || it.Attempt.ResponseHeaders != nil) {
			bare := *it.Attempt
			bare.ResponseBody, bare.ResponseHeaders, bare.Truncated = nil, nil, true
			it.Attempt, stripped = &bare, true
		}
	}
	if stripped {
		e.settle(units)
	} else {
		e.forget(flatten(units))
	}
}

// flatten returns outcomes with those that belong to them, which are to be written
// together: the outcomes of a batch.
func flatten(units []*schedule.Settling) []*schedule.Settling {
	rest := 0
	for _, u := range units {
		rest += len(u.Rest)
	}
	if rest == 0 {
		return units
	}
	items := make([]*schedule.Settling, 0, len(units)+rest)
	for _, u := range units {
		items = append(append(items, u), u.Rest...)
	}
	return items
}

func (e *Engine) settlement(items []*schedule.Settling) store.Settlement {
	s := store.Settlement{Epoch: e.epoch, Items: make([]store.Settled, len(items))}
	var gates map[store.Lane]bool
	for i, it := range items {
		s.Items[i] = it.Settled
		if it.Park && !gates[it.Job.Lane()] {
			if gates == nil {
				gates = make(map[store.Lane]bool)
			}
			gates[it.Job.Lane()] = true
			s.Gates = append(s.Gates, it.Gate)
		}
	}
	return s
}

func (e *Engine) writeSettlement(items []*schedule.Settling) (store.SettleResult, error) {
	ctx, cancel := context.WithTimeout(e.writeCtx, storeTimeout)
	defer cancel()
	return e.store.Settle(ctx, clock.Now(), e.settlement(items))
}

// settled frees what the batch held, tells of what failed for good, and pauses
// endpoints that have failed too often or said that they are gone.
func (e *Engine) settled(items []*schedule.Settling, result store.SettleResult) {
	if len(result.Lost) > 0 {
		e.cfg.Telemetry.Refused(len(result.Lost))
		e.log.Warn("outcomes refused: other processes have the deliveries now", zap.Int("deliveries", len(result.Lost)))
	}
	e.forget(items)
	items = accepted(items, result.Lost)
	e.told(items)
	for _, it := range items {
		if it.Status == webhook.DeliveryPending && !it.Park {
			e.claims.noteDue(it.Due)
		}
	}
	e.reportFailed(items)
	e.countIncidents(items)
	e.learn(result.Health)
	e.pauseFailing(items, result.Health)
}

func (e *Engine) forget(items []*schedule.Settling) {
	var sent, unsent []*schedule.Job
	for _, it := range items {
		if it.Sent {
			sent = append(sent, it.Job)
		} else {
			unsent = append(unsent, it.Job)
		}
	}
	e.sched.Settled(sent)
	e.sched.Released(unsent)
}
