// Package storetest judges implementations of package store. A store is right
// if, and only if, this suite says so:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) storetest.Harness {
//			return storetest.Harness{Store: memstore.New()}
//		})
//	}
//
// Every case opens a database of its own and runs in parallel with the others.
// Found a bug in a store? Add the case here, see it fail, then fix the store.
//
// The cases are split by the roles of package store. Each is a function whose
// name says what is promised, and whose failure says what was called, what came
// back, what was wanted, and what would break in production.
//
// Time in a case is made up: it starts on a fixed day and is moved by hand,
// because stores take the time from their callers. Ids are made at that time
// and ascend, but nothing in the suite rests on the order of ids that were made
// in one millisecond, except where a list is asked for.
package storetest
