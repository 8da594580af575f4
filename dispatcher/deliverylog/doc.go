// Package deliverylog shows a tenant's deliveries outside of Go, in one way for the API
// and the console: a delivery as JSON (Row), the log as a file (Export), and what
// happens as a stream of Server-Sent Events (Streams).
//
// A stream sends
//
//	id: 1764000000000000
//	event: delivery
//	data: {"id":"dlv_…","status":"delivered",…}
//
// for each delivery that is new or has changed, and an event "skipped" where there were
// too many to show, which the log has. The client that has lost its connection sends the
// last id in the header Last-Event-ID, as browsers do, and gets what it has missed.
package deliverylog
