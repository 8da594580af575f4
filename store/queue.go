package store

import (
	"context"
	"time"

	"github.com/postrider/postrider/webhook"
)

// Queue holds the pending deliveries.
type Queue interface {
	// Poll looks at waiting rows that are due, in the order they fell due, at
	// most limit. For each it asks admit, once and in that order, and leases
	// the row or parks it, all in one transaction; rows that were canceled are
	// leased without asking. A lane that gets a parked row is due at the earlier of
	// its time and the gate's. A row that is bound to a batch is parked in any
	// case, its lane being due at once if it was admitted, since batches are
	// leased as a whole (see Lanes). It returns what
	// was leased, and when the next row is due, or the next lane that Take would
	// ask this epoch about, or the zero time if none is; a time in the past says
	// that there is more. Nothing due is not
	// an error and writes nothing. admit must not block; a store that fails
	// does not repeat the transaction itself, since admit has been asked.
	Poll(ctx context.Context, now time.Time, epoch int64, limit int, admit func(Waiting) Admission) ([]Claimed, time.Time, error)

	// Start marks leased rows as started, durably, before they are sent. It is
	// used for rows that a process died with, so that a crash counts for the
	// delivery that caused it. Rows whose fence is not the given one are left
	// alone and not returned.
	Start(ctx context.Context, epoch int64, rows []Held) ([]Held, error)

	// Settle writes outcomes in one transaction: the attempt, the state of the
	// delivery, the queue row, lane gates, health and statistics. An item whose
	// row is not leased under the item's fence changes nothing at all, not
	// even a count, and is returned as lost. One that was to stay pending and
	// was canceled ends instead (see Canceling). Items whose attempts have the same
	// BatchID are accepted together or lost together. Repeating a settle after
	// ErrUnknown is safe: what had been written is then reported as lost.
	Settle(ctx context.Context, now time.Time, s Settlement) (SettleResult, error)

	// Redeliver puts a delivery that has ended back to pending, due at once,
	// with a fresh schedule; its number of attempts goes on, and so does the
	// number of claims, so that a settle from before finds another fence. It
	// keeps its place in the order of events, no longer blocks its key, and
	// loses its batch. A
	// delivery that is pending is left as it is, which is not an error.
	// ErrNotFound; ErrPayloadGone. See Audit for the records.
	Redeliver(ctx context.Context, now time.Time, tenant, delivery string, audit ...webhook.AuditRecord) error
}

// Waiting is a row that is due and asks to be admitted.
type Waiting struct {
	Tenant, Endpoint, Delivery string
	Crashes                    int
	Priority                   webhook.Priority
	// Ordered, Key and Batch are as in Claimed.
	Ordered    bool
	Key, Batch string
}

// Admission is the answer for a waiting row: lease it, or park it behind the
// gate.
type Admission struct {
	Lease bool
	Gate  Gate
}

// Ranks counts deliveries by the rank of their priority.
type Ranks [webhook.Priorities]int

// Sum returns how many there are of all ranks.
func (r Ranks) Sum() (n int) {
	for _, of := range r {
		n += of
	}
	return n
}

// Gate is a lane's next time: when its parked rows are looked at again.
type Gate struct {
	Tenant, Endpoint string
	// Next is when, or the zero time for not before the endpoint changes.
	Next time.Time
	// Revision is the endpoint's revision that the decision rests on. If the
	// endpoint has moved on, the gate is set to now instead: a pause that was
	// just lifted must not shut a lane for ever. Zero says that the decision
	// rests on no configuration, and Next is taken as it is.
	Revision int64
}

// Claimed is a row that was leased.
type Claimed struct {
	Tenant, Delivery, Endpoint, Event string
	// Claim and the epoch it was claimed under are the row's fence.
	Claim int64
	// Attempts is how many attempts were made; Base how many of them belong to
	// earlier schedules (see Redeliver).
	Attempts, Base int
	// Crashes is how many processes died with the delivery in hand.
	Crashes int
	// Seq orders the deliveries of an endpoint as they were published. It stays
	// the same over redeliveries.
	Seq      int64
	Priority webhook.Priority
	// Ordered says that the delivery keeps the order of its Key.
	Ordered bool
	Key     string
	// Batch is the batch that it was first sent in, or "".
	Batch string
	// Canceled says that it is not to be sent any more.
	Canceled bool
}

// Waiting returns what a lane is asked about the row.
func (c *Claimed) Waiting() Waiting {
	return Waiting{
		Tenant: c.Tenant, Endpoint: c.Endpoint, Delivery: c.Delivery, Crashes: c.Crashes,
		Priority: c.Priority, Ordered: c.Ordered, Key: c.Key, Batch: c.Batch,
	}
}

// Settlement is a batch of outcomes and what goes with them.
type Settlement struct {
	Epoch int64
	Items []Settled
	// Gates has one for each lane that an item is parked behind. As in Poll,
	// the lane is due at the earlier of its time and the gate's.
	Gates []Gate
}

// SettleResult is the answer to a settlement.
type SettleResult struct {
	// Lost are the items whose fence was not the present one.
	Lost []Held
	// Health is what became of the health of each endpoint that an accepted
	// item had an effect on.
	Health []webhook.Health
}

// Settled is the outcome of one claim. For an item without an attempt that stays
// pending only the queue row changes, and only Tenant, Delivery, Claim, Due,
// Park and Unbind are looked at.
type Settled struct {
	Tenant, Delivery, Endpoint, EventType string
	// Subject is the event's, if there is an attempt. Stores do not keep it.
	Subject string
	// Claim is the fence.
	Claim int64
	// Attempt is what was tried, or nil if nothing was sent.
	Attempt *webhook.Attempt
	// Status is the delivery's state from now on, Reason why it ended.
	Status webhook.DeliveryStatus
	Reason webhook.Reason
	// Due is when a pending delivery is tried again.
	Due time.Time
	// Park parks a pending delivery at once; the settlement has a gate for its
	// lane. Otherwise it waits.
	Park bool
	// Unbind takes a delivery that stays pending out of its batch.
	Unbind bool
	// Block makes an ordered delivery that ends hold up the later ones of its
	// key, until it is redelivered, or canceled, or the endpoint's Order changes,
	// or its retention ends.
	Block bool
	// Health is what the attempt means for the endpoint's health, and Trips
	// how many probes have failed since its breaker opened. Recovery is what
	// it means for its recovery.
	Health   HealthEffect
	Trips    int
	Recovery RecoveryEffect
	// Notable says that other processes must hear of it (see
	// Lanes.ChangedHealth): the breaker has opened or closed, or a probe has
	// failed.
	Notable bool
}

// HealthEffect is what an attempt means for its endpoint's health.
type HealthEffect int

// The effects on health. A success that changes nothing but the time of the
// last success has none, unless that time is due to be written.
const (
	HealthUnchanged HealthEffect = iota
	HealthSuccess                // no failures in a row any more
	HealthFailure                // one more failure in a row
)

// RecoveryEffect is what an attempt means for its endpoint's recovery.
type RecoveryEffect int

// The effects on recovery. One that begins is stored with the store's time, unless
// the endpoint had no failures: then another process has begun it before. Both
// effects are notable in themselves.
const (
	RecoveryUnchanged RecoveryEffect = iota
	RecoveryBegins                   // after an outage; the rate rises from now on
	RecoveryEnds                     // what was due is worked off
)
