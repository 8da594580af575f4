package webhook

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"time"
)

// Priority says which of an endpoint's deliveries go first. None starves: low
// ones get a share of what is sent.
type Priority string

// The priorities. "" is not said, which in the end is normal.
const (
	PriorityHigh   Priority = "high"
	PriorityNormal Priority = "normal"
	PriorityLow    Priority = "low"
)

// Priorities is how many there are.
const Priorities = 3

// Rank returns the place of a priority: 0 high, 1 normal (also ""), 2 low.
func (p Priority) Rank() int {
	switch p {
	case PriorityHigh:
		return 0
	case PriorityLow:
		return 2
	}
	return 1
}

// PriorityOf returns the priority of a rank.
func PriorityOf(rank int) Priority {
	switch rank {
	case 0:
		return PriorityHigh
	case 2:
		return PriorityLow
	}
	return PriorityNormal
}

func (p Priority) valid() bool {
	return p == "" || p == PriorityHigh || p == PriorityNormal || p == PriorityLow
}

// OnPaused says what becomes of deliveries to an endpoint that is paused.
type OnPaused string

// What may become of them.
const (
	// OnPausedHold lets them wait until the endpoint is resumed. The default.
	OnPausedHold OnPaused = "hold"
	// OnPausedSkip ends those that are published meanwhile as skipped.
	OnPausedSkip OnPaused = "skip"
)

// OnOrderFailure says what becomes of the later events of an ordering key when a
// delivery before them fails for good.
type OnOrderFailure string

// What may become of them.
const (
	// OrderBlock lets them wait until the failed delivery is redelivered or
	// canceled. The default.
	OrderBlock OnOrderFailure = "block"
	// OrderSkip goes on with the next.
	OrderSkip OnOrderFailure = "skip"
	// OrderPause pauses the endpoint; resuming it goes on with the next.
	OrderPause OnOrderFailure = "pause"
)

// RateLimit bounds the deliveries that start in a second, over all processes. The
// zero value is no limit.
type RateLimit struct {
	// PerSecond is the rate, 0.01 to 10,000.
	PerSecond float64
	// Burst is how many may start at once after a time without any, 1 to
	// 1,000. Defaults to 1.
	Burst int
}

// Batch lets several events go in one request. The zero value is one event a
// request.
//
// The body is a JSON array of envelopes, each with the id of its event, and always
// an array, also for one event:
//
//	[{"id":"evt_…","type":"invoice.paid","timestamp":"2026-03-01T12:00:00.000000Z","data":{…}},…]
//
// The request has one signature, over the whole body, and its webhook-id is that of
// the batch, "bat_" and a ULID. A batch that fails is sent again as it was: the same
// events in the same order under the same id, whatever becomes of the sender. What
// the receiver answers counts for all its events, each of which has a log of its own.
// A receiver remembers the ids of batches, or those of events, which can come again
// in another batch only if somebody has them delivered again.
//
// A batch closes at MaxEvents, at 1 MiB, or MaxWait after its first event.
type Batch struct {
	// MaxEvents is the most in one request, 2 to 100.
	MaxEvents int
	// MaxWait is how long the first waits for others, 10 ms to 60 seconds.
	// Defaults to 1 second.
	MaxWait time.Duration
}

// Order makes events of one ordering key arrive in the order they were published:
// one that was published after another's Publish had returned never arrives before
// it. Events without a key are one sequence. An endpoint with batches too gets all its
// events in one sequence, one in each request.
type Order struct {
	Enabled bool
	// OnFailure defaults to OrderBlock.
	OnFailure OnOrderFailure
}

// DeadLetter is what becomes of an endpoint's failed deliveries.
type DeadLetter struct {
	// Retain is how long they are kept after they have failed, in whole days of
	// 24 hours. It can only be shorter than the store's retention, which is the
	// default.
	Retain time.Duration
	// Quiet says that no operational event tells of them.
	Quiet bool
}

// TypeDefaults apply to events of a type where neither the event nor the endpoint
// says otherwise.
type TypeDefaults struct {
	Priority Priority
	Retry    RetryPolicy
	// MaxAge is how long after Publish a delivery may be tried; then it fails.
	// Zero is as long as the retry policy takes.
	MaxAge time.Duration
}

// Validate returns nil, or an *InvalidError that names every field at fault.
func (t TypeDefaults) Validate() error {
	var inv InvalidError
	if !t.Priority.valid() {
		inv.Add("priority", CodeInvalidField, "Must be high, normal or low.")
	}
	t.Retry.validate(&inv)
	if t.MaxAge < 0 {
		inv.Add("max_age", CodeInvalidField, "Must not be negative.")
	}
	return inv.Err()
}

