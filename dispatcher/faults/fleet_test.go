package faults_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/postrider/postrider/store/postgres"
	"github.com/postrider/postrider/store/postgres/postgrestest"
)

// fleet is a world whose database is PostgreSQL, where children live side by
// side.
type fleet struct {
	*world
	server *postgrestest.Server
	pool   *pgxpool.Pool // the parent's
	// common is what the children have in common.
	common childConfig

	mu      sync.Mutex // guards members
	members []*process // that live and take publish calls
}

// newFleet makes the schema and the endpoints (see newWorld).
func newFleet(t *testing.T, server *postgrestest.Server, seed uint64, behaviors ...behavior) *fleet {
	t.Helper()
	f := &fleet{
		world: &world{t: t}, server: server, pool: server.Pool(t),
		common: childConfig{DSN: server.DSN(), Schema: server.Schema(t), Slots: slots, Lease: 2 * time.Second},
	}
	cfg := postgres.Config{Schema: f.common.Schema}
	if err := postgres.Migrate(t.Context(), f.pool, cfg); err != nil {
		t.Fatal(err)
	}
	f.populate(f.open(), seed, behaviors...)
	if !long { // else the pace is that of SQLite, 400 a second
		f.load.pace = 60 * time.Millisecond
	}
	return f
}

// open opens the store in the parent.
func (f *fleet) open() *postgres.Store {
	f.t.Helper()
	st, err := postgres.New(f.t.Context(), f.pool, postgres.Config{Schema: f.common.Schema})
	if err != nil {
		f.t.Fatal(err)
	}
	return st
}

// start starts a child. change, if any, makes it different from the others.
func (f *fleet) start(change func(*childConfig)) *process {
	f.t.Helper()
	cfg := f.common
	cfg.Life = f.ledger.begin()
	if change != nil {
		change(&cfg)
	}
	return start(f.t, cfg)
}

// enlist starts children that take publish calls too.
func (f *fleet) enlist(n int) []*process {
	f.t.Helper()
	started := make([]*process, n)
	for i := range started {
		started[i] = f.start(nil)
		f.join(started[i])
	}
	return started
}

func (f *fleet) join(p *process) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.members = append(f.members, p)
}

// leave takes a child out of those that take publish calls.
func (f *fleet) leave(p *process) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.members = slices.DeleteFunc(f.members, func(m *process) bool { return m == p })
}

// kill kills a child.
func (f *fleet) kill(p *process) {
	f.leave(p)
	p.kill()
	f.ledger.end(p.life(), true)
}

// stop lets a child end.
func (f *fleet) stop(p *process) {
	f.t.Helper()
	f.leave(p)
	p.stop()
	f.ledger.end(p.life(), false)
}

func (f *fleet) member(n int) *process {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.members) == 0 {
		return nil
	}
	return f.members[n%len(f.members)]
}

// publish publishes with all clients, by way of all members in turn, until the
// function that it returns is called; that waits for the calls under way.
func (f *fleet) publish() (stop func()) {
	return f.load.publishTo(func(n int) publisher {
		if p := f.member(n); p != nil {
			return p
		}
		return nil
	})
}

// finish repeats what is unknown by way of p, lets everything be delivered, stops
// all members, and compares.
func (f *fleet) finish(p *process) *audit {
	f.t.Helper()
	f.receivers.healed.Store(true)
	f.repeatUnknown(p)
	if !allSettle(2*time.Minute, func() int { return f.count(`SELECT count(*) FROM queue`) }) {
		f.t.Errorf("deliveries are still pending, and for two minutes none has ended: %s", f.left())
	}
	var stops sync.WaitGroup
	for m := f.member(0); m != nil; m = f.member(0) {
		f.leave(m)
		stops.Go(func() { f.stop(m) })
	}
	stops.Wait()
	return f.close()
}

