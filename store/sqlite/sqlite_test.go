package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/store/storetest"
)

func TestContract(t *testing.T) {
	empty := emptyFile(t)
	storetest.Run(t, func(t *testing.T) storetest.Harness {
		path := filepath.Join(t.TempDir(), "webhooks.db")
		if err := os.WriteFile(path, empty, 0o600); err != nil {
			t.Fatal(err)
		}
		st := openFile(t, path)
		return storetest.Harness{
			Store:  st,
			Second: func(t *testing.T) store.Store { return openFile(t, path) },
			Reopen: func(t *testing.T) store.Store {
				if err := st.Close(); err != nil {
					t.Fatalf("Close = %v; want nil", err)
				}
				st = openFile(t, path)
				return st
			},
			Begin:     func(t *testing.T) storetest.HostTx { return begin(t, st) },
			Exclusive: true,
		}
	})
}

// emptyFile returns a database that is migrated, so that not every case has to.
func emptyFile(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "webhooks.db")
	if err := openFile(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	empty, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return empty
}

// underRace says that the race detector is on.
var underRace bool

// TestContractInMemory has no transactions of the host: readers would wait for
// them, which they never do with a file.
func TestContractInMemory(t *testing.T) {
	if underRace {
		t.Skip("migrating for each case is slow under the race detector, and the code is the same as with a file")
	}
	storetest.Run(t, func(t *testing.T) storetest.Harness {
		return storetest.Harness{Store: openFile(t, ":memory:"), Exclusive: true}
	})
}

// openFile opens a database that is closed with the test.
func openFile(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	st, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatalf("Open = %v; want nil", err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Errorf("Close = %v; want nil", err)
		}
	})
	return st
}

func begin(t *testing.T, st *sqlite.Store) storetest.HostTx {
	t.Helper()
	tx, err := st.DB().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatalf("BeginTx = %v; want nil", err)
	}
	t.Cleanup(func() { _ = tx.Rollback() }) // it may have ended
	return storetest.HostTx{Tx: st.Tx(tx), Commit: tx.Commit, Rollback: tx.Rollback}
}
