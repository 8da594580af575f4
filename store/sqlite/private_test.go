package sqlite_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlite"
)

func TestFilesArePrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "webhooks.db")
	st, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if _, err := st.Setting(t.Context(), "a", []byte("b")); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("mode of webhooks.db%s = %o, want 600: it holds payloads", suffix, mode)
		}
	}
}

// A lease that could not be written off must not keep the same process from
// delivering again.
func TestResignGivesTheLockBackWhateverTheWriteSays(t *testing.T) {
	st, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "webhooks.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	epoch, err := st.Acquire(t.Context(), time.Now(), store.Process{}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := st.Resign(ended, time.Now(), epoch); !errors.Is(err, context.Canceled) {
		t.Fatalf("Resign with a context that has ended = %v, want its error", err)
	}
	if _, err := st.Acquire(t.Context(), time.Now(), store.Process{}, time.Minute); err != nil {
		t.Errorf("Acquire after a Resign that failed = %v, want a new lease", err)
	}
}
