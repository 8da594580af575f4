package store

import (
	"context"
	"errors"
	"time"
)

// Store is everything that the engine and the management need of a database.
type Store interface {
	Publishing
	Directory
	Endpoints
	Secrets
	Leases
	Queue
	Canceling
	Lanes
	Batches
	Rates
	Quotas
	Events
	Deliveries
	History
	Watching
	Subjects
	SubjectKeys
	Sealing
	Jobs
	Statistics
	Maintenance
	Settings
	Audit
	Incidents
	EventTypes
	Tokens
}

// Volatile marks a store that keeps nothing when the process ends. Secrets in it
// need no key of the host's.
type Volatile interface {
	Volatile()
}

// Clocked marks a store whose database has a clock of its own, which is what leases
// and due times go by. Times that it is told are taken relative to the time of the
// call.
type Clocked interface {
	// Now returns the database's time.
	Now(ctx context.Context) (time.Time, error)
}

// Announcing marks a store that can tell a process of what others have stored.
// Polling finds it all the same; this is to be quicker.
type Announcing interface {
	// Await returns nil once another process may have stored something that is
	// due at once, or an error if it cannot tell. Without announcements it
	// returns when ctx ends.
	Await(ctx context.Context) error
}

// The errors that callers can act on.
var (
	// ErrUnavailable says that the database could not be reached or refused
	// to work, and that nothing was written.
	ErrUnavailable = errors.New("store unavailable")
	// ErrUnknown says that the outcome of a commit is not known: it may have
	// happened or not. Repeating the call is safe where the method says so.
	ErrUnknown = errors.New("store outcome unknown")
	// ErrNotFound says that the tenant has nothing of that id; something of
	// another tenant is not found either.
	ErrNotFound = errors.New("not found")
	// ErrVersion says that an update was based on a version that is no longer
	// the present one. Read again and repeat.
	ErrVersion = errors.New("version is not current")
	// ErrTooMany says that there are as many already as there may be.
	ErrTooMany = errors.New("too many")
	// ErrSchemaTooNew says that the database was migrated by a newer version
	// of the library. Nothing is read or written.
	ErrSchemaTooNew = errors.New("database schema is newer than this library")
	// ErrLeaseHeld says that another process delivers from this database and
	// that the database allows only one.
	ErrLeaseHeld = errors.New("lease is held by another process")
	// ErrLeaseLost says that the epoch's lease was reaped: its rows belong to
	// others now.
	ErrLeaseLost = errors.New("lease was lost")
	// ErrPayloadGone says that a delivery cannot be sent again because the
	// retention of its event's payload has ended.
	ErrPayloadGone = errors.New("payload is no longer kept")
)

// MaxPage is the most that a list returns at once, whatever its caller asks.
const MaxPage = 1000

// Page selects a part of a list. Lists are ordered by id, newest first.
type Page struct {
	// After is the last id of the previous page, or "" for the first.
	After string
	// Limit is the most entries to return, 1 to MaxPage. Defaults to 50.
	Limit int
	// Oldest turns a list of deliveries round: oldest first.
	Oldest bool
	// Examined is how many rows History looks at for a page, where no index leads to
	// what is looked for, 1 to MaxExamined. Defaults to MaxExamined.
	Examined int
}

// MaxExamined is the most rows that are looked at for a page. Each may lead to another
// one far away: 2,000 of a hundredth of a million deliveries, and the types of their
// events, took 17 ms in a SQLite file on a busy machine and 26 at worst, and a page is to
// take 20 at most.
const MaxExamined = 1000

// Most returns how many rows are looked at.
func (p Page) Most() int {
	if p.Examined <= 0 || p.Examined > MaxExamined {
		return MaxExamined
	}
	return p.Examined
}

// Size returns the limit within its bounds.
func (p Page) Size() int {
	switch {
	case p.Limit <= 0:
		return 50
	case p.Limit > MaxPage:
		return MaxPage
	}
	return p.Limit
}
