// Package postgrestest gives tests a real PostgreSQL server.
//
// Shared is one throw-away server for a whole test binary: it starts with the
// first test that asks for it, and each test works in a schema of its own. New is
// a server for one test alone, which may kill it and start it again. Bouncer puts
// PgBouncer in front of either.
//
//	func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }
//
//	func TestOrders(t *testing.T) {
//		t.Parallel()
//		server := postgrestest.Shared(t)
//		schema := server.Schema(t) // a free name; dropped with the test
//		pool := server.Pool(t)     // closed with the test
//		_, err := pool.Exec(t.Context(), "CREATE SCHEMA "+schema)
//		// ...
//	}
//
// The servers run from the programs in PATH, or from the newest that Debian's
// packages have put below /usr/lib/postgresql. If there are none, the package
// installs Debian's with apt-get, as root or through sudo. What cannot be had
// fails the test: only go test -short skips, and Run says how often.
//
// A server listens on the loopback interface alone, trusts whoever connects, and
// commits as durably as a real one, so that kills prove something. On Linux it
// ends with the test process, however that ends; what a killed process leaves on
// the disk is removed by the next one. As root, whom PostgreSQL refuses, the
// servers run as the user postgres, or as nobody if there is none.
//
// A continuous integration that has a server of its own says so in
// POSTRIDER_TEST_POSTGRES: Shared then uses that one.
package postgrestest
