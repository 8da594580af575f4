package postgres_test

import (
	"testing"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/postgres/postgrestest"
	"github.com/postrider/postrider/webhook"
)

// A settle that waits for a row which is just being marked finds it all the same.
func TestSettleWhileItIsCanceled(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, postgrestest.Shared(t))
	p, other := d.open(t, nil), d.open(t, nil)
	w := newTenant(t, p)
	epoch, err := p.Acquire(t.Context(), time.Now(), store.Process{}, time.Hour)
	must(t, err, "Acquire")
	queue := newBrake(t, d, "queue", atCommit)
	for _, status := range []webhook.DeliveryStatus{webhook.DeliveryDelivered, webhook.DeliveryPending} {
		pub := w.publication()
		pub.Epoch, pub.Deliveries[0].HandOver = epoch, true
		must(t, wantAll(store.PublishStored)(p.Publish(t.Context(), time.Now(), []store.Publication{pub})), "Publish")
		id := pub.Deliveries[0].ID

		queue.hold(t)
		canceled := background(t, func() error {
			_, err := other.Cancel(t.Context(), time.Now(), w.name, []string{id})
			return err
		})
		stopped(t, d, other)
		it := delivered(store.Claimed{Tenant: w.name, Delivery: id, Endpoint: w.ep.ID, Claim: 1}, time.Now())
		if it.Status = status; status == webhook.DeliveryPending {
			it.Due = time.Now().Add(time.Hour)
		}
		var result store.SettleResult
		settled := background(t, func() (err error) {
			result, err = p.Settle(t.Context(), time.Now(), store.Settlement{Epoch: epoch, Items: []store.Settled{it}})
			return err
		})
		blocked(t, d, p)
		queue.release(t)
		must(t, canceled(), "Cancel")
		must(t, settled(), "Settle")
		got, err := p.Delivery(t.Context(), w.name, id)
		must(t, err, "Delivery")
		want := status
		if status == webhook.DeliveryPending {
			want = webhook.DeliveryCanceled
		}
		if len(result.Lost) != 0 || got.Status != want || got.Attempts != 1 {
			t.Errorf("Settle as %s of a row that is being canceled: %d lost, and the delivery is %+v; want it %s after one attempt",
				status, len(result.Lost), got, want)
		}
	}
}
