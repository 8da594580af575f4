package store

import (
	"context"
	"time"

	"github.com/postrider/postrider/webhook"
)

// Subjects finds and erases what is kept about a person, or whatever else events
// name as their subject.
type Subjects interface {
	// SubjectEvents returns a tenant's events about a subject without payloads,
	// oldest first if the page says so and else newest first. The subject "" has
	// none: events without a subject are nobody's.
	SubjectEvents(ctx context.Context, tenant, subject string, page Page) ([]webhook.Event, error)

	// EraseSubject removes some of a tenant's events about a subject, at most
	// about limit, oldest first, with all that belongs to them: payloads,
	// deliveries, rows of the queue, attempts and idempotency keys. Each event
	// goes as a whole, in transactions short enough that claims and publishes do
	// not notice. A delivery that is leased goes too: its fence is gone, so that
	// the outcome of an attempt that is under way is lost (see Settle), and the
	// others of its batch are in none any more. An idempotency key that has
	// passed to a later event of another subject stays. Nothing to erase is not
	// an error; repeating the call goes on where it ended. Statistics stay: they
	// count, and name no event.
	EraseSubject(ctx context.Context, now time.Time, tenant, subject string, limit int) (Erased, error)
}

// Erased counts what was removed, by table.
type Erased struct {
	Events, Payloads, Deliveries, Attempts, IdempotencyKeys int
	// Pending is how many of the deliveries had not ended.
	Pending int
	// SubjectKeys are keys that payloads were sealed with. EraseSubject removes none.
	SubjectKeys int
	// More says that there is more to remove.
	More bool
}

// Add adds what another call removed. More is the other call's.
func (e *Erased) Add(o Erased) {
	e.Events += o.Events
	e.Payloads += o.Payloads
	e.Deliveries += o.Deliveries
	e.Attempts += o.Attempts
	e.IdempotencyKeys += o.IdempotencyKeys
	e.Pending += o.Pending
	e.SubjectKeys += o.SubjectKeys
	e.More = o.More
}
