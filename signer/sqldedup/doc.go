// Package sqldedup remembers in the receiver's own database which webhooks were
// handled, so that all its processes together handle each one once. It needs
// nothing but database/sql.
//
// As the Duplicates of a verifier, or of a router for each event of a batch:
//
//	d, err := sqldedup.New(db, sqldedup.Config{Dialect: sqldedup.PostgreSQL})
//	err = d.CreateTable(ctx)
//	v, err := signer.NewVerifierWith(signer.VerifierConfig{Secrets: secrets, Duplicates: d})
//
// A handler that changes the same database does better without: [Deduplicator.ClaimTx]
// in its own transaction makes the change and the memory of it one, so that not
// even a crash makes it happen twice.
//
// # The table
//
// [Deduplicator.CreateTable] makes it, or a migration of yours:
//
//	CREATE TABLE webhook_dedup (
//	    key   TEXT   NOT NULL PRIMARY KEY,  -- what was claimed: the webhook's id
//	    token TEXT   NOT NULL,              -- of the claim; empty once it was handled
//	    until BIGINT NOT NULL               -- when the row means nothing any more, in Unix microseconds
//	);
//	CREATE INDEX webhook_dedup_until ON webhook_dedup (until);
//
// Times are the database's, so the clocks of the processes do not matter. A SQLite
// database that several processes write to wants a busy_timeout.
package sqldedup
