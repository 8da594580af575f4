package engine

import (
	"context"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
)

// Cancel keeps deliveries from being sent that were canceled while they were leased,
// as far as this process has them and has not started them.
func (e *Engine) Cancel(rows []store.Held) { e.sched.Cancel(rows) }

// endCanceled gives claimed rows back that were canceled, which ends them, and
// returns the others. If it cannot be written, they are leased to us and unknown to
// us, and reconciliation does the same.
func (c *claimLoop) endCanceled(ctx context.Context, claimed []store.Claimed) []store.Claimed {
	var canceled []store.Settled
	rest := claimed[:0]
	for _, row := range claimed {
		if row.Canceled {
			canceled = append(canceled, returned(row, clock.Now()))
		} else {
			rest = append(rest, row)
		}
	}
	if len(canceled) > 0 {
		if _, err := c.e.store.Settle(ctx, clock.Now(), store.Settlement{Epoch: c.e.epoch, Items: canceled}); err != nil {
			c.failed(ctx, "cancel", err)
		}
	}
	return rest
}

// heedCanceled tells the scheduler which of the rows that are leased to us were
// canceled, by another process perhaps.
func (c *claimLoop) heedCanceled(rows []store.Held) {
	var canceled []store.Held
	for _, r := range rows {
		if r.Canceled {
			canceled = append(canceled, r)
		}
	}
	if len(canceled) > 0 {
		c.e.sched.Cancel(canceled)
	}
}
