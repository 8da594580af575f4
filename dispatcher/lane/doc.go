// Package lane decides what may happen for one endpoint now: whether there is
// room for another delivery, whether one may start, when a shut lane is to be
// looked at again, and what a result means for all of that.
//
// A [Lane] is a plain state machine. It holds counts, never deliveries; it does
// no I/O, reads no clock and starts nothing, so that a simulation can step it
// and a seed replays exactly. The scheduler of package schedule is its shell: it
// keeps the deliveries, calls the methods under its own mutex, and carries out
// the [Effect] values they return.
package lane
