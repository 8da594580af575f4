package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/store/storetest"
)

// left returns where in a database's files some bytes are.
func left(t *testing.T, path string, canary []byte) (where []string) {
	t.Helper()
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) < 3 {
		t.Fatalf("files of the database = %v, %v; want it, its log and the log's index", files, err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(b, canary); n > 0 {
			where = append(where, fmt.Sprintf("%s (%d times)", filepath.Base(name), n))
		}
	}
	return where
}

// TestVacuumLeavesNothing looks for the bytes of a subject in the files: after it was
// erased they are in pages that are free, or that had been copied; after Vacuum they
// are nowhere.
func TestVacuumLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "webhooks.db")
	st := openFile(t, path)
	canary := storetest.Canary(t, st)
	if where := left(t, path, canary); len(where) == 0 {
		t.Fatal("the files have nothing of the subject before it is erased: the test would see nothing")
	}
	if _, err := st.EraseSubject(t.Context(), time.Now(), "acme", storetest.CanarySubject, store.MaxPage); err != nil {
		t.Fatal(err)
	}
	if where := left(t, path, canary); len(where) == 0 {
		t.Error("the files have nothing of the subject before Vacuum: the test would not see what Vacuum is for")
	}
	if err := st.Vacuum(t.Context()); err != nil {
		t.Fatalf("Vacuum = %v", err)
	}
	if where := left(t, path, canary); len(where) > 0 {
		t.Errorf("%q is in %s after EraseSubject and Vacuum; want it nowhere", canary, strings.Join(where, ", "))
	}
	if _, err := st.Setting(t.Context(), "a", []byte("b")); err != nil {
		t.Errorf("a write after Vacuum = %v", err)
	}
}

// A read that goes on keeps its part of the log. Vacuum says so in the end, and does
// its work once the read is over.
func TestVacuumWaitsForReads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "webhooks.db")
	st := openFile(t, path)
	tx, err := st.DB().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }() // it has ended
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := st.Vacuum(ctx); !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Vacuum while the host has a transaction = %v; want ErrUnavailable when its context ends", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := st.Vacuum(t.Context()); err != nil {
		t.Errorf("Vacuum = %v; want nil", err)
	}
	if info, err := os.Stat(path + "-wal"); err != nil || info.Size() != 0 {
		t.Errorf("the log after Vacuum: %v, %v; want it empty", info.Size(), err)
	}
	memory, err := sqlite.Open(t.Context(), ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	if err := memory.Vacuum(t.Context()); err != nil {
		t.Errorf("Vacuum in memory = %v; want nil", err)
	}
}
