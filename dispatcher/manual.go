package dispatcher

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// testTimeout bounds a test send.
const testTimeout = 5 * time.Second

// TestSend makes one signed attempt with an event that is not stored, and
// returns it when it has ended, after at most 5 seconds. It goes out whether the
// endpoint is paused or not, and changes nothing: not the delivery log, not the
// endpoint's health. An endpoint with batches gets a batch of one. Errors are store.ErrNotFound, a
// *webhook.InvalidError, also for data that the schema of its type refuses, and the store's and sealer's;
// a send that fails is not an error.
func (d *Dispatcher) TestSend(ctx context.Context, tenant, endpoint string, ev webhook.Event) (webhook.Attempt, error) {
	eps, err := d.store.EngineEndpoints(ctx, []store.Lane{{Tenant: tenant, Endpoint: endpoint}})
	if err != nil {
		return webhook.Attempt{}, err
	}
	if len(eps) == 0 || eps[0].Deleted() {
		return webhook.Attempt{}, fmt.Errorf("test endpoint: %w", store.ErrNotFound)
	}
	ev.Tenant = tenant
	p, err := d.newPublication(ev)
	if err == nil {
		err = d.types.CheckTest(ctx, &p.Event)
	}
	if err != nil {
		return webhook.Attempt{}, err
	}
	r, err := send.NewRoute(ctx, d.sealer, eps[0])
	if err != nil {
		return webhook.Attempt{}, err
	}
	msg, batch := send.NewMessage(&p.Event), ""
	if r.Endpoint.Batch.MaxEvents > 0 { // the receiver expects an array
		if batch, err = d.entropy.ID(webhook.PrefixBatch); err != nil {
			return webhook.Attempt{}, err
		}
		msg = send.NewBatch(batch, []*send.Message{msg})
	}
	x := d.sender.Send(ctx, r, msg, testTimeout)
	if x.Attempt.ID, err = d.entropy.ID(webhook.PrefixAttempt); err != nil {
		return webhook.Attempt{}, err
	}
	x.Attempt.Tenant, x.Attempt.N, x.Attempt.BatchID = tenant, 1, batch
	if kind, ok := x.Attempt.Class.Incident(); ok {
		d.incident(tenant, kind, endpoint)
	}
	return x.Attempt, nil
}

// Redeliver puts a delivery that has ended back to pending, due at once and with
// a fresh schedule; its attempts keep their numbers. A delivery that is pending
// is left as it is. Errors are store.ErrNotFound and store.ErrPayloadGone.
func (d *Dispatcher) Redeliver(ctx context.Context, tenant, delivery string) error {
	r, err := d.NewAudit(ctx, webhook.AuditRecord{Tenant: tenant, Action: webhook.ActionDeliveryRedelivered, Resource: delivery})
	if err != nil {
		return fmt.Errorf("redeliver: %w", err)
	}
	if err := d.store.Redeliver(ctx, clock.Now(), tenant, delivery, r); err != nil {
		return err
	}
	if s, err := d.shardOf(ctx, tenant); err == nil {
		s.wake()
	}
	return nil
}
