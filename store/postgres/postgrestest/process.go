package postgrestest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// process is a program that runs until it is told to end, at the latest when we do.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // what it ended with, once it has
}

// spawn starts a program whose output goes to a log. The system ends the program
// with the thread that started it, which therefore waits for it.
func spawn(cmd *exec.Cmd, l *logFile) (*process, error) {
	cmd.Stdout, cmd.Stderr = l.f, l.f
	if err := confine(cmd); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.ended)
		}
	}()
	return p, <-started
}

// run runs a program to its end. Its output is in the error.
func run(cmd *exec.Cmd) error {
	if err := confine(cmd); err != nil {
		return err
	}
	runtime.LockOSThread() // see spawn
	defer runtime.UnlockOSThread()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, bytes.TrimSpace(out))
	}
	return nil
}

// confine makes a program ours: it runs as the servers' user, in a folder that
// this user may enter, ends with us, and knows nothing of the settings for
// PostgreSQL's programs that the host's environment may have.
func confine(cmd *exec.Cmd) error {
	cmd.Dir = "/"
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PG") && !strings.HasPrefix(v, "LC_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "LC_ALL=C")
	return bind(cmd)
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// crash kills the process and all that it has started, and waits until they are
// gone.
func (p *process) crash() {
	if !p.hasEnded() {
		killFamily(p.cmd.Process)
		<-p.ended
	}
}

// await waits until a server can be connected to, or its process has ended.
func (p *process) await(ctx context.Context, dsn string) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, dsn)
		if err == nil {
			_ = conn.Close(ctx) // nothing was sent
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("it ended at once: %w", errors.Join(p.err, err))
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", err)
		case <-tick.C:
		}
	}
}

// logFile is where a process writes, from where it began. Its folder keeps others
// out, and the process may read it.
type logFile struct {
	f    *os.File
	from int64
}

func openLog(path string) (*logFile, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	from, err := f.Seek(0, io.SeekEnd)
	return &logFile{f, from}, err
}

// tail returns the end of what was written since the log was opened.
func (l *logFile) tail() string {
	const most = 4096
	end, err := l.f.Seek(0, io.SeekEnd)
	if err != nil {
		return err.Error()
	}
	from := max(l.from, end-most)
	b, err := io.ReadAll(io.NewSectionReader(l.f, from, end-from))
	if err != nil {
		return err.Error()
	}
	if from > l.from {
		_, b, _ = bytes.Cut(b, []byte("\n")) // the rest of a line
	}
	return fmt.Sprintf("%s:\n%s", filepath.Base(l.f.Name()), bytes.TrimSpace(b))
}

func (l *logFile) close() { _ = l.f.Close() }
