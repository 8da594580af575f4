package faults_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestFaultDiskFull takes the room away under a child that publishes, and gives
// it back.
func TestFaultDiskFull(t *testing.T) {
	beside(t, light)
	t.Run("file size limit", func(t *testing.T) {
		w := newWorld(t, seedOf(t), good, flaky)
		p := start(t, childConfig{Path: w.path, Slots: slots, Life: w.ledger.begin()})
		f := &fullRun{world: w, process: p}
		f.run(func(full bool) {
			limit := int64(0)
			if full {
				limit = max(sizeOf(t, w.path), sizeOf(t, w.path+"-wal")) + room
			}
			p.must(order{Do: doLimit, N: limit})
		})
		p.stop()
		w.ledger.end(0, false)
		w.ledger.judged(integrity(t.Context(), w.path))
		f.judge("SQLite, a file size limit", w.audit(w.path))
	})
	t.Run("killed while full", func(t *testing.T) {
		w := newWorld(t, seedOf(t), good, flaky)
		p := start(t, childConfig{Path: w.path, Slots: slots, Life: w.ledger.begin()})
		f := &fullRun{world: w, process: p}
		w.load.publishN(p, 50)
		p.must(order{Do: doLimit, N: max(sizeOf(t, w.path), sizeOf(t, w.path+"-wal")) + room})
		f.publishUntil(20)
		p.kill()
		w.receivers.quiesce()
		w.ledger.end(0, true)
		w.ledger.judged(integrity(t.Context(), w.path))
		// What was refused left a part of itself in the log. It must not be
		// taken for a commit.
		w.finish()
		f.judge("SQLite, killed while full", w.audit(w.path))
	})
	t.Run("full file system", func(t *testing.T) {
		w := newWorld(t, seedOf(t), good, flaky)
		mount := t.TempDir()
		cfg := childConfig{
			Path: filepath.Join(mount, "webhooks.db"), Slots: slots, Life: w.ledger.begin(),
			Tmpfs: mount, Size: "32m", Seed: w.path,
		}
		// The file system belongs to the child's mount namespace: however the
		// test ends, nothing of it stays.
		p, err := tryStart(t, cfg, func(c *exec.Cmd) {
			c.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
		})
		switch {
		case errors.Is(err, os.ErrPermission), err != nil && os.Geteuid() != 0:
			t.Skipf("mounting is not permitted here: %v", err)
		case err != nil:
			t.Fatalf("start a child: %v\n%s", err, p.log.String())
		}
		f := &fullRun{world: w, process: p}
		f.run(func(full bool) {
			free := int64(0)
			if full {
				free = room
			}
			p.must(order{Do: doBallast, N: free})
		})
		p.must(order{Do: doClose})
		w.path = fetch(t, p, cfg.Path)
		p.stop()
		w.ledger.end(0, false)
		w.ledger.judged(integrity(t.Context(), w.path))
		f.judge("SQLite, a full file system", w.audit(w.path))
	})
}

// room is what is left to the database when it is about to be full.
const room = 512 << 10

func sizeOf(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// fetch copies a file that only the child can see.
func fetch(t *testing.T, p *process, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(p.cmd.Process.Pid), "root", path))
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "webhooks.db")
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

// fullRun publishes while there is room, while there is none, and when there is
// some again.
type fullRun struct {
	world   *world
	process *process
	// crashes says that the server may crash for want of room, and so nobody
	// know what became of a commit.
	crashes bool

	mu       sync.Mutex
	calls    int // since the room began to shrink
	failures []answer
	slowest  time.Duration
	again    time.Duration // until publishing worked again
}

// run takes the room away and gives it back; fill does it.
func (f *fullRun) run(fill func(full bool)) {
	t, ld := f.world.t, f.world.load
	t.Helper()
	ld.pace = 80 * time.Millisecond // 100 a second
	ld.publishN(f.process, 50)
	failures := 100
	if long {
		failures = 1000
	}
	fill(true)
	f.publishUntil(failures)
	fill(false)
	freed := time.Now()
	for f.again = 0; f.publish() != acknowledged; {
		if f.again = time.Since(freed); f.again > time.Minute {
			t.Fatalf("no publish succeeds a minute after there is room again\n%s", f.process.log.String())
		}
	}
	f.again = time.Since(freed)
	f.world.receivers.healed.Store(true)
	_, done := ld.run(f.process, nil, false) // what is unknown
	done.Wait()
	if !f.process.settleDown(time.Minute) {
		t.Errorf("deliveries are still pending a minute after there is room again\n%s", f.process.log.String())
	}
}

// publishUntil publishes with all clients until so many calls have failed.
func (f *fullRun) publishUntil(failures int) {
	deadline := time.Now().Add(time.Minute)
	var clients sync.WaitGroup
	for range f.world.load.clients {
		clients.Go(func() {
			pace := time.NewTicker(f.world.load.pace)
			defer pace.Stop()
			for f.failed() < failures && time.Now().Before(deadline) {
				f.publish()
				<-pace.C
			}
		})
	}
	clients.Wait()
}

func (f *fullRun) failed() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.failures)
}

// publish makes one call and notes how it went.
func (f *fullRun) publish() result {
	ld := f.world.load
	a, ok := ld.publish(f.process, ld.sized(ld.next.Add(1), 4<<10))
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	f.slowest = max(f.slowest, time.Duration(a.Micros)*time.Microsecond)
	if !ok || a.Result != acknowledged {
		f.failures = append(f.failures, a)
	}
	return a.Result
}

// judge fails the test for what should not have been. The child has ended.
func (f *fullRun) judge(what string, a *audit) {
	w := f.world
	w.t.Helper()
	var unavailable, unclear, vague int
	var odd string
	for _, failure := range f.failures {
		switch {
		case failure.Unavailable:
			unavailable++
		case failure.Result == unknown && f.crashes:
			unclear++
		default:
			vague++
			odd = failure.Error
		}
	}
	w.t.Logf("F10 %s: %d calls, %d unavailable, %d unknown, %d otherwise, slowest %v, works again after %v; acknowledged %d, lost %d, whole %d of %d",
		what, f.calls, unavailable, unclear, vague, f.slowest, f.again.Round(time.Millisecond),
		a.figures.acknowledged, a.figures.lost, a.figures.whole, len(w.ledger.verdicts))
	a.report(w.t)
	if len(f.failures) == 0 {
		w.t.Error("no publish failed: the disk was not full")
	}
	if vague > 0 {
		w.t.Errorf("%d of %d publishes on a full disk failed with something else than store.ErrUnavailable, such as %s", vague, len(f.failures), odd)
	}
	atOnce, soon := time.Second, 5*time.Second
	if !long { // other tests keep the machine busy
		atOnce, soon = 8*time.Second, 5*soon
	}
	if unclear > 0 { // a dying server leaves a commit without an answer, for which a call to the store waits ten seconds
		atOnce += 10 * time.Second
	}
	if f.slowest > atOnce {
		w.t.Errorf("a publish on a full disk took %v; want at most %v", f.slowest, atOnce)
	}
	if f.again > soon {
		w.t.Errorf("the first publish succeeded %v after there was room again; want at most %v", f.again, soon)
	}
}
