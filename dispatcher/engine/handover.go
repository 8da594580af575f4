package engine

import (
	"time"

	"github.com/postrider/postrider/dispatcher/schedule"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Epoch returns the epoch of the engine's lease, under which what is handed over
// to it must be written.
func (e *Engine) Epoch() int64 { return e.epoch }

// Reserve takes a place for a delivery that is about to be published, of size
// bytes, and reports whether there was one. Push and Unreserve give the place back.
func (e *Engine) Reserve(key store.Lane, delivery string, priority webhook.Priority, size int) bool {
	return e.sched.Reserve(key, delivery, priority, size)
}

// ReserveSoon is Reserve that may wait a moment for a place in a lane that works
// fast.
func (e *Engine) ReserveSoon(key store.Lane, delivery string, priority webhook.Priority, size int) bool {
	return e.sched.ReserveSoon(key, delivery, priority, size)
}

// Stored makes the engine claim a delivery that was stored without a place, if
// there is one by now. It never blocks.
func (e *Engine) Stored(key store.Lane, priority webhook.Priority) {
	if e.sched.Stored(key, priority) {
		e.claims.wake()
	}
}

// Unreserve gives back the place of a delivery that was not stored.
func (e *Engine) Unreserve(key store.Lane, delivery string, priority webhook.Priority, size int) {
	e.sched.Unreserve(key, delivery, priority, size)
}

// Push hands over deliveries whose places were reserved and that were written
// leased to the engine's epoch.
func (e *Engine) Push(jobs []*schedule.Job) { e.sched.Push(jobs) }

// Wake makes the engine look at once for what was stored without a hand-over. It
// never blocks.
func (e *Engine) Wake() { e.claims.wake() }

// NoteDue makes the engine look when something falls due that was stored. It never
// blocks.
func (e *Engine) NoteDue(due time.Time) { e.claims.noteDue(due) }

// LookOut makes the engine look when something falls due that a host's transaction
// is about to commit: for the zero time within milliseconds, and some times more.
// It never blocks.
func (e *Engine) LookOut(due time.Time) {
	if due.IsZero() {
		e.claims.lookOut()
	} else {
		e.claims.noteDue(due)
	}
}

// Changed makes deliveries heed a change of an endpoint that was written. A
// deleted or paused endpoint is sent nothing more, attempts in flight aside, from
// the moment that it returns.
func (e *Engine) Changed(ep *webhook.Endpoint) {
	e.sched.Changed(store.Lane{Tenant: ep.Tenant, Endpoint: ep.ID}, ep.Revision, laneConfig(ep))
}
