package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/store/sqlstore"
)

// TestOpenAtOnce opens a new file from several Stores, as processes that start
// together do.
func TestOpenAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "webhooks.db")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			st, err := sqlite.Open(t.Context(), path)
			if err != nil {
				t.Errorf("Open while others migrate = %v; want nil", err)
				return
			}
			if err := st.Close(); err != nil {
				t.Errorf("Close = %v; want nil", err)
			}
		})
	}
	wg.Wait()
	db := openHandle(t, path)
	var applied int
	if err := db.QueryRow(`SELECT count(*) FROM postrider_schema WHERE version_id = 1`).Scan(&applied); err != nil || applied != 1 {
		t.Errorf("migration 1 was applied %d times, error %v; want once", applied, err)
	}
}

// TestOpenOddPath opens files whose names mean something in a URI.
func TestOpenOddPath(t *testing.T) {
	for _, name := range []string{"with space.db", "percent%20.db", "question?mark.db", "hash#.db", "plus+.db", "ümlaut.db"} {
		path := filepath.Join(t.TempDir(), name)
		openFile(t, path)
		if _, err := os.Stat(path); err != nil {
			t.Errorf("Open(%q) made another file: %v", name, err)
		}
	}
}

func TestOpenUnavailable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing", "webhooks.db")
	if _, err := sqlite.Open(t.Context(), path); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Open in a folder that does not exist = %v; want ErrUnavailable", err)
	}
	path = filepath.Join(t.TempDir(), "text.db")
	if err := os.WriteFile(path, []byte("this is no database, and long enough to be taken for one, for sure"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), path); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Open of a file that is no database = %v; want ErrUnavailable", err)
	}
}

// TestSchemaTooNew opens a file of a newer version of the library.
func TestSchemaTooNew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "webhooks.db")
	if err := openFile(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	db := openHandle(t, path)
	if _, err := db.Exec(`INSERT INTO postrider_schema (version_id, is_applied) VALUES (9999, 1)`); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), path); !errors.Is(err, store.ErrSchemaTooNew) {
		t.Errorf("Open of a newer schema = %v; want ErrSchemaTooNew", err)
	}
	if _, err := sqlite.New(t.Context(), db, sqlite.Config{}); !errors.Is(err, store.ErrSchemaTooNew) {
		t.Errorf("New over a newer schema = %v; want ErrSchemaTooNew", err)
	}
	if err := sqlite.Migrate(t.Context(), db); !errors.Is(err, store.ErrSchemaTooNew) {
		t.Errorf("Migrate of a newer schema = %v; want ErrSchemaTooNew", err)
	}
}

// TestNewOverHandle shares a file with a host.
func TestNewOverHandle(t *testing.T) {
	db := openHandle(t, filepath.Join(t.TempDir(), "host.db"))
	if _, err := db.Exec(`CREATE TABLE events (id INTEGER PRIMARY KEY)`); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.New(t.Context(), db, sqlite.Config{}); !errors.Is(err, sqlstore.ErrSchemaTooOld) {
		t.Errorf("New before Migrate = %v; want ErrSchemaTooOld", err)
	}
	if err := sqlite.Migrate(t.Context(), db); err != nil {
		t.Fatalf("Migrate = %v; want nil", err)
	}
	st, err := sqlite.New(t.Context(), db, sqlite.Config{Readers: 1})
	if err != nil {
		t.Fatalf("New = %v; want nil", err)
	}
	newLoad(t, st).publishSettle(t, 3)
	if err := st.Close(); err != nil {
		t.Errorf("Close = %v; want nil", err)
	}
	if err := db.Ping(); err != nil {
		t.Errorf("host's handle after Close = %v; want it open: it is the host's", err)
	}
}

