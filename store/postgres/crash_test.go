package postgres_test

import (
	"bytes"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/postgres/postgrestest"
	"github.com/postrider/postrider/webhook"
)

// hostTransaction is what a host does: it writes an order and publishes an event.
type hostTransaction struct {
	tx     store.Tx
	order  func(id string) error
	commit func() error
	giveUp func() error
}

// TestCrashOfAHost cuts a host off before, during and after the commit of a
// transaction in which it has published. The event is there if, and only if, the
// host's own row is.
func TestCrashOfAHost(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, postgrestest.Shared(t))
	d.exec(t, `CREATE TABLE :s.orders (event text)`)
	isCommit := func(message []byte) bool { return bytes.Contains(bytes.ToLower(message), []byte("commit")) }
	for kind, begin := range map[string]func(*testing.T, *process) hostTransaction{"pgx": beginPgxHost, "sql": beginSQLHost} {
		for name, where := range cuts {
			t.Run(kind+" "+name, func(t *testing.T) {
				t.Parallel()
				p, s := d.openCuttable(t)
				w := newTenant(t, p)
				pub := w.keyed("k")
				host := begin(t, p)
				must(t, host.order(pub.Event.ID), "INSERT")
				wantOutcomes(t, "Tx.Publish", publish(t, host.tx, pub), store.PublishStored)
				s.arm(where, isCommit)
				if err := host.commit(); err == nil || !s.disarm() {
					t.Errorf("Commit over a connection that is cut = %v; want an error", err)
				}
				d.settled(t, p)
				want := where == afterSending || where == afterAnswer
				orders := d.count(t, `SELECT count(*) FROM :s.orders WHERE event = $1`, pub.Event.ID)
				if got := stored(t, p, pub); got != want || orders != map[bool]int{true: 1}[want] {
					t.Errorf("after a cut %s: event stored = %v, %d orders; want %v of both", name, got, orders, want)
				}
				wantDeliveries(t, p, pub, want)
			})
		}
	}
	for name, end := range map[string]func(*hostTransaction, *scissors) error{
		"rolled back": func(h *hostTransaction, _ *scissors) error { return h.giveUp() },
		"cut before the rollback": func(h *hostTransaction, s *scissors) error {
			s.arm(beforeSending, func([]byte) bool { return true })
			_ = h.giveUp() // it cannot be told
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, s := d.openCuttable(t)
			w := newTenant(t, p)
			pub := w.keyed("k")
			host := beginPgxHost(t, p)
			wantOutcomes(t, "Tx.Publish", publish(t, host.tx, pub), store.PublishStored)
			must(t, end(&host, s), "end of the transaction")
			s.disarm()
			d.settled(t, p)
			if stored(t, p, pub) {
				t.Error("an event is there whose transaction was never committed")
			}
			wantDeliveries(t, p, pub, false)
			wantOutcomes(t, "Publish of the key", publish(t, p, w.keyed("k")), store.PublishStored)
		})
	}
}

// wantDeliveries checks that an event's delivery is there, or is not.
func wantDeliveries(t *testing.T, st store.Deliveries, pub store.Publication, want bool) {
	t.Helper()
	_, err := st.Delivery(t.Context(), pub.Event.Tenant, pub.Deliveries[0].ID)
	if got := err == nil; got != want || (err != nil && !errors.Is(err, store.ErrNotFound)) {
		t.Errorf("Delivery = error %v; want it there = %v, as its event", err, want)
	}
}

func beginPgxHost(t *testing.T, p *process) hostTransaction {
	t.Helper()
	tx := p.begin(t, pgx.TxOptions{})
	return hostTransaction{
		tx: p.Tx(tx),
		order: func(id string) error {
			_, err := tx.Exec(t.Context(), p.db.sql(`INSERT INTO :s.orders VALUES ($1)`), id)
			return err
		},
		commit: func() error { return tx.Commit(t.Context()) },
		giveUp: func() error { return tx.Rollback(t.Context()) },
	}
}

