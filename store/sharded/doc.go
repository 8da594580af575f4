// Package sharded spreads tenants over several stores, its shards, for those who
// have outgrown one database.
//
//	st, err := sharded.New(ctx, map[string]store.Store{"eu-1": one, "eu-2": two})
//	d, err := dispatcher.New(st, dispatcher.Config{Keyring: keyring})
//
// All that a tenant has is on one shard, so everything that package store
// promises within a tenant holds as it does there. A dispatcher works on the
// shards one by one (see store.Sharded): it has a lease, a claim loop, a publish
// batcher and a settle batcher for each. A shard that is down costs its own
// tenants, whose publishes it refuses as fast as it answers, and nobody else.
//
// # Adding a shard
//
// Add it to the map, under a new name, and restart one process after the other.
// It gets a fair part of the tenants that come from then on; nobody moves. While
// processes with the old and with the new map run side by side, one map must
// have all that the other has. A name belongs to its database for ever, which is
// checked.
//
// A database that has tenants already may become a shard, and keeps them. Stop
// the processes that use it alone before one starts that uses it as a shard, and
// publish its tenants' events to no process that does not have it.
//
// # Where a tenant is
//
// A tenant is where its data is. A process that meets a tenant for the first
// time asks all shards at once whether they have an endpoint, a tombstone or an
// event of it, which costs two reads by key on each. One that has decides, even
// if others do not answer, so a tenant of a living shard is found while another is
// dead, also by a process that starts just then. (If two have, that is an error.)
// What was found is remembered until the process ends, at some 100 bytes a tenant.
//
// Who is nowhere gets a place, at its first write. Two processes may want to do
// that at the same moment, with different maps. Each ranks its shards for the
// tenant by rendezvous hashing, which gives every shard an equal chance and ranks
// any two shards alike in every map. It begins with its favourite as its wish and
// goes through the shards in that order. On each it writes its wish down
// (store.Settings: the first one to write wins, and who comes later is told) and
// takes on what it finds there as its wish. What it wishes in the end is the
// tenant's place.
//
// All then agree: consider the smallest of the maps, and its shard that ranks
// first. Everyone comes by there, one is first, and all others leave with the
// wish of that one. So nothing else is ever written on a shard that ranks after
// it, and nothing else is ever found there. It is why shards are only ever added.
//
// The price is that a new tenant needs all shards, and gets store.ErrUnavailable
// while one is down: a tenant that is on no living shard may well be one of the
// dead shard's, or may be getting a place at this moment in a process that sees
// what we do not. The same goes for a tenant without an endpoint or an event, as
// long as the process has not met it. Reading gives no place: who is nowhere has
// nothing.
//
// # As one store
//
// A [Store] also is a store.Store over all tenants, as package storetest has it,
// for management and for hosts that are no dispatcher. Calls for one tenant go to
// its shard. Calls that concern them all need all shards, and are as atomic as
// can be: the part of each shard is one transaction. If a shard fails after
// another has committed, the error is store.ErrUnknown, with which a caller does
// what it does anyway when a reply is lost: ask again, or look what is there.
//
// A lease is a lease on each shard. Its epoch is the greatest of theirs, and each
// shard has a setting that says which of its own epochs it stands for, one small
// row for each lease that ever was; a dispatcher has its leases on the shards, and
// leaves none. A setting of the Store is written to all shards, in the way a place
// is found. A cursor of ChangedEndpoints is known to the Store that returned it,
// and begins at the beginning in any other.
package sharded
