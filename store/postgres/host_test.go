package postgres_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/postgres/postgrestest"
	"github.com/postrider/postrider/webhook"
)

var levels = []pgx.TxIsoLevel{pgx.ReadCommitted, pgx.RepeatableRead, pgx.Serializable}

// TestHostTransactions is about what publishing means for a transaction of the host.
func TestHostTransactions(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, postgrestest.Shared(t))
	for name, run := range map[string]func(*testing.T, *database){
		"stay usable":                staysUsable,
		"serialize":                  serializes,
		"see an older directory":     seesAnOlderDirectory,
		"take what could be misread": takesStrangeContents,
	} {
		// One after the other, since serializable transactions may fail because of
		// each other.
		t.Run(name, func(t *testing.T) { run(t, d) })
	}
}

// staysUsable publishes what is not stored, at every isolation level, and goes on.
func staysUsable(t *testing.T, d *database) {
	p := d.open(t, nil)
	for _, level := range levels {
		t.Run(string(level), func(t *testing.T) {
			t.Parallel()
			w := newTenant(t, p)
			before := w.keyed("before")
			wantOutcomes(t, "Publish", publish(t, p, before), store.PublishStored)
			tx := p.begin(t, pgx.TxOptions{IsoLevel: level})
			host := p.Tx(tx)
			a, b, stale, last := w.keyed("a"), w.keyed("a"), w.keyed("s"), w.keyed("s")
			b.ContentHash = []byte("hash of other content")
			stale.Revision--
			wantOutcomes(t, "Tx.Publish", publish(t, host, a), store.PublishStored)
			wantOutcomes(t, "Tx.Publish of its own keys", publish(t, host, w.keyed("a"), b), store.PublishDuplicate, store.PublishConflict)
			wantOutcomes(t, "Tx.Publish of a key from before", publish(t, host, w.keyed("before")), store.PublishDuplicate)
			wantOutcomes(t, "Tx.Publish with an old directory", publish(t, host, stale), store.PublishStale)
			wantOutcomes(t, "Tx.Publish with a new one", publish(t, host, last), store.PublishStored)
			for name, want := range map[string]string{"lock_timeout": "0", "enable_seqscan": "on", "idle_in_transaction_session_timeout": "0"} {
				var got string
				must(t, tx.QueryRow(t.Context(), `SELECT current_setting($1)`, name).Scan(&got), "read "+name)
				if got != want {
					t.Errorf("%s = %q after Tx.Publish; want the host's %q", name, got, want)
				}
			}
			must(t, tx.Commit(t.Context()), "Commit")
			for i, want := range map[*store.Publication]bool{&a: true, &b: false, &stale: false, &last: true} {
				if stored(t, p, *i) != want {
					t.Errorf("event with key %q at revision %d is stored = %v; want %v", i.Event.IdempotencyKey, i.Revision, !want, want)
				}
			}
		})
	}
}

// serializes uses a key that another transaction has used since the host's began.
func serializes(t *testing.T, d *database) {
	p := d.open(t, nil)
	for _, level := range levels {
		t.Run(string(level), func(t *testing.T) {
			t.Parallel()
			w := newTenant(t, p)
			tx := p.begin(t, pgx.TxOptions{IsoLevel: level})
			_, _, err := p.Tx(tx).TenantEndpoints(t.Context(), w.name, 0) // from here on it sees one state
			must(t, err, "Tx.TenantEndpoints")
			wantOutcomes(t, "Publish", publish(t, p, w.keyed("k")), store.PublishStored)
			results, err := p.Tx(tx).Publish(t.Context(), time.Now(), []store.Publication{w.keyed("k")})
			if level == pgx.ReadCommitted {
				must(t, err, "Tx.Publish")
				wantOutcomes(t, "Tx.Publish", results, store.PublishDuplicate)
				return
			}
			var pg *pgconn.PgError
			if !errors.As(err, &pg) || pg.Code != "40001" || errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUnknown) {
				t.Errorf("Tx.Publish = %v; want a *pgconn.PgError 40001 and nothing around it: the host must know to repeat its transaction", err)
			}
		})
	}
}

