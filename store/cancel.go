package store

import (
	"context"
	"time"

	"github.com/postrider/postrider/webhook"
)

// Canceling ends deliveries that have not gone out.
type Canceling interface {
	// Cancel answers for each of a tenant's deliveries, in the order given and
	// in one transaction. Unknown ones are left out of the answer, which is not
	// an error.
	//
	// One that nobody has ends as canceled, at once. One that is leased is
	// marked: a settle of its row that leaves it pending ends it as canceled
	// instead, attempt included; and if the row waits again for any other
	// reason, Poll leases it without asking and says so (see Claimed). A
	// member of a batch is left as it is, and so is what has ended, but for
	// what blocks its key (see Settled.Block), which no longer does. Repeating
	// it is safe. A delivery that is sent again later (see Redeliver) is not
	// marked any more. The audit records are written if one has ended by it, no
	// longer holds up its key, or is marked that was not before.
	Cancel(ctx context.Context, now time.Time, tenant string, deliveries []string, audit ...webhook.AuditRecord) ([]Cancellation, error)
}

// Cancellation is the answer about one delivery.
type Cancellation struct {
	webhook.Cancellation
	// Claim is the present one of a delivery that is leased.
	Claim int64
}

// AsCanceled returns what becomes of an item that was to stay pending while its row
// was canceled.
func (it Settled) AsCanceled() Settled {
	it.Status, it.Reason = webhook.DeliveryCanceled, webhook.ReasonCanceledByHand
	it.Due, it.Park = time.Time{}, false
	if it.Attempt != nil {
		last := *it.Attempt
		last.NextAt = time.Time{}
		it.Attempt = &last
	}
	return it
}
