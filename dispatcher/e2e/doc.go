// Package e2e checks whole flows from the outside: a dispatcher over an SQLite
// file on the disk, or a PostgreSQL where one matters, sending to real sockets on
// the loopback interface, with a second process where one matters. It holds tests alone and the promises that
// only the parts together can keep: that an event leaves with the host's own
// transaction or not at all, that bytes and signatures arrive as they were made,
// that a subscription takes effect in every process, that no secret is written
// anywhere, that history stays bounded, and that an idle process costs nothing.
package e2e