// seesAnOlderDirectory publishes with a directory that is newer than
// what the transaction sees.
func seesAnOlderDirectory(t *testing.T, d *database) {
	p := d.open(t, nil)
	w := newTenant(t, p)
	tx := p.begin(t, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	_, seen, err := p.Tx(tx).TenantEndpoints(t.Context(), w.name, 0)
	must(t, err, "Tx.TenantEndpoints")
	must(t, w.update(p, webhook.EndpointPaused), "UpdateEndpoint")
	older, newer := w.publication(), w.publication()
	if older.Revision = seen - 1; newer.Revision <= seen {
		t.Fatalf("revision %d after a change; want more than the %d that the transaction sees", newer.Revision, seen)
	}
	wantOutcomes(t, "Tx.Publish", publish(t, p.Tx(tx), older, newer), store.PublishStale, store.PublishStored)
	must(t, tx.Commit(t.Context()), "Commit")
}

// TestHostTransactionsTakeTheWholePool publishes while transactions of the host have
// every connection that the store could ask for.
func TestHostTransactionsTakeTheWholePool(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, postgrestest.Shared(t))
	admin := d.open(t, nil)
	p := d.open(t, func(cfg *pgxpool.Config) { cfg.MaxConns = 2 })
	w := newTenant(t, admin)
	wantOutcomes(t, "Publish", publish(t, admin, w.keyed("known")), store.PublishStored)
	for _, by := range []time.Duration{0, 20 * aWeek} {
		txs := []pgx.Tx{p.begin(t, pgx.TxOptions{}), p.begin(t, pgx.TxOptions{})}
		now := d.travel(t, by)
		// Another process makes the weeks of the time to come.
		wantOutcomes(t, "Publish", publish(t, admin, w.publicationAt(now)), store.PublishStored)
		for _, tx := range txs {
			stale := w.publicationAt(now)
			stale.Revision--
			wantOutcomes(t, "Tx.Publish", publish(t, p.Tx(tx), w.publicationAt(now), stale), store.PublishStored, store.PublishStale)
			if by == 0 {
				wantOutcomes(t, "Tx.Publish", publish(t, p.Tx(tx), w.keyed("known")), store.PublishDuplicate)
			}
			_, _, err := p.Tx(tx).TenantEndpoints(t.Context(), w.name, 0)
			must(t, err, "Tx.TenantEndpoints")
		}
		for _, tx := range txs {
			must(t, tx.Commit(t.Context()), "Commit")
		}
	}
}

// modes are the ways in which pgx can send statements.
var modes = map[string]pgx.QueryExecMode{
	"cache_statement": pgx.QueryExecModeCacheStatement, "cache_describe": pgx.QueryExecModeCacheDescribe,
	"describe_exec": pgx.QueryExecModeDescribeExec, "exec": pgx.QueryExecModeExec, "simple_protocol": pgx.QueryExecModeSimpleProtocol,
}

