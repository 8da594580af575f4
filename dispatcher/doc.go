// Package dispatcher is the engine: it takes events in, and delivers them.
//
// [Dispatcher.Publish] stores an event together with a delivery for every
// endpoint that subscribes to it, in one transaction, and returns when that is
// durable. [Dispatcher.PublishTx] does so inside the host's own transaction.
// [Dispatcher.Run] delivers. The two need not be in one process: one that only
// publishes need not Run.
//
// What Run promises:
//
//   - Every delivery is tried until it is answered with 2xx or its retry policy
//     allows no more. A crash may cause one to be sent again, with the same id
//     and the same bytes.
//   - Attempt, outcome and next try are written in one transaction, under a
//     fence that only the present owner of the delivery has.
//   - An endpoint that is slow, failing or dead costs the others nothing: it has
//     a lane of its own, bounded places, and a circuit breaker; what waits for
//     it is not looked at.
//   - A store that is down stops sending and loses nothing.
//
// Over a sharded store (see package sharded) all of that is done for each shard by
// itself: publishes are batched, leases held, deliveries claimed and settled shard
// by shard, and each has its part of Config.Slots and its own 64 MiB of deliveries
// in memory. A shard that is down refuses the publishes of its tenants, and is none
// of the others' business.
//
// Deliveries that a process died with are taken up again by the next one. If
// processes keep dying with the same delivery in hand, it is sent alone, so that
// it can be found out, and fails with reason "crashed" after the fifth time.
//
// Configuration, history and everything else that people do is in package
// manage. How the parts work together is in CONTRIBUTING.md.
package dispatcher
