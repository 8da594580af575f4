package manage

import (
	"context"

	"github.com/postrider/postrider/webhook"
)

// Cancel ends a delivery that has not gone out, and says what became of it: one that
// a process has at the moment is not tried again, but the attempt that is under way
// may still deliver it. What has ended, and members of a batch that was sent before,
// are left alone, which is not an error. The error is store.ErrNotFound.
func (m *Manager) Cancel(ctx context.Context, tenant, delivery string) (webhook.CancelOutcome, error) {
	if err := known(webhook.PrefixDelivery, tenant, delivery); err != nil {
		return "", err
	}
	return m.d.Cancel(ctx, tenant, delivery)
}

// CancelEvent is Cancel for all deliveries of an event that are pending. It returns
// what became of each; an event that has none is not an error. The error is
// store.ErrNotFound.
func (m *Manager) CancelEvent(ctx context.Context, tenant, event string) ([]webhook.Cancellation, error) {
	if err := known(webhook.PrefixEvent, tenant, event); err != nil {
		return nil, err
	}
	return m.d.CancelEvent(ctx, tenant, event)
}
