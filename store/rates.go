package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Rates bounds how often something happens over all processes: how many deliveries
// an endpoint gets in a second, or how many events a tenant publishes. Each name of
// a tenant is a sequence of slots that are an interval apart (GCRA), and a slot is
// given to one caller only.
type Rates interface {
	// ReserveRates gives slots to each request and returns one grant for each,
	// in their order. A name that was never asked for begins with a free slot
	// now. Nothing to give is not an error. The call is one transaction in
	// each database. It need not be durable at once: what a crash of the
	// database forgets is a moment of slots. After ErrUnknown slots may be
	// lost, which nobody gets then. Two requests of one name in a call are an
	// error.
	ReserveRates(ctx context.Context, now time.Time, reqs []RateRequest) ([]RateGrant, error)
}

// RateRequest asks for slots.
type RateRequest struct {
	Tenant string
	// Name is the endpoint's id, or what else is limited.
	Name string
	// Interval is from one slot to the next, a microsecond at least; fractions
	// of one are rounded up. It may change from one request to the next.
	Interval time.Duration
	// Slack is how much of the time without slots may be caught up with at
	// once: so many intervals, less one, as may come in a burst.
	Slack time.Duration
	// Ahead is how far in the future a slot may be.
	Ahead time.Duration
	// Want is how many slots are wanted at most.
	Want int
}

// RateGrant is the answer to a request.
type RateGrant struct {
	// First is the time of the first slot, also if none is given; then it is
	// when the next one will be free as far as is known. It may be in the past.
	First time.Time
	// N slots are given: slot i may be used from First + i intervals on.
	N int
}

// Grant is the arithmetic of ReserveRates for one name, whose next slot is free at
// free, which is the zero time for a name that was never asked for. It returns the
// grant and when the slot after it is free. All times are whole microseconds.
func (r RateRequest) Grant(now, free time.Time) (RateGrant, time.Time) {
	now = now.Truncate(time.Microsecond)
	if free.Before(now) {
		free = now
	}
	g := RateGrant{First: free.Add(-r.slack())}
	if reach := now.Add(r.ahead()).Sub(g.First); reach >= 0 {
		g.N = int(min(int64(reach/r.Step()), int64(max(r.Want, 0))-1) + 1)
	}
	return g, free.Add(time.Duration(g.N) * r.Step())
}

// Step returns the interval in whole microseconds.
func (r RateRequest) Step() time.Duration {
	return (r.Interval + time.Microsecond - 1).Truncate(time.Microsecond)
}

func (r RateRequest) slack() time.Duration { return r.Slack.Truncate(time.Microsecond) }

func (r RateRequest) ahead() time.Duration { return r.Ahead.Truncate(time.Microsecond) }

// CheckRates returns an error for requests that make no sense.
func CheckRates(reqs []RateRequest) error {
	type key struct{ tenant, name string }
	seen := make(map[key]bool, len(reqs))
	for _, r := range reqs {
		k := key{r.Tenant, r.Name}
		if seen[k] {
			return fmt.Errorf("%q is asked for twice", r.Name)
		}
		if seen[k] = true; r.Interval <= 0 || r.Slack < 0 || r.Ahead < 0 {
			return errors.New("interval must be positive, slack and ahead not negative")
		}
	}
	return nil
}
