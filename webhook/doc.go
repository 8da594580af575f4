// Package webhook is the vocabulary of Postrider: the values that all other
// packages speak of, and the pure rules about them. It does no I/O.
//
// A tenant's [Event] goes to each of its [Endpoint] values that subscribes to
// the event's type. The event on its way to one endpoint is a [Delivery], and
// each HTTP try of a delivery is an [Attempt].
//
//	          publish
//	             │
//	             ▼          attempts used up,
//	┌──────► pending ──────────────────────────► failed ───┐
//	│         │    │        given up                       │
//	│    2xx  │    │  endpoint deleted, payload expired    │
//	│         ▼    └──────────────────────────► canceled ──┤
//	│     delivered ────────────────────────────────────── ┤
//	│                                           skipped ───┤
//	└──────────────────────── redeliver ───────────────────┘
//
// A pending delivery waits for its time, for its endpoint (which may be paused
// or held back by the circuit breaker), or for a free place; its number of
// attempts and the time of the next one say which. Redelivering puts the same
// delivery back to pending with a fresh schedule; attempt numbers go on.
//
// Subscriptions are patterns of event types: "invoice.paid", "invoice.*" (any
// depth below) and "*". See [MatchPattern].
//
// Input that breaks a rule is answered with an [InvalidError], which names
// every field at fault in words that can be shown to the person who typed it.
package webhook
