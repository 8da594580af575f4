package store

import (
	"context"
	"time"

	"github.com/postrider/postrider/webhook"
)

// Watching shows what becomes of deliveries as it happens: to people, and to whoever
// asks whether all is well.
type Watching interface {
	// TailDeliveries answers several questions about what has happened of late, of any
	// tenants, in one call. The answers are in the order of asks, and the deliveries of
	// an answer in none; none is twice in it. Rows do not commit in the order of
	// their ids, so since is to be some time ago, and what is known is there again.
	// A store of several parts that cannot ask all of them answers for the others,
	// and returns an error too.
	TailDeliveries(ctx context.Context, now, since time.Time, asks []TailAsk) (Tailed, error)

	// Lag returns how long ago that fell due which has waited longest for a process
	// to look at it: a delivery, or a lane with deliveries that belongs to no process.
	// What waits because its endpoint is paused, failing, slow or limited is not late.
	// 0 if nothing is.
	Lag(ctx context.Context, now time.Time) (time.Duration, error)
}

// MaxTail is how many deliveries an answer has of those that were not named: as many as
// the largest page of the log.
const MaxTail = 100

// TailAsk asks for deliveries of a tenant: the newest MaxTail, or up to twice as many, of
// those whose ids were made at since or later.
type TailAsk struct {
	Tenant string
	// Endpoint leaves only those of an endpoint. A store that has to look for
	// the pending ones may pass by some of them.
	Endpoint string
	// Backlog asks for the newest MaxTail that are pending whenever they were
	// published.
	Backlog bool
	// Known are ids of deliveries of the tenant that are wanted in any case. Those
	// that it does not have are left out.
	Known []string
}

// Tailed is the answer to TailDeliveries.
type Tailed struct {
	// Deliveries has one list for each ask.
	Deliveries [][]webhook.Delivery
	// At is when that was so, by the store's clock.
	At time.Time
}

// NewTailed returns the answer to n asks that nothing was found for yet.
func NewTailed(n int, at time.Time) Tailed {
	return Tailed{Deliveries: make([][]webhook.Delivery, n), At: at}
}

// Add adds a delivery to the answer to ask n, unless it has it.
func (t *Tailed) Add(n int, d webhook.Delivery) {
	for i := range t.Deliveries[n] {
		if t.Deliveries[n][i].ID == d.ID {
			return
		}
	}
	t.Deliveries[n] = append(t.Deliveries[n], d)
}
