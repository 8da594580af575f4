package engine

import (
	"context"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
)

// Cancel keeps deliveries from being sent that were canceled while they were leased,
// as far as this process has them and has not started them.
func (e *Engine) Cancel(rows []store.Held) { e.sched.Cancel(rows) }

// splitCanceled separates claimed rows that were canceled from the others.
func splitCanceled(claimed []store.Claimed) (rest, canceled []store.Claimed) {
	rest = claimed[:0]
	for _, row := range claimed {
		if row.Canceled {
			canceled = append(canceled, row)
		} else {
			rest = append(rest, row)
		}
	}
	return rest, canceled
}

// endCanceled gives claimed rows back that were canceled, which ends them. If it
// cannot be written, they are leased to us and unknown to us, and reconciliation does
// the same.
func (c *claimLoop) endCanceled(ctx context.Context, canceled []store.Claimed) {
	if len(canceled) == 0 {
		return
	}
	at := clock.Now()
	s := store.Settlement{Epoch: c.e.epoch}
	for _, row := range canceled {
		s.Items = append(s.Items, returned(row, at))
	}
	if _, err := c.e.store.Settle(ctx, at, s); err != nil {
		c.failed(ctx, "cancel", err)
	}
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
