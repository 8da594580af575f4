// Package memstore is package store in memory: for tests, simulations and
// throw-away use. What it holds ends with the process.
//
//	st := memstore.New()
//	d, err := dispatcher.New(st, dispatcher.Config{})
//
// # Concurrency
//
// One mutex guards everything. It is never held across a channel, a timer or
// I/O, and there is no goroutine, so that the time of a testing/synctest bubble
// advances. The functions that Poll and Take are given are called under it:
// they must not block, and must not call the store.
//
// Several dispatchers may share one Store, each as a process with an epoch of
// its own. Two runs that make the same calls in the same order get the same
// answers: nothing depends on the order of a map.
//
// # Memory
//
// Memory is bounded as a database is: by calling Prune. An event with one
// delivery and one attempt costs about 1 KiB beside its payload and response. Calls cost what they return
// and a logarithm of what is stored, except that a list of deliveries by status
// or time looks at all deliveries of the tenant, endpoint or event in question.
//
// # Transactions of a host
//
// [Store.Begin] returns a [Tx], which keeps publications aside until Commit.
// See there for how it differs from a database.
package memstore
