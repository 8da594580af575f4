package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postrider/postrider/store/sqlite"
)

func openHostFile(t *testing.T) *sqlite.Store {
	t.Helper()
	st, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "webhooks.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st
}

// A host's transactions on DB take turns with writes of the Store, however many
// there are: between two of them others write, but not many.
func TestHostTransactionsTakeTurns(t *testing.T) {
	st := openHostFile(t)
	if _, err := st.DB().Exec(`CREATE TABLE orders (id INTEGER PRIMARY KEY)`); err != nil {
		t.Fatal(err)
	}
	var stop atomic.Bool
	var writes atomic.Int64
	var busy sync.WaitGroup
	for i := range 32 {
		busy.Go(func() {
			for n := 0; !stop.Load(); n++ {
				if _, err := st.Setting(t.Context(), string(rune('a'+i))+time.Now().String(), []byte("x")); err != nil {
					t.Error(err)
					return
				}
				writes.Add(1)
			}
		})
	}
	worst := int64(0)
	for range 50 {
		before := writes.Load()
		tx, err := st.DB().BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatalf("BeginTx under load: %v", err)
		}
		worst = max(worst, writes.Load()-before)
		if _, err := tx.Exec(`INSERT INTO orders DEFAULT VALUES`); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	stop.Store(true)
	busy.Wait()
	// One group of 64 may be under way, and 32 callers may be ahead.
	if worst > 64+2*32 {
		t.Errorf("up to %d writes went before a host's transaction that waited, want at most a group and those who came first", worst)
	}
}

// A host's transaction that is given up gives its turn back.
func TestHostTransactionGivesItsTurnBack(t *testing.T) {
	st := openHostFile(t)
	write := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := st.Setting(ctx, time.Now().String(), []byte("x"))
		return err
	}
	for name, end := range map[string]func(*sql.Tx, context.CancelFunc) error{
		"commit":   func(tx *sql.Tx, _ context.CancelFunc) error { return tx.Commit() },
		"rollback": func(tx *sql.Tx, _ context.CancelFunc) error { return tx.Rollback() },
		"context":  func(_ *sql.Tx, cancel context.CancelFunc) error { cancel(); return nil },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		tx, err := st.DB().BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		short, stopWaiting := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if _, err := st.Setting(short, "a", []byte("x")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: a write beside the host's open transaction = %v, want it to wait", name, err)
		}
		if _, err := st.DB().BeginTx(short, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: a second transaction of the host = %v, want it to wait", name, err)
		}
		stopWaiting()
		if err := end(tx, cancel); err != nil {
			t.Fatal(err)
		}
		if err := write(); err != nil {
			t.Errorf("a write after the host's %s: %v", name, err)
		}
		cancel()
	}
}
