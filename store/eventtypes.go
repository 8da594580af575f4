package store

import (
	"context"
	"time"

	"github.com/postrider/postrider/webhook"
)

// EventTypes keeps what is known of events of each name. Types have no tenant.
type EventTypes interface {
	// PutEventType stores a type and returns it as it is then: its version is one
	// higher, its revision higher than those of all changes before, its times are the
	// store's. A type of version 0 is new; one that is not at its version any
	// more, or is new and there already, is ErrVersion. It is one transaction, with
	// the audit records.
	PutEventType(ctx context.Context, now time.Time, t webhook.EventType, audit ...webhook.AuditRecord) (webhook.EventType, error)

	EventTypeReader
}

// EventTypeReader reads event types.
type EventTypeReader interface {
	// EventTypes returns the types that have changed after a revision, in the order
	// of their changes, and the latest revision, 0 if there is no type. A change that is
	// numbered earlier is never seen later.
	EventTypes(ctx context.Context, after int64) ([]webhook.EventType, int64, error)
}
