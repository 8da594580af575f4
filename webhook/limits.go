package webhook

import (
	"errors"
	"time"
)

// Limits are what a tenant's plan allows. Zero is no limit.
type Limits struct {
	// EventsPerSecond bounds the events published in a second.
	EventsPerSecond float64
	// EventsPerMonth bounds those of a calendar month, UTC.
	EventsPerMonth int64
	// Endpoints bounds the endpoints that exist.
	Endpoints int
	// Retention is how long the tenant's events are kept, with their deliveries and
	// attempts, if that is shorter than the host keeps anybody's. What is pending
	// stays until it has ended.
	Retention time.Duration
}

// The names of a tenant's limits.
const (
	LimitEventsPerSecond = "events_per_second"
	LimitEventsPerMonth  = "events_per_month"
	LimitEndpoints       = "endpoints"
)

// ErrQuota is matched by every *QuotaError.
var ErrQuota = errors.New("over the tenant's quota")

// CodeRateLimited is the code of what a quota refuses.
const CodeRateLimited = "rate_limited"

// QuotaError is returned when a tenant is over a limit of its plan. Nothing was
// stored.
type QuotaError struct {
	// Limit is the name of the limit.
	Limit string
	// RetryAt is when it may be tried again; zero if time does not help.
	RetryAt time.Time
}

// Error returns the sentence for the tenant's people.
func (e *QuotaError) Error() string {
	return "Too many webhook deliveries. Upgrade plan for higher limits."
}

// Is makes every QuotaError match ErrQuota.
func (e *QuotaError) Is(target error) bool { return target == ErrQuota }
