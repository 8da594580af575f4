package store

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/webhook"
)

// Publishing writes events with their deliveries.
type Publishing interface {
	// Publish writes events, each with all its deliveries and its idempotency
	// key or not at all, in one transaction that is durable when it returns.
	// Results are in the order of pubs. One publication's result never
	// depends on another's, except that the first of two with the same tenant
	// and idempotency key is stored and the second is judged against it.
	//
	// An error says that none of them was written (or, for ErrUnknown, that
	// either all or none were).
	Publish(ctx context.Context, now time.Time, pubs []Publication) ([]PublishResult, error)

	// Published returns those of the given events that are stored. It is how
	// the outcome of an unknown commit is found out: what is there was
	// committed; what is not there may still be on its way.
	Published(ctx context.Context, events []EventKey) ([]EventKey, error)
}

// Tx publishes inside a transaction of the host: what it writes is there if,
// and only if, the host commits.
type Tx interface {
	// Publish is Publishing.Publish without the commit. It provokes no SQL
	// error for a duplicate or a stale directory, sets no timeout of its own
	// and returns errors of the database unwrapped, because a host must
	// recognise a serialization failure to repeat its transaction.
	Publish(ctx context.Context, now time.Time, pubs []Publication) ([]PublishResult, error)

	// TenantEndpoints is Directory.TenantEndpoints as the transaction sees it.
	// It needs no second connection.
	TenantEndpoints(ctx context.Context, tenant string, after int64) ([]EndpointRecord, int64, error)

	// EventTypes is EventTypes.EventTypes as the transaction sees it. It needs no second
	// connection to the transaction's database.
	EventTypes(ctx context.Context, after int64) ([]webhook.EventType, int64, error)

	// Events returns a page of a tenant's events with their payloads, newest first, as
	// the transaction sees them: what it has published too, and nothing that another
	// one has and not committed. Data is nil if the payload's retention has ended. A
	// tenant without events has none, which is not an error. It locks nothing and
	// needs no second connection.
	Events(ctx context.Context, tenant string, page Page) ([]webhook.Event, error)

	// Reserver returns where quotas and rates are reserved, and keys found and
	// added, while the transaction goes on. It locks nothing in the transaction and does not wait for it, but
	// may need a connection of its own. Where a database has one writer only
	// it is the transaction itself: then undone is true, and what was reserved
	// is not any more if the host rolls back.
	Reserver() (r Reserver, undone bool)
}

// EventKey names an event.
type EventKey struct {
	Tenant, ID string
}

// Publication is one event and where it goes.
type Publication struct {
	// Event is complete: id and timestamp are set.
	Event webhook.Event
	// ContentHash is a keyed hash of all that counts as the event's content.
	// It is compared if the idempotency key is known.
	ContentHash []byte
	// KeyExpires is when the idempotency key may be used anew.
	KeyExpires time.Time
	// Revision is the tenant's revision that Deliveries were matched at. The
	// event is not written if the tenant's revision is greater.
	Revision int64
	// Epoch leases the deliveries that are handed over; 0 if none is.
	Epoch int64
	// Deliveries has one entry for each endpoint that matched.
	Deliveries []NewDelivery
}

// NewDelivery is a delivery to be written with its event.
type NewDelivery struct {
	ID, Endpoint string
	// Due is when the first attempt is due; zero is at once.
	Due time.Time
	// Priority is the delivery's for good.
	Priority webhook.Priority
	// Ordered says that the delivery keeps the order of those of its endpoint
	// with the same Key. It cannot be handed over.
	Ordered bool
	Key     string
	// HandOver writes the delivery leased to the publication's epoch, under
	// claim number 1.
	HandOver bool
	// Status is pending, which "" stands for, or how the delivery ends as it is
	// written, for Reason: it never enters the queue, and cannot be handed over. It
	// counts as claimed once, so that one that is redelivered is told from a new one.
	Status webhook.DeliveryStatus
	Reason webhook.Reason
}

// Ended reports whether the delivery ends as it is written.
func (d *NewDelivery) Ended() bool {
	return d.Status != "" && d.Status != webhook.DeliveryPending
}

// Pending returns how many deliveries are to be sent: what a receipt counts.
func (p *Publication) Pending() int {
	n := len(p.Deliveries)
	for i := range p.Deliveries {
		if p.Deliveries[i].Ended() {
			n--
		}
	}
	return n
}

// Check returns an error for a delivery that no store may write. Stores refuse it:
// an ordered one that was handed over could overtake what is in the queue.
func (d *NewDelivery) Check() error {
	if d.HandOver && d.Ordered {
		return fmt.Errorf("ordered delivery %s cannot be handed over", d.ID)
	}
	return nil
}

// PublishOutcome is what became of one publication.
type PublishOutcome int

// The outcomes of a publication.
const (
	// PublishStored: event and deliveries are written.
	PublishStored PublishOutcome = iota
	// PublishDuplicate: the key is in use for the same content; nothing was
	// written, and the result has the first receipt.
	PublishDuplicate
	// PublishConflict: the key is in use for other content.
	PublishConflict
	// PublishStale: the tenant's revision is greater than the publication's.
	PublishStale
	// PublishBusy: the key is being used by a transaction that has not ended,
	// and the others of the batch were not to wait for it. Nothing was written;
	// publish it again, alone.
	PublishBusy
)

// PublishResult is the answer to one publication.
type PublishResult struct {
	Outcome PublishOutcome
	// Receipt is set if stored or duplicate.
	Receipt webhook.Receipt
}