func TestMigrationsAreForwardOnly(t *testing.T) {
	fsys, err := sqlite.Migrations()
	if err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(fsys, "*.sql")
	if err != nil || len(names) == 0 {
		t.Fatalf("Migrations = %v, error %v; want numbered files", names, err)
	}
	for i, name := range names {
		var number int
		if _, err := fmt.Sscanf(name, "%04d_", &number); err != nil || number != i+1 {
			t.Errorf("migration %d is %s; want numbers without gaps", i+1, name)
		}
	}
}

// TestPragmas looks at what is in force where it counts.
func TestPragmas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "webhooks.db")
	openFile(t, path)
	db := openHandle(t, path)
	for pragma, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "busy_timeout": "5000", "foreign_keys": "1", "auto_vacuum": "2",
	} {
		var got string
		if err := db.QueryRow(`PRAGMA ` + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("PRAGMA %s of a handle opened with DSN = %s, error %v; want %s", pragma, got, err, want)
		}
	}
}

// openHandle opens a host's handle.
func openHandle(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", sqlite.DSN(path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// TestTwoStoresPublish publishes from two Stores on one file at once.
func TestTwoStoresPublish(t *testing.T) {
	path := filepath.Join(t.TempDir(), "webhooks.db")
	a := newLoad(t, openFile(t, path))
	const callers, each = 4, 25
	var wg sync.WaitGroup
	for i := range callers {
		st := []*sqlite.Store{a.st, openFile(t, path)}[i%2]
		var pubs []store.Publication
		for range each {
			pubs = append(pubs, a.publication(time.Now()))
		}
		wg.Go(func() {
			for i := range pubs {
				if _, err := st.Publish(t.Context(), time.Now(), pubs[i:i+1]); err != nil {
					t.Errorf("Publish while another process publishes = %v; want nil", err)
				}
			}
		})
	}
	wg.Wait()
	list, err := a.st.ListEvents(t.Context(), "acme", store.Page{Limit: store.MaxPage})
	if err != nil || len(list) != callers*each {
		t.Errorf("ListEvents = %d events, error %v; want %d", len(list), err, callers*each)
	}
}

// TestPublishInsideHostTransaction waits for the host until its context ends.
func TestPublishInsideHostTransaction(t *testing.T) {
	l := newLoad(t, openFile(t, filepath.Join(t.TempDir(), "webhooks.db")))
	tx, err := l.st.DB().Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }() // it wrote nothing
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = l.st.Publish(ctx, time.Now(), []store.Publication{l.publication(time.Now())})
	if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Publish while the host has the write lock = %v; want ErrUnavailable when its context ends", err)
	}
	// A claim loop with nothing to do is not held up: it only reads.
	if _, _, err := l.st.Poll(t.Context(), time.Now(), l.epoch, 10, nil); err != nil {
		t.Errorf("Poll with nothing due while the host has the write lock = %v; want nil", err)
	}
}

// TestLeaseFallsWithProcess kills a process that holds the lease.
func TestLeaseFallsWithProcess(t *testing.T) {
	if path := os.Getenv("POSTRIDER_TEST_HOLD"); path != "" {
		st, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.Acquire(t.Context(), time.Now(), store.Process{}, time.Hour); err != nil {
			t.Fatal(err)
		}
		fmt.Println("held")
		select {}
	}
	path := filepath.Join(t.TempDir(), "webhooks.db")
	st := openFile(t, path)
	holder := exec.Command(os.Args[0], "-test.run=^TestLeaseFallsWithProcess$")
	holder.Env = append(os.Environ(), "POSTRIDER_TEST_HOLD="+path)
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fscanln(out, new(string)); err != nil {
		t.Fatalf("process did not take the lease: %v", err)
	}
	if _, err := st.Acquire(t.Context(), time.Now(), store.Process{}, time.Hour); !errors.Is(err, store.ErrLeaseHeld) {
		t.Errorf("Acquire while another process holds the lease = %v; want ErrLeaseHeld", err)
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait() // it was killed
	if _, err := st.Acquire(t.Context(), time.Now(), store.Process{}, time.Hour); err != nil {
		t.Errorf("Acquire after the other process was killed = %v; want nil at once", err)
	}
}