// strange is an event whose every field has what could be misread.
func (w *tenant) strange() store.Publication {
	p := w.keyed(`"key" 'with' \{quotes},NULL $1 ? — ключ 🔑`)
	p.Event.Type, p.Event.Subject = `a.b'"\\`, "\t\r\n{}(),;--/* */ \u00a0é"
	p.Event.Metadata = map[string]string{"": `\`, `"`: "NULL", "🔑": "\u2028"}
	p.ContentHash = []byte{0, 255, '\\', '"'}
	p.Event.Data = nil
	for i := range 256 {
		p.Event.Data = append(p.Event.Data, byte(i))
	}
	return p
}

// takesStrangeContents publishes with every mode of pgx, natively and by way of
// package sql, and reads it back.
func takesStrangeContents(t *testing.T, d *database) {
	reader := d.open(t, nil)
	for name, mode := range modes {
		p := d.open(t, func(cfg *pgxpool.Config) { cfg.ConnConfig.DefaultQueryExecMode = mode })
		for kind, in := range map[string]func(*testing.T, *process, func(store.Tx)){"pgx": inNative, "sql": inSQL} {
			t.Run(kind+" "+name, func(t *testing.T) {
				t.Parallel()
				w := newTenant(t, reader)
				w.name += `' "\` // its endpoint is another's, which nobody asks
				bare := w.publication()
				bare.Event.Data, bare.ContentHash, bare.Deliveries, bare.Event.Metadata = nil, nil, nil, map[string]string{}
				pub, again := w.strange(), w.strange()
				in(t, p, func(tx store.Tx) {
					wantOutcomes(t, "Tx.Publish", publish(t, tx, pub, bare), store.PublishStored, store.PublishStored)
					wantOutcomes(t, "Tx.Publish", publish(t, tx, again), store.PublishDuplicate)
				})
				got, err := reader.Event(t.Context(), w.name, pub.Event.ID)
				must(t, err, "Event")
				want := pub.Event
				want.Timestamp = got.Timestamp
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("Event (-published +read):\n%s", diff)
				}
				if got, err = reader.Event(t.Context(), w.name, bare.Event.ID); err != nil || len(got.Data) != 0 || got.Data == nil {
					t.Errorf("Event without data = %#v, error %v; want an empty payload, not a missing one", got.Data, err)
				}
				pending, err := reader.ListDeliveries(t.Context(), w.name, store.DeliveryFilter{}, store.Page{})
				if must(t, err, "ListDeliveries"); len(pending) != 1 || pending[0].ID != pub.Deliveries[0].ID {
					t.Errorf("ListDeliveries = %+v; want the one delivery", pending)
				}
			})
		}
	}
}

func inNative(t *testing.T, p *process, run func(store.Tx)) {
	tx := p.begin(t, pgx.TxOptions{})
	run(p.Tx(tx))
	must(t, tx.Commit(t.Context()), "Commit")
}

func inSQL(t *testing.T, p *process, run func(store.Tx)) {
	tx, err := stdlib.OpenDBFromPool(p.pool).BeginTx(t.Context(), &sql.TxOptions{})
	must(t, err, "BeginTx")
	defer func() { _ = tx.Rollback() }() // it may have ended
	run(p.SQLTx(tx))
	must(t, tx.Commit(), "Commit")
}

// TestLifeInEveryMode publishes, claims, settles and reads over pools that are
// configured as hosts may have them.
func TestLifeInEveryMode(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, postgrestest.Shared(t))
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) { // one after the other, for they claim from one queue
			p := d.open(t, func(cfg *pgxpool.Config) { cfg.ConnConfig.DefaultQueryExecMode = mode })
			w := newTenant(t, p)
			epoch := acquire(t, p)
			pubs := []store.Publication{w.publication(), w.strange()}
			wantOutcomes(t, "Publish", publish(t, p, pubs...), store.PublishStored, store.PublishStored)
			var items []store.Settled
			for _, c := range claim(t, p, time.Now(), epoch, 10) {
				it := delivered(c, time.Now())
				it.Attempt.ResponseBody = pubs[1].Event.Data
				it.Attempt.ResponseHeaders = pubs[1].Event.Metadata
				items = append(items, it)
			}
			if len(items) != 2 {
				t.Fatalf("Poll = %d deliveries; want 2", len(items))
			}
			result, err := p.Settle(t.Context(), time.Now(), store.Settlement{Epoch: epoch, Items: items})
			if must(t, err, "Settle"); len(result.Lost) != 0 || len(result.Health) != 1 {
				t.Errorf("Settle = %+v; want none lost, one health", result)
			}
			attempts, err := p.Attempts(t.Context(), w.name, items[0].Delivery)
			if must(t, err, "Attempts"); len(attempts) != 1 || !bytes.Equal(attempts[0].ResponseBody, pubs[1].Event.Data) ||
				!cmp.Equal(attempts[0].ResponseHeaders, pubs[1].Event.Metadata) {
				t.Errorf("Attempts = %+v; want what was settled", attempts)
			}
			_, err = p.Prune(context.WithoutCancel(t.Context()), time.Now(), twoWeeks, 10)
			must(t, err, "Prune")
			must(t, p.Redeliver(t.Context(), time.Now(), w.name, items[0].Delivery), "Redeliver")
			must(t, p.DeleteEndpoint(t.Context(), time.Now(), w.name, w.ep.ID), "DeleteEndpoint")
			d.exec(t, `DELETE FROM :s.queue`)
		})
	}
}
