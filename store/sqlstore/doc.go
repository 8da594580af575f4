// Package sqlstore is the contract of package store in SQL, for databases
// behind any driver. It imports none: a package per database opens it, says in
// a [Dialect] how it differs and in a [Database] how it runs transactions.
//
// Each method of the contract stands beside the SQL that it runs, in the file
// that is named like the contract's. An exported method opens a transaction;
// the unexported function of the same role does the work in it.
//
// # The tables
//
// This is how SQLite keeps them; package postgres has a shape of its own for what
// is hot, and shares the rest. All names begin with "postrider_", since a host may
// keep its own tables in the same database. What is hot is small and apart: the queue has one row per
// pending delivery and forgets it when the delivery ends. Its key is the owner
// and the delivery, so that a delivery that is handed over at once is written
// to one tree and removed from it, and enters no other index on its way.
//
// Rows of events are numbered in the order they were written. Payloads have
// the numbers of their events; retention walks along them and finds deliveries
// and attempts by the event, so that nothing needs an index on time.
//
// # Statements
//
// Statements use "?" for arguments. Their number is fixed: a statement for
// many rows is written for 64, 16, 4 and 1 of them (see multi), so that a
// database prepares each text once. Times are microseconds since 1970. What an
// index on a part of a table asks for is said in so many words, such as "owner <> 0"
// beside a greater owner: a planner does not draw conclusions from arguments.
//
// A bound is "LIMIT ? + 0". SQLite looks at the argument of a bare "LIMIT ?" when it
// plans, and so compiles the statement anew for each call.
package sqlstore
