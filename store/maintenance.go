package store

import (
	"context"
	"time"

	"github.com/postrider/postrider/webhook"
)

// Maintenance keeps the database bounded.
type Maintenance interface {
	// Prune removes some of what is past its retention, oldest first, at most
	// about limit rows of each kind, in transactions short enough that claims
	// and publishes do not notice. A store that keeps history in parts, such as
	// one per week, removes a part at once, when all of it is past its
	// retention. A delivery that is still pending, and not
	// leased, when its payload is removed is canceled, reason expired; an event
	// with a leased delivery is left whole for a later call, so that nothing is
	// sent without its payload or pending for ever.
	// An endpoint whose DeadLetter.Retain is shorter than Deliveries loses its
	// failed deliveries, with their attempts, that long after they have failed.
	// Tokens go TokensKept after they have expired.
	// It removes nothing else that is within its retention, and no tombstone of an
	// endpoint that has deliveries in the queue; lane and health go with the
	// tombstone.
	Prune(ctx context.Context, now time.Time, r Retention, limit int) (Pruned, error)

	// PruneTenant removes some of a tenant's events that were published before a
	// time, oldest first, at most about limit, with all that belongs to them, as
	// EraseSubject does, but for idempotency keys, which have a time of their own.
	// An event stays while a delivery of it is pending; of such
	// a call passes by at most ten times limit.
	PruneTenant(ctx context.Context, now time.Time, tenant string, before time.Time, limit int) (Erased, error)
}

// PassedBy is how many events PruneTenant looks at for each that it may remove.
const PassedBy = 10

// Retention says how long things are kept, counted from the event's time of
// publishing (statistics: from the minute they are of).
type Retention struct {
	// Payloads bounds payloads and attempts, and jobs from when they have ended.
	Payloads time.Duration
	// Deliveries bounds deliveries and events, at least as long as Payloads.
	Deliveries time.Duration
	// Statistics bounds the statistics by day.
	Statistics time.Duration
	// Audit bounds the audit log and incidents, from when they were counted last.
	// Those that have not reached their threshold go when their window has ended.
	Audit time.Duration
	// Tombstones bounds what is left of deleted endpoints.
	Tombstones time.Duration
}

// Pruned counts what a call removed.
type Pruned struct {
	Events, Payloads, Deliveries, Attempts, IdempotencyKeys, Statistics, Endpoints int
	// Expired counts the deliveries that were canceled, and ExpiredDeliveries
	// says which: id, tenant, endpoint, event and event type.
	Expired           int
	ExpiredDeliveries []webhook.Delivery
	// Jobs counts the jobs that had ended.
	Jobs int
	// Audit counts records of the audit log.
	Audit int
	// Incidents counts incidents.
	Incidents int
	// Tokens counts tokens that had expired TokensKept ago.
	Tokens int
	// SubjectKeys counts keys that nothing is sealed with any more. No store's own
	// Prune has any: it does not know how long a key was used.
	SubjectKeys int
	// More says that there is more to remove.
	More bool
}

// Add adds what another call removed.
func (p *Pruned) Add(q Pruned) {
	p.Events += q.Events
	p.Payloads += q.Payloads
	p.Deliveries += q.Deliveries
	p.Attempts += q.Attempts
	p.IdempotencyKeys += q.IdempotencyKeys
	p.Statistics += q.Statistics
	p.Endpoints += q.Endpoints
	p.Expired += q.Expired
	p.Jobs += q.Jobs
	p.SubjectKeys += q.SubjectKeys
	p.Audit += q.Audit
	p.Incidents += q.Incidents
	p.Tokens += q.Tokens
	p.ExpiredDeliveries = append(p.ExpiredDeliveries, q.ExpiredDeliveries...)
	p.More = p.More || q.More
}

// Settings keeps a few small values that all processes must agree on.
type Settings interface {
	// Setting returns the value of that name. If there is none, initial is
	// stored and returned; of several first callers one wins and all get the
	// winner's value.
	Setting(ctx context.Context, name string, initial []byte) ([]byte, error)
}
