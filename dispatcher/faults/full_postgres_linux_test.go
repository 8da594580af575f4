package faults_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/postrider/postrider/store/postgres/postgrestest"
)

// namespaceVariable is set in a test binary that has a mount namespace of its own.
const namespaceVariable = "POSTRIDER_FAULTS_NAMESPACE"

// TestFaultDiskFullPostgres takes the room away under a server, and gives it back.
func TestFaultDiskFullPostgres(t *testing.T) {
	if os.Getenv(namespaceVariable) == "" {
		take(t, light)
		inNamespace(t)
		return
	}
	t.Run("tablespace", func(t *testing.T) {
		// Only the tables are on the file system that is full, so the server
		// lives on.
		server := postgrestest.New(t, postgrestest.Options{})
		dir := mountSmall(t, "64m")
		pool := server.Pool(t)
		for _, text := range []string{
			`COPY (SELECT 1) TO PROGRAM 'cat > /dev/null && mkdir -m 700 ` + dir + `/tables'`, // as the server's user
			`CREATE TABLESPACE small LOCATION '` + dir + `/tables'`,
			`ALTER DATABASE postgres SET default_tablespace = small`,
		} {
			if _, err := pool.Exec(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		fillServer(t, server, dir, "PostgreSQL, a full tablespace", nil)
	})
	t.Run("data folder", func(t *testing.T) {
		// The log is there too. When it cannot grow, the server crashes, and
		// cannot recover.
		dir := mountSmall(t, "192m")
		server := postgrestest.New(t, postgrestest.Options{
			Dir: dir, Settings: map[string]string{"max_wal_size": "48MB", "min_wal_size": "32MB"},
		})
		fillServer(t, server, dir, "PostgreSQL, a full data folder", func(ctx context.Context, pool *pgxpool.Pool) error {
			_, err := pool.Exec(ctx, `SELECT pg_logical_emit_message(false, 'fill', repeat('f', 1000000))`)
			return err
		})
	})
}

// inNamespace runs the test again in a mount namespace: however it ends, nothing
// of what it mounts stays.
func inNamespace(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a PostgreSQL server, which -short does without")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", fmt.Sprintf("-fault.seed=%d", seedOf(t)))
	cmd.Env = append(os.Environ(), namespaceVariable+"=1", programVariable+"="+program(t), "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, os.ErrPermission) {
		t.Skipf("mounting is not permitted here: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "F10 ") || err != nil {
			t.Log(strings.TrimSpace(line))
		}
	}
	if err != nil {
		t.Errorf("in a mount namespace: %v", err)
	}
}

// mountSmall returns a folder with a file system of its own, which the server's
// user may write to.
func mountSmall(t *testing.T, size string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "small")
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=1777,size="+size); err != nil {
		t.Fatalf("mount tmpfs: %v", err)
	}
	t.Cleanup(func() {
		_ = syscall.Unmount(dir, syscall.MNT_DETACH) // the namespace ends with us
		_ = os.Remove(dir)
	})
	return dir
}

// fillServer publishes while the server's file system fills. write, if any, is
// repeated until it fails.
func fillServer(t *testing.T, server *postgrestest.Server, dir, what string, write func(context.Context, *pgxpool.Pool) error) {
	t.Helper()
	w := newFleet(t, server, seedOf(t), good, flaky)
	w.common.Lease = 10 * time.Second
	p := w.enlist(1)[0]
	f := &fullRun{world: w.world, process: p, crashes: true}
	var writing sync.WaitGroup
	f.run(func(full bool) {
		free := int64(0)
		if full {
			free = room
		}
		if err := leaveFree(childConfig{Tmpfs: dir}, free); err != nil {
			t.Fatal(err)
		}
		if full {
			writing.Go(func() {
				for n := 0; write != nil && n < 500; n++ {
					if write(t.Context(), w.pool) != nil {
						return
					}
				}
			})
			return
		}
		writing.Wait()
		if !server.Alive() {
			what += ", which ended the server"
		}
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
	})
	f.judge(what, w.finish(p))
}
