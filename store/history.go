package store

import (
	"context"
	"strings"
	"time"

	"github.com/postrider/postrider/webhook"
)

// Events reads what was published.
type Events interface {
	// Event returns an event with its payload; Data is nil if the payload's
	// retention has ended. ErrNotFound.
	Event(ctx context.Context, tenant, id string) (webhook.Event, error)

	// EventsByKey returns events with their payloads, of any tenants, in no
	// particular order; unknown ones are left out. It is how the engine loads
	// what it claimed.
	EventsByKey(ctx context.Context, keys []EventKey) ([]webhook.Event, error)

	// ListEvents returns a tenant's events without payloads, newest first.
	ListEvents(ctx context.Context, tenant string, page Page) ([]webhook.Event, error)
}

// Deliveries reads what became of events.
type Deliveries interface {
	// Delivery returns one delivery. ErrNotFound.
	Delivery(ctx context.Context, tenant, id string) (webhook.Delivery, error)

	// ListDeliveries returns a tenant's deliveries, newest first.
	ListDeliveries(ctx context.Context, tenant string, filter DeliveryFilter, page Page) ([]webhook.Delivery, error)

	// Attempts returns all attempts of a delivery, oldest first. An unknown or
	// foreign delivery has none.
	Attempts(ctx context.Context, tenant, delivery string) ([]webhook.Attempt, error)

	// Place returns where a pending delivery stands in the queue. ErrNotFound
	// also for one that has ended.
	Place(ctx context.Context, tenant, delivery string) (Place, error)
}

// Place is what only the queue knows of a pending delivery.
type Place struct {
	// Leased says that a process has it, Parked that it was due while its lane
	// was shut or full. Otherwise it waits for its time.
	Leased, Parked bool
	// Canceled says that it is not to be sent any more.
	Canceled bool
	// Crashes is how many processes died with it in hand.
	Crashes int
	// LaneNext is when the lane's parked rows are looked at again; zero if it has
	// none, or if only a change of the endpoint opens it.
	LaneNext time.Time
	// BlockedBy is a failed delivery before it that holds up its ordering key (see
	// Settled.Block), the first if there are several.
	BlockedBy string
	// Ahead is the first pending delivery of its ordering key, if that is
	// another one, and AheadDue when that is due.
	Ahead    string
	AheadDue time.Time
}

// DeliveryFilter narrows a list of deliveries. Empty fields do not.
type DeliveryFilter struct {
	Endpoint, Event string
	Status          webhook.DeliveryStatus
	// EventType is the type of the event, and TypePrefix what it begins with.
	EventType, TypePrefix string
	// From and To bound the time of creation: From inclusive, To exclusive.
	From, To time.Time
}

// Passes reports whether a delivery passes the filter.
func (f *DeliveryFilter) Passes(d *webhook.Delivery) bool {
	return (f.Endpoint == "" || d.EndpointID == f.Endpoint) &&
		(f.Event == "" || d.EventID == f.Event) &&
		(f.Status == "" || d.Status == f.Status) &&
		(f.From.IsZero() || !d.CreatedAt.Before(f.From)) &&
		(f.To.IsZero() || d.CreatedAt.Before(f.To)) &&
		passesType(d.EventType, f.EventType, f.TypePrefix)
}

// passesType reports whether a type is the one that is meant, and begins as it should.
func passesType(eventType, exact, prefix string) bool {
	return (exact == "" || eventType == exact) && strings.HasPrefix(eventType, prefix)
}
