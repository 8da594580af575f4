package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/postrider/postrider/store/sqlstore"
)

// TestLogStaysShort writes while readers never rest.
func TestLogStaysShort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "webhooks.db")
	st, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	const long = 2 << 20
	st.writer.log.long = long
	if err := st.writer.Write(t.Context(), func(ctx context.Context, c sqlstore.Conn) error {
		_, err := c.Exec(ctx, `CREATE TABLE notes (note BLOB)`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := st.readers.Read(t.Context(), func(ctx context.Context, c sqlstore.Conn) error {
					return c.Query(ctx, `SELECT rowid FROM notes LIMIT 100`, nil, func(sqlstore.Row) error { return nil })
				}); err != nil {
					t.Errorf("Read = %v; want nil", err)
					return
				}
			}
		})
	}
	var most int64
	for range 10 * logCheckEvery {
		if err := st.writer.Write(t.Context(), func(ctx context.Context, c sqlstore.Conn) error {
			_, err := c.Exec(ctx, `INSERT INTO notes (note) VALUES (zeroblob(16384))`)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path + "-wal"); err == nil {
			most = max(most, info.Size())
		}
	}
	close(done)
	readers.Wait()
	if most > 3*long {
		t.Errorf("log grew to %d MiB; want about %d: it would fill the disk", most>>20, long>>20)
	}
}
