package manage

import (
	"context"
	"errors"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Delivery returns one delivery. The error is store.ErrNotFound.
func (m *Manager) Delivery(ctx context.Context, tenant, id string) (webhook.Delivery, error) {
	if err := known(webhook.PrefixDelivery, tenant, id); err != nil {
		return webhook.Delivery{}, err
	}
	return m.store.Delivery(ctx, tenant, id)
}

// Deliveries returns a page of a tenant's deliveries, newest first; those that
// failed are the dead letters. A filter by an endpoint or an event that the
// tenant does not have finds nothing, which is not an error; one by a deleted
// endpoint finds its history. A page is full unless it is the last; to fill it, a page by
// endpoint may have to read all that the tenant has pending, which FindDeliveries bounds. Errors are *webhook.InvalidError with the fields
// status (not one of the five), to (not after from) and after (not a delivery's
// id).
func (m *Manager) Deliveries(ctx context.Context, tenant string, filter store.DeliveryFilter, page store.Page) ([]webhook.Delivery, error) {
	if err := checkFilter(filter, page); err != nil {
		return nil, err
	}
	if !canFind(tenant, filter) {
		return nil, nil
	}
	return m.store.ListDeliveries(ctx, tenant, filter, page)
}

func checkFilter(filter store.DeliveryFilter, page store.Page) error {
	var inv webhook.InvalidError
	switch filter.Status {
	case "", webhook.DeliveryPending, webhook.DeliveryDelivered, webhook.DeliveryFailed, webhook.DeliveryCanceled, webhook.DeliverySkipped:
	default:
		inv.Add("status", webhook.CodeInvalidField, "Must be pending, delivered, failed, canceled or skipped.")
	}
	checkList(&inv, webhook.PrefixDelivery, filter.From, filter.To, page)
	return inv.Err()
}

// Attempts returns all attempts of a delivery that are kept, oldest first. What a
// receiver has answered is Hidden if it repeats what is redacted in the event (see
// webhook.EventType). The error is store.ErrNotFound.
func (m *Manager) Attempts(ctx context.Context, tenant, delivery string) ([]webhook.Attempt, error) {
	d, err := m.Delivery(ctx, tenant, delivery)
	if err != nil {
		return nil, err
	}
	attempts, err := m.store.Attempts(ctx, tenant, delivery)
	if err != nil || len(attempts) == 0 {
		return attempts, err
	}
	if d.BatchID == "" && !m.d.Redacts(ctx, d.EventType) {
		return attempts, nil
	}
	ev, err := m.store.Event(ctx, tenant, d.EventID)
	if errors.Is(err, store.ErrNotFound) { // gone meanwhile, so all is hidden
		ev, err = webhook.Event{Type: d.EventType}, nil
	}
	if err != nil {
		return nil, err
	}
	m.redactAnswers(ctx, &ev, attempts)
	return attempts, nil
}

// Redeliver puts a delivery that has ended, however it did, back to pending, due
// at once and with a fresh schedule; its attempts keep their numbers. One that is
// pending is left as it is. Errors are store.ErrNotFound and
// store.ErrPayloadGone.
func (m *Manager) Redeliver(ctx context.Context, tenant, delivery string) error {
	if err := known(webhook.PrefixDelivery, tenant, delivery); err != nil {
		return err
	}
	err := m.d.Redeliver(ctx, tenant, delivery)
	m.tails.touch(tenant, delivery)
	return err
}
