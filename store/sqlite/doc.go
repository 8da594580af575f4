// Package sqlite keeps events and deliveries in an SQLite file, with the pure Go
// driver modernc.org/sqlite.
//
//	st, err := sqlite.Open(ctx, "webhooks.db")
//
// Open makes the file if there is none and migrates it. The path ":memory:" is a
// database of this Store alone that ends with it; it has no write-ahead log, so
// that readers wait for a transaction of the host.
//
// # Processes
//
// One process at a time delivers from a file; a lock of the operating system,
// beside the file, sees to it, and falls with the process. Any number of
// processes may publish. The file must be on a local disk: SQLite's write-ahead
// log does not work over a network.
//
// # Durability and commits
//
// The file is in WAL mode with synchronous=FULL: what was committed is on the
// disk. Calls that write at the same time share a commit: what queued up while
// the last one was on its way is run by the first that waited, each call in a
// savepoint of its own, and answered after one commit for all. A lone call never
// waits for company.
//
// # A host's own transactions
//
// A host that keeps its tables in the same file publishes with them:
//
//	tx, err := st.DB().BeginTx(ctx, nil)
//	// … business writes …
//	receipt, err := d.PublishTx(ctx, st.Tx(tx), ev)
//	err = tx.Commit()
//
// Transactions of DB take turns with the Store's own writes. SQLite itself has no
// queue: a handle of the host's own can only ask for the lock now and then, and
// under load it seldom finds it free. Such a handle must be opened with [DSN], or
// at least with _txlock=immediate: a transaction that begins by reading cannot
// always go on to write.
//
// The host's transaction is the one writer while it is open. Everything else
// waits for it, so a Publish from inside it, not through Tx, waits until its
// context ends.
//
// All tables of Postrider have names that begin with "postrider_".
package sqlite
