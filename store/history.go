package store

import (
	"context"
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
}

// DeliveryFilter narrows a list of deliveries. Empty fields do not.
type DeliveryFilter struct {
	Endpoint, Event string
	Status          webhook.DeliveryStatus
	// From and To bound the time of creation: From inclusive, To exclusive.
	From, To time.Time
}
