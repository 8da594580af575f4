package store

import (
	"context"
	"time"

	"github.com/postrider/postrider/webhook"
)

// Statistics reads the counts that Settle writes. They survive the pruning of
// what they count.
type Statistics interface {
	// Stats returns the counts of one scope in [from, to), one entry per
	// minute that has any, in order of time, merged over all processes. Prune
	// may have added up minutes older than two days to their hour, and hours
	// older than 35 days to their day (UTC); such an entry starts with it.
	Stats(ctx context.Context, tenant string, scope StatScope, from, to time.Time) ([]Stat, error)
}

// StatScope selects whose counts are meant: a tenant's (both fields empty), an
// endpoint's, an event type's, or an event type's at an endpoint.
type StatScope struct {
	Endpoint, EventType string
}

// Stat is what happened in one minute, or in an hour or a day of the past.
type Stat struct {
	Start  time.Time
	Counts webhook.Counts
}
