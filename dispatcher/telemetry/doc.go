// Package telemetry tells of what a dispatcher does, as OpenTelemetry has it. It uses
// the API alone: a host that has installed an SDK gets traces and metrics, wherever its
// exporters send them, and in any other program they cost next to nothing.
//
// A trace begins where the host's own span is when it publishes:
//
//	POST /orders                    the host's request
//	└ postrider.publish             Publish, PublishTx or PublishMany, until the event is stored
//	  ├ postrider.attempt           the first request, which fails
//	  │ └ …                         the receiver's own spans: it got traceparent
//	  └ postrider.attempt           the next, linked to the one before
//
// The place in the trace is stored with the event, so attempts that another process
// makes, or that are made days later, belong to it too. How long a delivery has waited
// is an attribute of the attempt (see AttributeQueued): a span of its own would only
// be the gap between two others. A request with a batch of events has a trace of its
// own, with a link to each.
//
// Metrics is the table of all metrics, Attributes that of what they and spans are told
// apart by, and LogKeys that of what stands in the library's logs. Nothing in them is a
// payload, a secret, or more of a URL than its host and port. Metrics are told apart by
// neither tenant nor endpoint, so that their number does not grow with either.
package telemetry