func beginSQLHost(t *testing.T, p *process) hostTransaction {
	t.Helper()
	db := stdlib.OpenDBFromPool(p.pool)
	tx, err := db.BeginTx(t.Context(), &sql.TxOptions{})
	must(t, err, "BeginTx")
	t.Cleanup(func() { _ = tx.Rollback() }) // it may have ended
	return hostTransaction{
		tx: p.SQLTx(tx),
		order: func(id string) error {
			_, err := tx.ExecContext(t.Context(), p.db.sql(`INSERT INTO :s.orders VALUES ($1)`), id)
			return err
		},
		commit: tx.Commit,
		giveUp: tx.Rollback,
	}
}

// TestCutOff cuts the connection of a process at every message of a call, in every
// way. Success is success, unavailable is unwritten, and unknown is anything.
func TestCutOff(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, postgrestest.Shared(t))
	p, s := d.openCuttable(t)
	w := newTenant(t, p)
	epoch := acquire(t, p)
	for name, begin := range map[string]func() cutCall{
		"Publish":            func() cutCall { return w.publishing(p, "") },
		"Publish with a key": func() cutCall { return w.publishing(p, w.publication().Event.ID) },
		"Settle":             func() cutCall { return w.settling(p, epoch) },
		"UpdateEndpoint":     func() cutCall { return w.updating(p) },
	} {
		t.Run(name, func(t *testing.T) {
			call := begin()
			must(t, call.run(), name) // so that statements are prepared
			if !call.written() {
				t.Fatalf("%s = nil, and nothing was written", name)
			}
			for place, where := range cuts {
				for n := 0; ; n++ {
					call, message := begin(), 0
					s.arm(where, func([]byte) bool { message++; return message > n })
					err := call.run()
					if !s.disarm() {
						must(t, err, name)
						break // it has no more messages
					}
					d.settled(t, p)
					there := call.written()
					switch {
					case err == nil && !there:
						t.Errorf("%s, cut %s of message %d = nil, and nothing was written", name, place, n)
					case err != nil && unwritten(err) && there:
						t.Errorf("%s, cut %s of message %d = %v, and it was written", name, place, n, err)
					case err != nil && !unwritten(err) && !errors.Is(err, store.ErrUnknown):
						t.Errorf("%s, cut %s of message %d = %v; want ErrUnavailable or ErrUnknown", name, place, n, err)
					}
				}
			}
		})
	}
}

// cutCall is a call, and how to see whether it has written what it was to write.
type cutCall struct {
	run     func() error
	written func() bool
}

func (w *tenant) publishing(p *process, key string) cutCall {
	pub := w.keyed(key)
	return cutCall{
		func() error {
			return wantAll(store.PublishStored)(p.Publish(w.t.Context(), time.Now(), []store.Publication{pub}))
		},
		func() bool { return stored(w.t, p, pub) },
	}
}

func (w *tenant) settling(p *process, epoch int64) cutCall {
	pub := w.publication()
	pub.Epoch, pub.Deliveries[0].HandOver = epoch, true
	wantOutcomes(w.t, "Publish", publish(w.t, p, pub), store.PublishStored)
	item := delivered(store.Claimed{Tenant: w.name, Delivery: pub.Deliveries[0].ID, Endpoint: w.ep.ID, Claim: 1}, time.Now())
	return cutCall{
		func() error {
			_, err := p.Settle(w.t.Context(), time.Now(), store.Settlement{Epoch: epoch, Items: []store.Settled{item}})
			return err
		},
		func() bool {
			attempts, err := p.Attempts(w.t.Context(), w.name, item.Delivery)
			must(w.t, err, "Attempts")
			got, err := p.Delivery(w.t.Context(), w.name, item.Delivery)
			must(w.t, err, "Delivery")
			if ended := got.Status == webhook.DeliveryDelivered; ended != (len(attempts) == 1) {
				w.t.Errorf("the delivery has ended = %v with %d attempts; want all of a settle or nothing", ended, len(attempts))
			}
			return len(attempts) == 1
		},
	}
}

func (w *tenant) updating(p *process) cutCall {
	before := w.ep.Version
	return cutCall{
		func() error { return w.update(p, webhook.EndpointActive) },
		func() bool {
			now, err := p.Endpoint(w.t.Context(), w.name, w.ep.ID)
			must(w.t, err, "Endpoint")
			w.ep = now
			return now.Version > before
		},
	}
}
