// Package sabotage takes promises out of the library, one at a time, in builds that
// are made for nothing but to show that the tests then fail. A test that cannot
// fail proves nothing, and what a build tag removes is the real thing, where it is:
//
//	postrider_no_guard   the address guard in the dialler
//	postrider_no_fence   the fence of a settlement, in every store
//	postrider_no_outbox  the transaction around what is published: the host's, and
//	                     over SQLite the one that holds an event and its deliveries
//
// A build without these tags has all of them: the constants are false, and the
// compiler leaves out what stands behind them.
package sabotage
