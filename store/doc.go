// Package store is the contract between Postrider and a database.
//
// A [Store] is the sum of small roles. Each method says what is atomic, what is
// ordered, and what is not an error; package storetest checks all of it against
// any implementation. Stores decide nothing: what an outcome means, which
// endpoint an event goes to and whether a lane is open is the dispatcher's.
//
// # What is hot and what is kept
//
// A pending delivery has a row in the queue, small and separate from the
// history, so that the cost of a claim does not grow with what was ever
// delivered. A queue row is in one of three states:
//
//	       publish, retry          ┌────── publish with a hand-over
//	             │                 │
//	             ▼      Poll       ▼      Settle
//	          waiting ─────────► leased ──────────► gone, or waiting again
//	             │                 ▲
//	Poll: no room│                 │ Take
//	             ▼                 │
//	          parked ──────────────┘
//
// Waiting rows are ordered by the time they are due. A row that is due but
// whose lane is shut or full is parked once and not looked at again until its
// lane's time comes, so that a dead endpoint's million rows cost nothing.
//
// # Leases and fences
//
// A process that delivers holds one lease, named by an epoch that is never used
// again. It leases rows; a row's fence is the epoch and the number of times the
// row was claimed. A settle that does not name the present fence of a row
// changes nothing for that row and is reported, never an error.
//
// # Time
//
// Methods take now from their caller. A database that processes share uses its
// own clock instead: it takes a time to come as an offset from now, and answers
// with times moved back in the same way.
//
// # Errors
//
// Errors name the operation; callers pass them on as they are. Every method can
// return [ErrUnavailable]: nothing was written. A method that writes can return
// [ErrUnknown]: the commit may or may not have happened. All other errors are
// named where they can occur. Implementations are safe for concurrent use and
// never start a goroutine that outlives a call.
package store