// repeatUnknown publishes again what nobody knows the fate of.
func (f *fleet) repeatUnknown(p publisher) {
	f.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for pub := f.ledger.takeUnknown(); pub != nil; pub = f.ledger.takeUnknown() {
		f.load.publish(p, pub)
		if time.Now().After(deadline) {
			f.t.Errorf("publishing is still unknown a minute after the last fault")
			return
		}
	}
}

// close compares the ledger with the database, of which no child is left.
func (f *fleet) close() *audit {
	f.t.Helper()
	f.receivers.quiesce()
	f.ledger.judged(f.integrity())
	return f.auditStore(f.open())
}

// settleDown waits until nothing is pending, and reports whether that came to be
// within the limit.
func (f *fleet) settleDown(limit time.Duration) bool {
	f.t.Helper()
	for deadline := time.Now().Add(limit); f.count(`SELECT count(*) FROM queue`) > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// left describes what is left in the queue, for whoever wants to know why.
func (f *fleet) left() (found string) {
	schema := f.common.Schema
	err := f.pool.QueryRow(context.Background(), `
		SELECT concat_ws(E'\n',
			(SELECT string_agg(q::text, E'\n') FROM (SELECT * FROM `+schema+`.queue ORDER BY seq LIMIT 5) q),
			(SELECT string_agg(l::text, E'\n') FROM `+schema+`.lanes l),
			(SELECT string_agg(h::text, E'\n') FROM `+schema+`.health h),
			(SELECT string_agg(p::text, E'\n') FROM `+schema+`.processes p),
			(SELECT string_agg(b::text, E'\n') FROM `+schema+`.blocks b),
			clock_timestamp())`).Scan(&found)
	if err != nil {
		return err.Error()
	}
	return found
}

// count returns the answer to a question about the tables of the schema.
func (f *fleet) count(question string, args ...any) (n int) {
	f.t.Helper()
	n, err := f.tryCount(question, args...)
	if err != nil {
		f.t.Fatal(err)
	}
	return n
}

func (f *fleet) tryCount(question string, args ...any) (n int, err error) {
	question = strings.ReplaceAll(question, "FROM ", "FROM "+f.common.Schema+".")
	for range 3 { // a fault may have hit the parent's connections too
		if err = f.pool.QueryRow(context.Background(), question, args...).Scan(&n); err == nil {
			break
		}
	}
	return n, err
}

// epoch returns the epoch that a child delivers under.
func (f *fleet) epoch(p *process) int {
	f.t.Helper()
	return f.count(`SELECT coalesce(max(epoch), 0) FROM processes WHERE pid = $1`, p.cmd.Process.Pid)
}

// integrity returns "ok" if every index of the schema is in order and has all
// rows of its table.
func (f *fleet) integrity() string {
	ctx := context.Background()
	if _, err := f.pool.Exec(ctx, `CREATE EXTENSION IF NOT EXISTS amcheck`); err != nil && !strings.Contains(err.Error(), "pg_extension_name_index") {
		return err.Error()
	}
	var checked int
	if err := f.pool.QueryRow(ctx, `
		SELECT count(bt_index_check(index => i.indexrelid, heapallindexed => i.indisvalid))
		FROM pg_index i
		JOIN pg_class c ON c.oid = i.indexrelid
		JOIN pg_am a ON a.oid = c.relam
		WHERE a.amname = 'btree'
		AND c.relkind = 'i'
		AND c.relnamespace = $1::regnamespace`, f.common.Schema).Scan(&checked); err != nil {
		return err.Error()
	}
	if checked < 10 {
		return fmt.Sprintf("only %d indexes were checked", checked)
	}
	return "ok"
}

// sends are the requests for each delivery, in the order of their arrival. There
// is nobody left to send more.
func (w *world) sends() map[pair][]*request {
	all := map[pair][]*request{}
	for _, req := range w.ledger.requests {
		p := pair{req.id, req.receiver}
		all[p] = append(all[p], req)
	}
	return all
}

// patience is a deadline, which only the long runs hold others to exactly: in the
// short ones, other tests keep the machine busy.
func patience(d time.Duration) time.Duration {
	if long {
		return d
	}
	return d + 10*time.Second
}
