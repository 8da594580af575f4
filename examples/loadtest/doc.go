// Command loadtest measures how many events this machine can publish and
// deliver, and finds out whether any was lost or doubled. Publishers, dispatcher
// and receivers are one process, unless there are -processes.
//
//	go run ./examples/loadtest -store sqlite:/tmp/load.db -events 50000
//
// It measures twice:
//
//   - raw: the client, the signer and the receiver of the second part, without
//     a store: what the machine could do if keeping events cost nothing. Loops
//     over 16, 64 and 256 connections send for -raw-time each; the best counts.
//   - the run: -publishers goroutines call Publish, one event a call, while the
//     dispatcher delivers. One event is sent ahead, so that the clock starts
//     with the lease taken.
//
// Of -store sqlite:PATH the file must not exist yet; it stays after the run.
//
// # PostgreSQL
//
// With -store postgres://USER@HOST:PORT/DATABASE the run has a schema of its own,
// loadtest_ and something random, which is dropped at the end; only a run that is
// killed leaves it. With -tx each event has a transaction of the host's, by pgx.
// Each process has at most 16 connections, and all publishers 64 more with -tx;
// pool_max_conns in the URL says otherwise. A server to throw away, as a user who
// is not root, with the programs in PATH:
//
//	initdb -D /tmp/pg -A trust -U postgres
//	pg_ctl -D /tmp/pg -l /tmp/pg/log -o "-p 5433 -k /tmp" -w start
//	go run ./examples/loadtest -store postgres://postgres@127.0.0.1:5433/postgres
//	pg_ctl -D /tmp/pg -m fast stop && rm -r /tmp/pg
//
// -processes N delivers from N processes, which this one starts and ends; they
// cannot outlive it. The receivers are here. So are the publishers, in a process
// that does not deliver and so hands nothing over, unless -publish-from children
// has each child publish its part, with its part of -publishers and -rate. With
// -publish-from one delivering process is a child too.
//
// # What the figures mean
//
//   - published_per_s: events, from the first call of Publish to the return of
//     the last.
//   - delivered_per_s: deliveries that arrived, from the first call of Publish
//     to the last arrival. With -fanout 10 that is ten an event. Endpoints that
//     are dark or dead are not counted, neither here nor as lost.
//   - latency_p50_ms, latency_p99_ms: from the call of Publish to the arrival of
//     the request's last byte, signature verified. As fast as possible (-rate 0)
//     this is mostly waiting in line: give a -rate below what the machine can do
//     to learn the latency of a system that keeps up.
//   - cpu_s_per_10k: CPU time, user and system, of publishers, dispatcher, store
//     and receivers, for 10,000 deliveries that arrived; from the first call of
//     Publish until the last outcome is written. raw is not in it.
//   - cpu_server_s_per_10k: the part of that which the database's server used,
//     with all its processes, whoever they worked for: it should have nothing
//     else to do. It is null, and not in cpu_s_per_10k, if the server is not on
//     this machine or this is not Linux.
//   - peak_rss_mib: the most memory that the process had in use during the run,
//     receivers and the test's own books included (16 bytes an event and 8 a
//     delivery). Children are added, a server is not.
//   - processes, delivered_by_process: how many processes deliver, and what
//     arrived first from each, as a header of the requests tells the receivers.
//   - duplicates, lost: deliveries to healthy endpoints that arrived more than
//     once, and that had not arrived when -timeout ended. Both must be 0, or the
//     exit code is 1.
//
// -cpuprofile is of this process alone.
//
// # What can be in the way
//
// -ordered makes the endpoints keep order, and gives the events -keys ordering keys
// in turn, so that each delivery is claimed and one of a key is under way at a time.
// That the order is kept is what package dispatcher/faults shows; this measures what
// it costs.
//
// -endpoints are spread over tenants of -fanout endpoints each; events go to the
// tenants in turn. -dark makes a share of the endpoints accept connections and
// never answer. -limit gives each of the others a rate limit: one that is never
// reached shows what it costs to keep one. -history and -backlog are written before the clock starts,
// through the store's contract as the dispatcher itself would: -history
// deliveries that are done, over the healthy endpoints of the run; -backlog
// deliveries that are parked behind one more endpoint, whose port is closed and
// whose circuit breaker has just opened, so that it is probed after 5 seconds
// and so on. PostgreSQL's tables are vacuumed and analyzed then.
package main
