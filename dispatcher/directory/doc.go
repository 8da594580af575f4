// Package directory answers from memory which endpoints of a tenant an event goes
// to, and at which of the tenant's revisions that is true.
//
// An answer may be out of date. That is made exact by the write: a publish names
// the revision that its event was matched at, and the store refuses it if the
// tenant has moved on; the event is then matched again.
package directory
