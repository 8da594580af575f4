package store

import (
	"context"
	"time"

	"github.com/postrider/postrider/webhook"
)

// Lanes holds one row per endpoint that has, or had, parked deliveries. It is also
// what gives ordered deliveries their order.
type Lanes interface {
	// Take gives a turn to lanes whose time has come, longest due first, at
	// most limit of them, and to those that ask for one, due or not. For each
	// lane it asks turn once, leases parked rows of the lane, those of higher
	// priority first and then the oldest, at most Max, and besides the oldest of
	// each priority that the turn has a share for. Rows that are bound to a batch
	// come first and count for Max: they are leased only with all other rows of
	// the batch, if all of them are due and none is leased, the oldest batch
	// first, and as long as fewer than Max have come. It sets the lane's time: to
	// the turn's gate if parked rows remain, leased or locked ones aside, and else
	// to none. All of that is one transaction; no lane due and none asking is not
	// an error and writes nothing. turn must not block.
	//
	// Ordered rows, parked or waiting, come after batches and before all else,
	// whatever their priority. Of each key the first rows by
	// Seq are leased, at most Run, up to one that is leased already, by whomever,
	// or not due, or goes in a batch, or comes after one that blocks the key: so
	// none is leased while an earlier one is with anybody. Each key gets one row
	// before any gets two, and the next turn goes on behind the last key. A turn
	// need not look at all keys; if it leaves both keys and room, the lane is due
	// again at once.
	//
	// A lane that has ordered rows is owned by the epoch that was last given room
	// for them, and nobody else is asked about it, due or not. It is nobody's
	// again once a turn finds none, or its owner has resigned or was reaped; its
	// time is then now, unless it had none.
	Take(ctx context.Context, now time.Time, epoch int64, limit int, asking []Lane, turn func(Lane) Turn) ([]Claimed, error)

	// ChangedHealth returns the health of endpoints of all tenants with which
	// something notable has happened within the last while, an hour at most,
	// latest first, at most MaxPage of them: a settlement said so, or the
	// endpoint was resumed. It may be told more than once, and what is in a
	// transaction at the time of the call is told by the next one alone.
	ChangedHealth(ctx context.Context, now time.Time, within time.Duration) ([]webhook.Health, error)
}

// Lane names a lane.
type Lane struct {
	Tenant, Endpoint string
}

// Turn is a lane's share of a round of claims.
type Turn struct {
	Max int
	// Shares is how many rows of each rank of priority are leased before and
	// beside those that Max allows, so that none waits for all above it to end.
	Shares Ranks
	// Run is the most rows of one ordering key, up to MaxRun. Defaults to
	// DefaultRun.
	Run int
	// Gate is the lane's next time if it is not empty after the turn.
	Gate Gate
}
