package e2e_test

import (
	"database/sql"
	"errors"
	"fmt"
	"testing"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/webhook"
)

// shop is a host with a table of its own in the file, and five receivers.
type shop struct {
	*host
	st        *sqlite.Store
	db        *sql.DB
	receivers []*receiver
}

// eachHandle runs a test with a handle that the host opened itself, and with the
// store's.
func eachHandle(t *testing.T, run func(*testing.T, *shop)) {
	t.Run("own handle", func(t *testing.T) {
		t.Parallel()
		path := databaseFile(t)
		db, err := sql.Open("sqlite", sqlite.DSN(path))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		run(t, newShop(t, openStore(t, path), db))
	})
	t.Run("store's handle", func(t *testing.T) {
		t.Parallel()
		st := openStore(t, databaseFile(t))
		run(t, newShop(t, st, st.DB()))
	})
}

func newShop(t *testing.T, st *sqlite.Store, db *sql.DB) *shop {
	t.Helper()
	s := &shop{host: newHost(t, st, dispatcher.Config{}), st: st, db: db}
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE orders (id TEXT PRIMARY KEY)`); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		rc := newReceiver(t, nil)
		s.create(webhook.Endpoint{URL: rc.URL, EventTypes: []string{"order.*"}})
		s.receivers = append(s.receivers, rc)
	}
	s.start()
	return s
}

// order begins a transaction and writes an order.
func (s *shop) order(id string) *sql.Tx {
	s.t.Helper()
	tx, err := s.db.BeginTx(s.t.Context(), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = tx.Rollback() }) // it may have ended
	if _, err := tx.ExecContext(s.t.Context(), `INSERT INTO orders (id) VALUES (?)`, id); err != nil {
		s.t.Fatal(err)
	}
	return tx
}

func (s *shop) publishTx(tx *sql.Tx, ev webhook.Event) webhook.Receipt {
	s.t.Helper()
	r, err := s.PublishTx(s.t.Context(), s.st.Tx(tx), ev)
	if err != nil {
		s.t.Fatalf("PublishTx = %v; want nil", err)
	}
	return r
}

// rows counts the rows of every table that mention an id.
func (s *shop) rows(id string) map[string]int {
	s.t.Helper()
	found := make(map[string]int)
	for table, columns := range tables(s.t, s.db) {
		for _, column := range columns {
			var n int
			query := fmt.Sprintf(`SELECT count(*) FROM %q WHERE %q = ?`, table, column)
			if err := s.db.QueryRowContext(s.t.Context(), query, id).Scan(&n); err != nil {
				s.t.Fatal(err)
			}
			if n > 0 {
				found[table] += n
			}
		}
	}
	return found
}

// arrived waits until an event has arrived everywhere, and checks that it did so
// once.
func (s *shop) arrived(id string) {
	s.t.Helper()
	for i, rc := range s.receivers {
		eventually(s.t, fmt.Sprintf("receiver %d has not got %s", i, id), func() bool { return rc.byID()[id] > 0 })
	}
	eventually(s.t, "deliveries of "+id+" are not delivered", func() bool {
		return s.count(store.DeliveryFilter{Event: id}, webhook.DeliveryDelivered) == len(s.receivers)
	})
	for i, rc := range s.receivers {
		want(s.t, fmt.Sprintf("arrivals at receiver %d", i), rc.byID()[id], 1)
	}
}

func TestPublishFansOut(t *testing.T) {
	t.Parallel()
	eachHandle(t, func(t *testing.T, s *shop) {
		r := s.publish(event("order.placed", 1))
		want(t, "Deliveries", r.Deliveries, 5)
		s.arrived(r.EventID)
		none := s.publish(event("invoice.paid", 1))
		want(t, "Deliveries of a type that nobody subscribes to", none.Deliveries, 0)
	})
}

// The event is sent if, and only if, the host commits.
func TestPublishTxGoesWithTheTransaction(t *testing.T) {
	t.Parallel()
	eachHandle(t, func(t *testing.T, s *shop) {
		ev := event("order.placed", 1)
		ev.IdempotencyKey = "order-1"
		tx := s.order("o1")
		undone := s.publishTx(tx, ev)
		want(t, "Deliveries in the transaction", undone.Deliveries, 5)
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}

		tx = s.order("o2")
		done := s.publishTx(tx, ev) // the same key: nothing of it was stored
		want(t, "Duplicate of an event that was rolled back", done.Duplicate, false)
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		s.arrived(done.EventID)

		for i, rc := range s.receivers {
			want(t, fmt.Sprintf("arrivals of the rolled back event at receiver %d", i), rc.byID()[undone.EventID], 0)
		}
		if got := s.rows(undone.EventID); len(got) > 0 {
			t.Errorf("rows of the rolled back event = %v; want none", got)
		}
		if got := s.rows(done.EventID); got["postrider_events"] != 1 || got["postrider_deliveries"] != 5 {
			t.Errorf("rows of the committed event = %v; want 1 event and 5 deliveries", got)
		}
		var orders string
		if err := s.db.QueryRowContext(t.Context(), `SELECT group_concat(id) FROM orders`).Scan(&orders); err != nil {
			t.Fatal(err)
		}
		want(t, "orders", orders, "o2")
	})
}

// A duplicate or a conflict is an answer, not an error of the database: what the
// host writes after it is committed.
func TestPublishTxDuplicateLeavesTheTransactionUsable(t *testing.T) {
	t.Parallel()
	eachHandle(t, func(t *testing.T, s *shop) {
		ev := event("order.placed", 1)
		ev.IdempotencyKey = "order-1"
		tx := s.order("o1")
		first := s.publishTx(tx, ev)
		again := s.publishTx(tx, ev)
		want(t, "Duplicate", again.Duplicate, true)
		want(t, "EventID of the duplicate", again.EventID, first.EventID)

		other := event("order.placed", 2)
		other.IdempotencyKey = ev.IdempotencyKey
		if _, err := s.PublishTx(t.Context(), s.st.Tx(tx), other); !errors.Is(err, webhook.ErrIdempotencyConflict) {
			t.Errorf("PublishTx of other content = %v; want ErrIdempotencyConflict", err)
		}
		if _, err := tx.ExecContext(t.Context(), `INSERT INTO orders (id) VALUES ('after')`); err != nil {
			t.Fatalf("write after a duplicate = %v; the transaction must go on", err)
		}
		last := s.publishTx(tx, event("order.shipped", 1))
		if err := tx.Commit(); err != nil {
			t.Fatalf("Commit after a duplicate = %v", err)
		}
		s.arrived(first.EventID)
		s.arrived(last.EventID)

		var orders int
		if err := s.db.QueryRowContext(t.Context(), `SELECT count(*) FROM orders`).Scan(&orders); err != nil {
			t.Fatal(err)
		}
		want(t, "orders", orders, 2)
		if r := s.publish(ev); !r.Duplicate || r.EventID != first.EventID {
			t.Errorf("Publish of the same key after the commit = %+v; want a duplicate of %s", r, first.EventID)
		}
	})
}
