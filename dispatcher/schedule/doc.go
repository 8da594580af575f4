// Package schedule decides which delivery starts next.
//
// A [Scheduler] has a lane for each endpoint (see package lane) with the
// deliveries that this process holds for it, and shares the process's slots among
// them: by turns, by what is known of each endpoint, and so that one that hangs
// leaves something for the others. It is told four kinds of things:
//
//   - what comes in: Reserve and Push for an event that was just published;
//     Admit, Asking, Turn and Push for what is claimed from the store;
//   - what a worker does: Next, Current, Finish;
//   - what the store has taken: Settled, Released;
//   - what its owner learns of the world: Loaded and Changed of an endpoint,
//     Certain of the lease, Hold of a store that is down.
//
// It does no I/O and starts nothing itself: what it needs done it asks for through
// [Hooks]. Of a message or a route it knows nothing but the endpoint's revision.
package schedule