const (
	defaultBatchWait = time.Second
	day              = 24 * time.Hour

	maxRate       = 10_000
	minRate       = 0.01
	maxBurst      = 1000
	maxBatch      = 100
	minBatchWait  = 10 * time.Millisecond
	maxBatchWait  = 60 * time.Second
	maxSources    = 10
	maxChannels   = 10
	maxStatuses   = 20
	maxRetainDays = 3650
	minAutoPause  = 5
)

// validateControl judges what decides when and how deliveries go out.
func (ep Endpoint) validateControl(inv *InvalidError) {
	if ep.Method != "" && ep.Method != http.MethodPost && ep.Method != http.MethodPut && ep.Method != http.MethodPatch {
		inv.Add("method", CodeInvalidField, "Must be POST, PUT or PATCH.")
	}
	if r := ep.RateLimit.PerSecond; r != 0 && !(r >= minRate && r <= maxRate) { // also NaN
		inv.Add("rate_limit.per_second", CodeInvalidField, "Must be 0.01 to 10,000.")
	}
	if b := ep.RateLimit.Burst; b < 0 || b > maxBurst || b > 0 && ep.RateLimit.PerSecond == 0 {
		inv.Add("rate_limit.burst", CodeInvalidField, "Must be 1 to 1,000, and needs a rate.")
	}
	ep.Batch.validate(inv)
	if f := ep.Order.OnFailure; f != "" && f != OrderBlock && f != OrderSkip && f != OrderPause || f != "" && !ep.Order.Enabled {
		inv.Add("order.on_failure", CodeInvalidField, "Must be block, skip or pause, and needs order to be enabled.")
	}
	if !ep.Priority.valid() {
		inv.Add("priority", CodeInvalidField, "Must be high, normal or low.")
	}
	if p := ep.OnPaused; p != "" && p != OnPausedHold && p != OnPausedSkip {
		inv.Add("on_paused", CodeInvalidField, "Must be hold or skip.")
	}
	if a := ep.AutoPauseAfter; a > 0 && a < minAutoPause {
		inv.Add("auto_pause_after", CodeInvalidField, fmt.Sprintf("Must be at least %d, or negative for never.", minAutoPause))
	}
	ep.validateStatuses(inv)
	if d := ep.DeadLetter.Retain; d < 0 || d > maxRetainDays*day || d%day != 0 {
		inv.Add("dead_letter.retain_days", CodeInvalidField, fmt.Sprintf("Must be 1 to %d days.", maxRetainDays))
	}
	inv.names("sources", ep.Sources, maxSources, MaxSourceLen)
	inv.names("channels", ep.Channels, maxChannels, MaxChannelLen)
}

func (b Batch) validate(inv *InvalidError) {
	if b.MaxEvents != 0 && (b.MaxEvents < 2 || b.MaxEvents > maxBatch) {
		inv.Add("batch.max_events", CodeInvalidField, fmt.Sprintf("Must be 2 to %d.", maxBatch))
	}
	if b.MaxWait != 0 && (b.MaxEvents == 0 || b.MaxWait < minBatchWait || b.MaxWait > maxBatchWait) {
		inv.Add("batch.max_wait_ms", CodeInvalidField, "Must be 10 to 60,000, and needs a number of events.")
	}
}

func (ep Endpoint) validateStatuses(inv *InvalidError) {
	bad := len(ep.SuccessStatuses) > maxStatuses
	for i, code := range ep.SuccessStatuses {
		bad = bad || code < 200 || code > 599 || code/100 == 3 || slices.Contains(ep.SuccessStatuses[:i], code)
	}
	if bad {
		inv.Add("success_statuses", CodeInvalidField, fmt.Sprintf("At most %d different ones, each 200 to 299 or 400 to 599.", maxStatuses))
	}
}

// Interval returns the time between two deliveries at the limit, or 0 without one.
func (r RateLimit) Interval() time.Duration {
	if r.PerSecond <= 0 {
		return 0
	}
	return time.Duration(math.Ceil(float64(time.Second) / r.PerSecond))
}

// Accepts reports whether a status code means success: the endpoint's own choice,
// or else 2xx.
func (ep *Endpoint) Accepts(status int) bool {
	if len(ep.SuccessStatuses) > 0 {
		return slices.Contains(ep.SuccessStatuses, status)
	}
	return status >= 200 && status <= 299
}

// Auto reports whether it was the library that paused the endpoint, so that a test
// send that passes may resume it.
func (c PauseCause) Auto() bool { return c == PausedByFailures || c == PausedByGone }
