package memstore

import (
	"context"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Cancel implements store.Canceling.
func (s *Store) Cancel(ctx context.Context, now time.Time, tenant string, deliveries []string, audit ...webhook.AuditRecord) ([]store.Cancellation, error) {
	if err := s.beginChange(ctx, "cancel", audit); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var answers []store.Cancellation
	changed := false
	for _, id := range deliveries {
		if d := s.delivery(tenant, id); d != nil {
			answer := store.Cancellation{Cancellation: webhook.Cancellation{DeliveryID: id}}
			marked := d.row != nil && d.row.canceled
			answer.Outcome, answer.Claim = s.cancel(instant(now), d)
			answers = append(answers, answer)
			changed = changed || answer.Outcome == webhook.CancelDone || answer.Outcome == webhook.CancelUnblocked ||
				answer.Outcome == webhook.CancelRequested && !marked
		}
	}
	if changed {
		s.audit(now, audit)
	}
	return answers, nil
}

func (s *Store) cancel(now time.Time, d *delivery) (webhook.CancelOutcome, int64) {
	switch r := d.row; {
	case r == nil && s.unblock(d, now):
		return webhook.CancelUnblocked, 0
	case r == nil:
		return webhook.CancelEnded, 0
	case d.BatchID != "":
		return webhook.CancelBound, 0
	case r.state == leased:
		r.canceled = true
		return webhook.CancelRequested, r.claims
	default:
		d.end(now, webhook.DeliveryCanceled, webhook.ReasonCanceledByHand)
		s.dequeue(r)
		if d.Ordered { // what comes after it may go
			s.reopen(r.lane(), now)
		}
		return webhook.CancelDone, 0
	}
}
