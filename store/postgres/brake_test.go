package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// brake stops transactions that change a table.
type brake struct {
	name string
	conn *pgx.Conn // that holds it
}

// Where a brake stops a transaction.
const (
	atCommit = "DEFERRABLE INITIALLY DEFERRED"
	atOnce   = "NOT DEFERRABLE" // at the end of the statement
)

// newBrake makes a brake for transactions that insert into a table or update it. It
// is off.
func newBrake(t *testing.T, d *database, table, where string) *brake {
	t.Helper()
	b := &brake{name: fmt.Sprintf("%s_%s_%d", d.schema, table, len(where))}
	d.exec(t, `
		CREATE OR REPLACE FUNCTION :s.brake() RETURNS trigger LANGUAGE plpgsql
		AS 'BEGIN PERFORM pg_advisory_xact_lock_shared(hashtext(TG_ARGV[0])); RETURN NULL; END'`)
	d.exec(t, fmt.Sprintf(`
		CREATE CONSTRAINT TRIGGER brake_%d AFTER INSERT OR UPDATE ON :s.%s
		%s FOR EACH ROW EXECUTE FUNCTION :s.brake('%s')`, len(where), table, where, b.name))
	var err error
	b.conn, err = pgx.Connect(t.Context(), d.server.DSN())
	must(t, err, "Connect")
	t.Cleanup(func() { _ = b.conn.Close(context.Background()) }) // which lets go
	return b
}

// hold stops every transaction from now on, until release, or the end of the test.
func (b *brake) hold(t *testing.T) {
	t.Helper()
	_, err := b.conn.Exec(t.Context(), `SELECT pg_advisory_lock(hashtext($1))`, b.name)
	must(t, err, "pg_advisory_lock")
	t.Cleanup(func() { _, _ = b.conn.Exec(context.Background(), `SELECT pg_advisory_unlock_all()`) })
}

// release lets them go on.
func (b *brake) release(t *testing.T) {
	t.Helper()
	_, err := b.conn.Exec(t.Context(), `SELECT pg_advisory_unlock_all()`)
	must(t, err, "pg_advisory_unlock_all")
}

// stopped waits until a process stands at a brake.
func stopped(t *testing.T, d *database, p *process) {
	t.Helper()
	waitFor(t, "a transaction to stop", func() bool { return waits(t, d, p, "advisory") })
}

// blocked waits until a process waits for a lock that another transaction has.
func blocked(t *testing.T, d *database, p *process) {
	t.Helper()
	waitFor(t, "a process to wait for a lock", func() bool { return waits(t, d, p, "transactionid", "tuple", "relation", "virtualxid") })
}

// waits reports whether a session of a process waits for one of some kinds of locks.
func waits(t *testing.T, d *database, p *process, kinds ...string) bool {
	t.Helper()
	return d.count(t, `
		SELECT count(*) FROM pg_stat_activity
		WHERE application_name = $1 AND wait_event_type = 'Lock' AND wait_event = ANY(string_to_array($2, ' '))`,
		p.name, strings.Join(kinds, " ")) > 0
}
