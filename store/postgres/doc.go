// Package postgres keeps events and deliveries in PostgreSQL, for any number of
// processes that publish and deliver. It needs PostgreSQL 14 or later and the
// driver pgx.
//
//	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
//	err = postgres.Migrate(ctx, pool, postgres.Config{})
//	st, err := postgres.New(ctx, pool, postgres.Config{})
//
// All tables are in one schema, "postrider" unless Config says otherwise, and
// every statement names it: nothing is expected of the search path. Migrate makes
// the schema; processes that start at once may all call it.
//
// # A host's own transactions
//
//	tx, err := pool.Begin(ctx)
//	// … business writes …
//	receipt, err := d.PublishTx(ctx, st.Tx(tx), ev)
//	err = tx.Commit(ctx)
//
// Tx takes a transaction of pgx, and SQLTx one of database/sql, whatever its driver
// and whatever is built on it. Publishing in a transaction takes one statement, or
// three with an idempotency key. It causes no error for a duplicate, so it never
// spoils the transaction. Under REPEATABLE READ and SERIALIZABLE a key that another
// transaction has just used ends in a serialization failure, 40001, which comes
// back as it is: repeat the transaction, as for any other cause.
//
// A transaction that stays open for long holds up nobody: another event with the
// same idempotency key waits for it, on its own caller's context, and all others
// go on.
//
// # Durability
//
// Publish returns after the commit, which must mean the disk: New refuses a server
// or a role whose synchronous_commit is off, unless Config.AsyncCommit accepts that.
//
// # Clocks
//
// What is due and who holds a lease go by the server's clock alone, so that
// processes need not agree on the time. A process tells the server how long from
// now something is due, never when. Only attempts, signatures and deadlines carry
// the process's time.
//
// # Poolers
//
// With Config.Pooler the store works behind PgBouncer and its like in transaction
// mode: nothing is prepared, listened to or locked for longer than a transaction.
// Statements that would travel together then take a round trip each.
//
// # History and retention
//
// The queue holds what is pending, and nothing else does; a delivery is written to
// the history when it ends. So the history is only ever added to, and consists of
// one partition per week and table, by the time in the ids. Retention takes a week
// out as a whole (DETACH CONCURRENTLY, then DROP), once all of it is past its
// retention, which leaves nothing to vacuum; things are kept for up to a week longer
// than asked for. Partitions are made eight weeks ahead, by Migrate, by the process
// that prunes, and by a publish that finds its own missing. An event whose id is from
// a time outside of them, by the server's clock, is refused.
//
// The tables that change much, the queue above all, come with settings for
// autovacuum; leave it on. A transaction that stays open for hours, anywhere in the
// database, keeps the server from cleaning up the queue and makes claims slower.
//
// # Processes
//
// Each delivering process polls, at irregular intervals of an eighth of a second
// to a second. With Config.Announce a process that publishes without
// delivering tells the others by NOTIFY, at most every 20 milliseconds and never in
// the transaction that publishes, since NOTIFY makes the commits of a whole database
// take turns.
//
// # Beyond one server
//
// Every row of data carries its tenant, and no statement joins across tenants. So
// tenants can be placed on several databases, one Store each, behind
// [github.com/postrider/postrider/store/sharded]: sharded.New(map) remembers where
// each tenant is, and the dispatcher runs an engine per database, so that one that
// is down holds up none of the others. What a tenant's own writes need in one
// transaction must be in the tenant's database.
package postgres
