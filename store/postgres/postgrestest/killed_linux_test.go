package postgrestest_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/store/postgres/postgrestest"
)

// holder is set in the test binary that is to be killed.
const holder = "POSTGRESTEST_HOLDER"

func TestKilledProcess(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts a server in another process")
	}
	dir := passable(t)
	left, held := leftover(t, dir, "postgrestest-left"), leftover(t, dir, "postgrestest-held")
	if err := syscall.Flock(int(held.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	cmd := child("-test.run=^TestHolder$")
	cmd.Env = append(os.Environ(), holder+"=1", "TMPDIR="+dir, "POSTRIDER_TEST_POSTGRES=")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	said, err := lines.ReadString('\n')
	servers := strings.Fields(said)
	_ = cmd.Process.Kill()
	rest, _ := io.ReadAll(lines)
	_ = cmd.Wait() // it was killed
	if err != nil || len(servers) != 2 {
		t.Fatalf("the child said %q, %v; want two URLs\n%s", said, err, rest)
	}
	for _, dsn := range servers {
		awaitEnd(t, dsn)
	}
	if _, err := os.Stat(left.Name()); err == nil {
		t.Error("the folder of a binary that was killed is still there")
	}
	if _, err := os.Stat(held.Name()); err != nil {
		t.Errorf("the folder of a binary that runs: %v", err)
	}
}

// TestHolder is the child's part.
func TestHolder(t *testing.T) {
	if os.Getenv(holder) == "" {
		t.Skip("has a part in TestKilledProcess alone")
	}
	s := postgrestest.Shared(t)
	fmt.Println(s.DSN(), s.Bouncer(t))
	_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed
}

// leftover makes the folder of another test binary, and returns its lock.
func leftover(t *testing.T, dir, name string) *os.File {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.Mkdir(path, 0o711); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(path, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// awaitEnd waits until a server does not answer any more.
func awaitEnd(t *testing.T, dsn string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, dsn)
		if ctx.Err() != nil {
			t.Fatalf("%s still answers", dsn)
		}
		if err != nil {
			return
		}
		_ = conn.Close(ctx)
		<-tick.C
	}
}
