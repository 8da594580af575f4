// Package jobs carries out what takes many steps: redelivering a selection or a
// range of deliveries, broadcasting an event to all tenants, and erasing what is kept
// about a subject.
//
// A job is a row of the store. The process that has leased it works on it step by
// step, at the pace of a budget that all jobs of the process share. What a step
// redelivers is in one transaction with the job's cursor, so that it is done once,
// whatever dies in between; what it publishes has an idempotency key, so that a step
// that is repeated publishes nothing twice; and what it erases is gone.
package jobs
