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

	// CountFilters adds what the filters of a tenant's endpoints did to the counts of
	// the endpoints, in one transaction: to the first minute of the hour, UTC, so that
	// an endpoint has one entry more an hour, however many processes count. Whether a
	// call was carried out that ended with ErrUnknown nobody finds out. An endpoint that
	// is not there is not an error.
	CountFilters(ctx context.Context, now time.Time, tenant string, counts []FilterCount) error
}

// FilterCount is how many events an endpoint's filter let through, and kept back.
type FilterCount struct {
	Endpoint         string
	Passed, KeptBack int64
}

// TallyFilters returns what CountFilters adds, by the row that it is added to.
func TallyFilters(now time.Time, tenant string, counts []FilterCount) map[TallyKey]*webhook.Counts {
	tally := make(map[TallyKey]*webhook.Counts, len(counts))
	for _, c := range counts {
		key := TallyKey{tenant, StatScope{Endpoint: c.Endpoint}, now.UTC().Truncate(time.Hour)}
		if tally[key] == nil {
			tally[key] = new(webhook.Counts)
		}
		tally[key].Merge(webhook.Counts{Passed: c.Passed, KeptBack: c.KeptBack})
	}
	return tally
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
