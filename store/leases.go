package store

import (
	"context"
	"time"
)

// Leases are how processes share the queue, and how the work of a dead one is
// found.
type Leases interface {
	// Acquire begins a lease of length ttl under a new epoch, greater than any
	// before. A store that allows only one delivering process returns
	// ErrLeaseHeld while another lives, and else voids what older epochs
	// held: Reap finds it at once.
	Acquire(ctx context.Context, now time.Time, p Process, ttl time.Duration) (epoch int64, err error)

	// Renew extends a lease to now+ttl, also one that has expired, unless it
	// was reaped, resigned or voided: ErrLeaseLost.
	Renew(ctx context.Context, now time.Time, epoch int64, ttl time.Duration) error

	// Resign ends a lease. Rows that are still leased to it wait again, and no
	// crash is counted for them. A lease that is gone already is not an error.
	Resign(ctx context.Context, now time.Time, epoch int64) error

	// Held returns the leased rows of an epoch with a delivery id greater than
	// after, in order of the id, at most limit. The engine releases those it
	// knows nothing of: a reply lost after a commit must not strand a row.
	Held(ctx context.Context, epoch int64, after string, limit int) ([]Held, error)

	// Reap lets rows wait again, at most limit, whose owner has no valid lease,
	// and counts a crash for each row that was started and for each that had
	// none yet. It ends the leases of those owners. It starts from the owners
	// that are present in the queue, never from a list of processes. A process
	// reaps nothing, without error, unless its own lease has been valid
	// without a gap for ttl, so that a database that returns after an outage
	// does not make everyone reap everyone. What Acquire voided needs no such
	// wait.
	Reap(ctx context.Context, now time.Time, epoch int64, ttl time.Duration, limit int) (int, error)
}

// Process says who holds a lease, for people who look.
type Process struct {
	Host string
	PID  int
	// Version is the library's.
	Version string
}

// Held is a leased row: a delivery and its fence.
type Held struct {
	Tenant, Delivery string
	Claim            int64
	// Canceled says that it is not to be sent any more. Only Leases.Held sets it.
	Canceled bool
}
