package faults_test

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/webhook"
)

// TestFaultFullHostTransaction fills the database as far as a host's handle may
// go (PRAGMA max_page_count is a matter of the connection). The host commits
// only what it was told is published.
func TestFaultFullHostTransaction(t *testing.T) {
	beside(t, light)
	w := newWorld(t, 1, good)
	db, err := sql.Open("sqlite", sqlite.DSN(w.path))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	st, err := sqlite.New(t.Context(), db, sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	d, err := dispatcher.New(st, dispatcher.Config{AllowPlaintextSecrets: true})
	if err != nil {
		t.Fatal(err)
	}
	publish := func(key string) error {
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			return err
		}
		_, err = d.PublishTx(t.Context(), st.Tx(tx), webhook.Event{
			Tenant: tenant, Type: "all.only", IdempotencyKey: key, Data: fmt.Appendf(nil, `"%s"`, strings.Repeat("f", 32<<10)),
		})
		if err != nil {
			// A full disk may have ended the transaction already.
			if err := tx.Rollback(); err != nil && !strings.Contains(err.Error(), "no transaction is active") {
				t.Errorf("Rollback on a full disk = %v; want the transaction ended", err)
			}
			return err
		}
		return tx.Commit()
	}
	pages := 0
	if err := db.QueryRow(`PRAGMA page_count`).Scan(&pages); err != nil {
		t.Fatal(err)
	}
	limit := func(n int) {
		t.Helper()
		if err := db.QueryRow(fmt.Sprintf(`PRAGMA max_page_count = %d`, n)).Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	limit(pages + 100)
	committed := map[string]bool{}
	failed := 0
	for n := 0; failed < 20; n++ {
		key := fmt.Sprintf("key%d", n)
		if err := publish(key); err == nil {
			committed[key] = true
		} else if failed++; errors.Is(err, store.ErrUnknown) {
			t.Errorf("PublishTx on a full disk = %v; want the database's error: nothing was committed", err)
		}
	}
	limit(pages + 10_000)
	if err := publish("again"); err != nil {
		t.Errorf("PublishTx once there is room = %v; want nil", err)
	}
	committed["again"] = true
	events, err := st.ListEvents(t.Context(), tenant, store.Page{Limit: store.MaxPage})
	if err != nil {
		t.Fatal(err)
	}
	for _, ev := range events {
		if !committed[ev.IdempotencyKey] {
			t.Errorf("event %s is stored; its PublishTx failed", ev.IdempotencyKey)
		}
		delete(committed, ev.IdempotencyKey)
	}
	if len(committed) > 0 {
		t.Errorf("events %v were committed and are lost", committed)
	}
	if got := integrity(t.Context(), w.path); got != "ok" {
		t.Errorf("integrity check = %s; want ok", got)
	}
}
