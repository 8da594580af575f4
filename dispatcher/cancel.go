package dispatcher

import (
	"context"
	"fmt"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Cancel ends a delivery that has not gone out: at once, if no process has it, and
// else at its next turn, unless the attempt that is under way delivers it. What only
// waits in this process's memory is not sent; another process hears of it within 10
// seconds. The outcome says what happened; that there was nothing left to cancel is
// not an error. Repeating it is safe. Errors are store.ErrNotFound, and the store's.
func (d *Dispatcher) Cancel(ctx context.Context, tenant, delivery string) (webhook.CancelOutcome, error) {
	r, err := d.NewAudit(ctx, webhook.AuditRecord{Tenant: tenant, Action: webhook.ActionDeliveryCanceled, Resource: delivery})
	if err != nil {
		return "", fmt.Errorf("cancel: %w", err)
	}
	answers, err := d.cancel(ctx, tenant, []string{delivery}, r)
	if err != nil {
		return "", err
	}
	if len(answers) == 0 {
		return "", fmt.Errorf("cancel: %w", store.ErrNotFound)
	}
	return answers[0].Outcome, nil
}

// CancelEvent is Cancel for all deliveries of an event that are pending, and returns
// an answer for each. Deliveries that have ended are not among them. Of more than
// 1,000, each thousand is a transaction, with an audit record of its own.
func (d *Dispatcher) CancelEvent(ctx context.Context, tenant, event string) ([]webhook.Cancellation, error) {
	if _, err := d.store.Event(ctx, tenant, event); err != nil {
		return nil, err
	}
	var all []webhook.Cancellation
	err := d.eachPending(ctx, tenant, event, func(pending []string) error {
		r, err := d.NewAudit(ctx, webhook.AuditRecord{Tenant: tenant, Action: webhook.ActionEventCanceled, Resource: event})
		if err != nil {
			return fmt.Errorf("cancel: %w", err)
		}
		answers, err := d.cancel(ctx, tenant, pending, r)
		all = append(all, answers...)
		return err
	})
	return all, err
}

// eachPending calls do with the deliveries of an event that are pending, at most
// store.MaxPage at a time.
func (d *Dispatcher) eachPending(ctx context.Context, tenant, event string, do func(deliveries []string) error) error {
	for after := ""; ; {
		page, err := d.store.ListDeliveries(ctx, tenant, store.DeliveryFilter{Event: event}, store.Page{After: after, Limit: store.MaxPage})
		if err != nil {
			return err
		}
		var pending []string
		for i := range page {
			if page[i].Status == webhook.DeliveryPending {
				pending = append(pending, page[i].ID)
			}
		}
		if len(pending) > 0 {
			if err := do(pending); err != nil {
				return err
			}
		}
		if len(page) < store.MaxPage {
			return nil
		}
		after = page[len(page)-1].ID
	}
}

// cancel cancels deliveries, which records say in the audit log, and makes this
// process heed it.
func (d *Dispatcher) cancel(ctx context.Context, tenant string, deliveries []string, records ...webhook.AuditRecord) ([]webhook.Cancellation, error) {
	s, err := d.shardOf(ctx, tenant)
	if err != nil {
		return nil, fmt.Errorf("cancel: %w", err)
	}
	found, err := s.store.Cancel(ctx, clock.Now(), tenant, deliveries, records...)
	if err != nil {
		return nil, err
	}
	answers := make([]webhook.Cancellation, len(found))
	var leased []store.Held
	for i, c := range found {
		answers[i] = c.Cancellation
		if c.Outcome == webhook.CancelRequested {
			leased = append(leased, store.Held{Tenant: tenant, Delivery: c.DeliveryID, Claim: c.Claim})
		}
	}
	if e := s.engine.Load(); e != nil && len(leased) > 0 {
		e.Cancel(leased)
	}
	return answers, nil
}
