package engine

import (
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

func fences(claimed []store.Claimed) []store.Held {
	rows := make([]store.Held, len(claimed))
	for i, c := range claimed {
		rows[i] = store.Held{Tenant: c.Tenant, Delivery: c.Delivery, Claim: c.Claim}
	}
	return rows
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
