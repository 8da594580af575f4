package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlstore"
	"github.com/postrider/postrider/webhook"
)

// TestFull fills the database to its largest size.
func TestFull(t *testing.T) {
	st, err := Open(t.Context(), filepath.Join(t.TempDir(), "webhooks.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	pragma := func(text string) {
		t.Helper()
		if err := st.writer.Write(t.Context(), func(ctx context.Context, c sqlstore.Conn) error {
			_, err := c.Exec(ctx, text)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	pragma(`PRAGMA max_page_count = 100`)
	publish := func() (string, error) {
		id := webhook.NewID(webhook.PrefixEvent)
		_, err := st.Publish(t.Context(), time.Now(), []store.Publication{{
			Event: webhook.Event{ID: id, Type: "invoice.paid", Data: fmt.Appendf(nil, "%65536d", 1), Timestamp: time.Now()},
		}})
		return id, err
	}
	var lost string
	for range 100 {
		if lost, err = publish(); err != nil {
			break
		}
	}
	if !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("Publish to a full database = %v; want ErrUnavailable", err)
	}
	if _, err := st.Event(t.Context(), "", lost); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Event that was refused = %v; want ErrNotFound: nothing is half written", err)
	}
	pragma(`PRAGMA max_page_count = 100000`)
	if _, err := publish(); err != nil {
		t.Errorf("Publish once there is room = %v; want nil", err)
	}
	var broken string
	if err := st.writer.conn.Query(t.Context(), `PRAGMA integrity_check`, nil, func(r sqlstore.Row) error { return r.Scan(&broken) }); err != nil || broken != "ok" {
		t.Errorf("PRAGMA integrity_check = %s, error %v; want ok", broken, err)
	}
}

// TestWriterPragmas looks at what is in force on the connections themselves.
func TestWriterPragmas(t *testing.T) {
	st, err := Open(t.Context(), filepath.Join(t.TempDir(), "webhooks.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	read := func(c sqlstore.Conn, pragma string) (value string) {
		t.Helper()
		if err := c.Query(t.Context(), `SELECT CAST(`+pragma+` AS TEXT) FROM pragma_`+pragma, nil, func(r sqlstore.Row) error {
			return r.Scan(&value)
		}); err != nil {
			// Not all pragmas are tables.
			var n int64
			err = c.Query(t.Context(), `PRAGMA `+pragma, nil, func(r sqlstore.Row) error { return r.Scan(&n) })
			if err != nil {
				t.Fatal(err)
			}
			value = fmt.Sprint(n)
		}
		return value
	}
	for pragma, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "auto_vacuum": "2", "busy_timeout": "0",
	} {
		if got := read(st.writer.conn, pragma); got != want {
			t.Errorf("PRAGMA %s of the writer = %s; want %s", pragma, got, want)
		}
	}
	if err := st.readers.Read(t.Context(), func(_ context.Context, c sqlstore.Conn) error {
		if got := read(c, "query_only"); got != "1" {
			t.Errorf("PRAGMA query_only of a reader = %s; want 1", got)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
