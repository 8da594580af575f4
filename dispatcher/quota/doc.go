// Package quota keeps tenants within the limits of their plans, over all
// processes.
//
// No publish changes a counter that processes share. A process takes tokens from
// the store in blocks, each in a short transaction of its own, and spends them from
// memory: of a month's events one in a hundred at a time, at most 1,000, and less
// the nearer the end; of a second's events a twentieth. So a tenant is never over,
// and may be refused its last events while other processes hold a block that they do
// not use: those of a month are returned when a process stops, and those of a second
// lapse.
package quota
