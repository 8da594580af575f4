package dispatcher

import (
	"fmt"
	"time"

	"github.com/postrider/postrider/webhook"
)

// settleTime is what an event needs of its payload's retention after it was due,
// to be tried and tried again (see webhook.DefaultSchedule).
const settleTime = 5 * day

// dueAt returns when an event's deliveries are due, or the zero time for at once,
// and gives its DeliverAt the precision of a store, rounded up so that nothing is
// early.
func (d *Dispatcher) dueAt(ev *webhook.Event, now time.Time) (time.Time, error) {
	if ev.DeliverAt.IsZero() {
		return time.Time{}, nil
	}
	at := ev.DeliverAt.UTC().Truncate(time.Microsecond)
	if at.Before(ev.DeliverAt) {
		at = at.Add(time.Microsecond)
	}
	ev.DeliverAt = at
	if ahead := max(d.cfg.Retention.Payloads-settleTime, 0); at.Sub(now) > ahead {
		return time.Time{}, webhook.Invalid("deliver_at", webhook.CodeInvalidField,
			fmt.Sprintf("Must be at most %.3g days ahead.", float64(ahead)/float64(day)))
	}
	if !at.After(now) {
		return time.Time{}, nil
	}
	return at, nil
}
