// Package types knows from memory which event types there are, follows the store, and
// checks events when they are published.
//
// A process has types in its code, and the store has those of all processes and of
// people. Sync brings the store up to date once, when a process starts. What a process
// publishes is checked by its own code's version of a type, if it has one, so that two
// processes with different versions of the code do not get in each other's way: both
// versions are in the store, the newer one last, and the process that starts with the
// older one leaves that alone.
//
// The store is asked for changes at most once in 0.9 s, by whoever publishes then. While it
// does not answer, what was known goes on to count.
package types
