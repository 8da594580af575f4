// Package faults proves by experiment what a crash, a full disk and a lost power
// supply must not break. It has no code but tests.
//
// A test is the parent of children: processes that publish and deliver over a
// real database, and die. Over SQLite they live one after the other, over
// PostgreSQL side by side, as a fleet; there the server is killed too, its
// network is poisoned and the children's clocks are wrong. The parent decides the
// load, runs the receivers, and keeps the ledger: each publish call with its
// answer and each request that arrived, from which child, with what it was
// answered. An answer has a number, which the child writes down with the attempt.
// After the faults the parent compares the ledger with the store (audit):
//
//	I1  what was acknowledged is in the store, and delivered or visibly failed
//	I2  what was refused is neither stored nor delivered
//	I3  what is unknown and was repeated with its key is one event
//	I4  one event, one body
//	I5  every signature verifies
//	I6  what the store calls delivered was accepted by the receiver; attempts are
//	    missing only of what was under way at a kill, never more than the slots,
//	    and every duplicate is one of those
//	I7  the database is whole
//
// A test of endpoints that never answer (dark) has no faults of ours and needs no
// ledger: it compares what arrives at the others with what did without them.
//
// A test of receivers that mistreat senders (hostile) has none either, and counts
// what each did to attempts, and what is left of them in this process.
//
// The first line of a run says the seed, which replays the choice of faults, and
// the last one its figures. Each test has a short version that always runs, beside
// others (machine_test.go), with children that do without the race detector
// (build_test.go); POSTRIDER_FAULTS=long (see "make faults") runs the long one. A harness that
// cannot find anything proves nothing, so stores that lie (sabotage) must be
// found out.
package faults
