package faults_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// startTimeout bounds how long a child takes to be ready, and to stop.
const startTimeout = 2 * time.Minute

// process is a child as its parent sees it.
type process struct {
	t   *testing.T
	cfg childConfig
	cmd *exec.Cmd
	in  io.WriteCloser
	log tail
	// ended is closed when all that the child ever said has been heard.
	ended chan struct{}
	once  sync.Once
	// exit is what the child ended with, once reap has run.
	exit error

	mu      sync.Mutex // guards in too
	seq     int
	waiting map[int]chan answer
}

// start starts a child and waits until it is ready. wrap, if any, is the command
// that runs it. The child is stopped with the test at the latest.
func start(t *testing.T, cfg childConfig, wrap ...string) *process {
	t.Helper()
	p, err := tryStart(t, cfg, nil, wrap...)
	if err != nil {
		t.Fatalf("start a child: %v\n%s", err, p.log.String())
	}
	return p
}

// tryStart is start with an answer instead of a failed test.
func tryStart(t *testing.T, cfg childConfig, adjust func(*exec.Cmd), wrap ...string) (*process, error) {
	t.Helper()
	config, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	args := append(wrap, program(t))
	p := &process{
		t: t, cfg: cfg, cmd: exec.Command(args[0], args[1:]...),
		ended: make(chan struct{}), waiting: map[int]chan answer{},
	}
	// A child with the race detector would sleep for a second at its end.
	p.cmd.Env = append([]string{"GORACE=atexit_sleep_ms=0"}, os.Environ()...)
	p.cmd.Env = append(p.cmd.Env, childVariable+"="+string(config))
	p.cmd.Stderr = &p.log
	if adjust != nil {
		adjust(p.cmd)
	}
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return p, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return p, err
	}
	ready := make(chan answer, 1)
	p.waiting[0] = ready
	if err := p.cmd.Start(); err != nil {
		return p, err
	}
	t.Cleanup(p.kill)
	go p.listen(out)
	select {
	case <-ready:
		return p, nil
	case <-p.ended:
		p.reap()
		return p, errors.Join(errors.New("it ended at once"), p.exit)
	case <-time.After(startTimeout):
		return p, errors.New("it did not become ready")
	}
}

// listen hears the child out.
func (p *process) listen(out io.Reader) {
	defer close(p.ended)
	for dec := json.NewDecoder(out); ; {
		var a answer
		if dec.Decode(&a) != nil {
			return // the end, or a line that the kill cut short
		}
		p.mu.Lock()
		ch := p.waiting[a.Seq]
		delete(p.waiting, a.Seq)
		p.mu.Unlock()
		if ch != nil {
			ch <- a
		}
	}
}

// call gives an order and returns the answer, or false if the child ended before
// it gave one.
func (p *process) call(o order) (answer, bool) {
	ch := make(chan answer, 1)
	p.mu.Lock()
	p.seq++
	o.Seq = p.seq
	p.waiting[o.Seq] = ch
	line, err := json.Marshal(o)
	if err == nil {
		_, err = p.in.Write(append(line, '\n'))
	}
	p.mu.Unlock()
	if err != nil {
		<-p.ended // a broken pipe
	}
	select {
	case a := <-ch:
		return a, true
	case <-p.ended:
	}
	select {
	case a := <-ch: // it was the last thing the child said
		return a, true
	default:
		return answer{}, false
	}
}

// must gives an order that has to be carried out.
func (p *process) must(o order) answer {
	p.t.Helper()
	a, ok := p.call(o)
	if !ok || a.Error != "" {
		p.t.Fatalf("%s = %q, answered %v; want it done\n%s", o.Do, a.Error, ok, p.log.String())
	}
	return a
}

func (p *process) life() int { return p.cfg.Life }

// kill kills the child, hears the rest of what it had said, and waits until it
// is gone. It does nothing to one that has ended.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	p.reap()
}

func (p *process) reap() {
	p.once.Do(func() {
		<-p.ended
		_ = p.in.Close() // it is gone
		p.exit = p.cmd.Wait()
	})
}

// stop lets the child drain and waits for its end.
func (p *process) stop() {
	p.t.Helper()
	p.mu.Lock()
	_ = p.in.Close()
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	select {
	case <-p.ended:
	case <-ctx.Done():
		p.t.Errorf("child did not stop within %v", startTimeout)
		_ = p.cmd.Process.Kill()
	}
	p.reap()
	if p.exit != nil {
		p.t.Errorf("child ended with %v; want a clean end\n%s", p.exit, p.log.String())
	}
}

// alive reports whether there may be more to hear from the child.
func (p *process) alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// settleDown waits until nothing is pending, and reports whether that came to be
// within the limit.
func (p *process) settleDown(limit time.Duration) bool {
	p.t.Helper()
	for deadline := time.Now().Add(limit); p.must(order{Do: doPending}).N > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// allSettle waits until nothing is pending, and reports whether that came to be. It
// gives up once nothing has ended for as long as patience, however much there is:
// where attempts have failed five times in a row, a recovery lets the rest go at 50/s.
func allSettle(patience time.Duration, pending func() int) bool {
	deadline, least := time.Now().Add(patience), math.MaxInt
	for ; ; time.Sleep(50 * time.Millisecond) {
		switch n := pending(); {
		case n == 0:
			return true
		case n < least:
			deadline, least = time.Now().Add(patience), n
		case time.Now().After(deadline):
			return false
		}
	}
}

// tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const tailSize = 8 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	if over := len(t.buf) - tailSize; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.buf))
}
