package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlstore"
)

// The bounds of a group of operations that share a commit.
const (
	groupOperations = 64
	groupTime       = 10 * time.Millisecond
	// regroup is how often others are let run before a group is closed: those
	// that the last commit has just answered are about to write again. It was
	// measured to save a third of all commits at 32 publishers.
	regroup = 2
)

// writer runs operations on the one connection that writes, in groups. It has
// no goroutine of its own: the caller that finds nobody at work leads, runs what
// has queued up, its own operation first, commits, answers everyone, and hands
// the lead to the first who came later.
type writer struct {
	conn *conn // belongs to whoever leads, as the log does
	log  logKeeper
	// groupTime is the age at which a group is closed, however few are in it.
	groupTime time.Duration

	mu      sync.Mutex
	queue   []*operation // not begun, in the order they came
	leading bool
	closed  bool
	idle    chan struct{} // closed once the writer is closed and nobody leads
}

// operation is one call of Write.
type operation struct {
	fn func(context.Context, sqlstore.Conn) error
	// wake tells its caller to lead (true), or that err is final (false).
	wake chan bool
	// ran is closed when fn has returned. Until then fn may use what belongs
	// to the caller.
	ran   chan struct{}
	begun bool // guarded by writer.mu
	// loan says that it is no operation of ours but a transaction of the host
	// that waits for its turn.
	loan     bool
	err      error
	panicked any // what fn panicked with, for its own caller
}

// call runs fn. A panic is kept: it must not unwind another caller, who leads.
func (op *operation) call(c *conn) (err error) {
	defer func() {
		if op.panicked = recover(); op.panicked != nil {
			err = errPanicked
		}
	}()
	return classify(op.fn(background, c))
}

var errPanicked = errors.New("operation panicked")

// answer returns what became of the operation to its caller.
func (op *operation) answer() error {
	if op.panicked != nil {
		panic(op.panicked)
	}
	return op.err
}

func newWriter(c *conn) *writer {
	return &writer{conn: c, groupTime: groupTime, idle: make(chan struct{})}
}

// Write runs fn in a transaction; see sqlstore.Database. If ctx ends before fn
// began nothing is written; if it ends later the outcome is store.ErrUnknown.
func (w *writer) Write(ctx context.Context, fn func(context.Context, sqlstore.Conn) error) error {
	if ctx.Err() != nil {
		return gaveUp(ctx)
	}
	op := &operation{fn: fn, wake: make(chan bool, 1), ran: make(chan struct{})}
	first, err := w.enqueue(op)
	if err != nil {
		return err
	}
	if !first {
		if lead, err := w.await(ctx, op); !lead {
			return err
		}
	}
	return w.lead(ctx, op)
}

// enqueue queues an operation and reports whether its caller leads at once.
func (w *writer) enqueue(op *operation) (first bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false, errClosed
	}
	w.queue = append(w.queue, op)
	first = !w.leading
	w.leading = true
	return first, nil
}

// await waits until an operation is done, its caller is to lead, or ctx ends.
func (w *writer) await(ctx context.Context, op *operation) (lead bool, err error) {
	select {
	case lead := <-op.wake:
		return lead, op.answer()
	case <-ctx.Done():
	}
	w.mu.Lock()
	begun := op.begun
	dropped := !begun && w.drop(op)
	w.mu.Unlock()
	switch {
	case dropped:
		return false, gaveUp(ctx)
	case begun:
		<-op.ran
	}
	select {
	case lead := <-op.wake:
		return lead, op.answer()
	default:
		return false, fmt.Errorf("%w: %w", store.ErrUnknown, context.Cause(ctx))
	}
}

// drop removes an operation that has not begun from the queue, unless its
// caller was told to lead.
func (w *writer) drop(op *operation) bool {
	for i, queued := range w.queue {
		if queued == op && len(op.wake) == 0 {
			w.queue = append(w.queue[:i], w.queue[i+1:]...)
			return true
		}
	}
	return false
}

// lead runs a group that begins with op, and hands the lead on.
func (w *writer) lead(ctx context.Context, op *operation) error {
	defer w.handOver()
	if err := w.begin(ctx); err != nil {
		w.mu.Lock()
		w.queue = w.queue[1:]
		w.mu.Unlock()
		return err
	}
	w.finish(w.run())
	w.log.committed(w.conn)
	<-op.wake
	return op.answer()
}

// handOver lets the first who waits lead, if anyone does.
func (w *writer) handOver() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) > 0 {
		w.queue[0].wake <- true
		return
	}
	w.leading = false
	if w.closed {
		close(w.idle)
	}
}

// begin takes the write lock. Somebody else may have it, the host in a
// transaction of its own or another process, and for as long as they like: it is
// asked for until ctx ends.
func (w *writer) begin(ctx context.Context) error {
	for wait := 100 * time.Microsecond; ; wait = min(wait*2, 20*time.Millisecond) {
		_, err := w.conn.Exec(ctx, `BEGIN IMMEDIATE`)
		switch {
		case err == nil:
			return nil
		case !isBusy(err):
			return errors.Join(classify(err), w.clear())
		}
		pause := time.NewTimer(wait/2 + rand.N(wait))
		select {
		case <-ctx.Done():
			pause.Stop()
			return gaveUp(ctx)
		case <-pause.C:
		}
	}
}

// clear makes sure that the connection is not inside a transaction.
func (w *writer) clear() error {
	if _, err := w.conn.Exec(background, `ROLLBACK`); err == nil {
		return errors.New("connection was inside a transaction")
	}
	return nil
}

// run takes operations from the queue and runs them, until there are no more or
// the group is full, and returns the group. The first is not in a savepoint: if
// it fails, all that there is to roll back is its own.
func (w *writer) run() (group []*operation, err error) {
	started := time.Now()
	for len(group) == 0 || len(group) < groupOperations && time.Since(started) < w.groupTime {
		op := w.next()
		for range regroup {
			if op == nil && len(group) > 0 {
				runtime.Gosched()
				op = w.next()
			}
		}
		if op == nil {
			break
		}
		group = append(group, op)
		lost := w.runOne(op, len(group) > 1)
		close(op.ran)
		if lost != nil {
			return group, lost
		}
		if op.err != nil && len(group) == 1 {
			break
		}
	}
	return group, nil
}

func (w *writer) next() *operation {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 || w.queue[0].loan {
		return nil
	}
	op := w.queue[0]
	w.queue[0] = nil
	w.queue = w.queue[1:]
	op.begun = true
	return op
}

// runOne runs one operation. It returns an error if the transaction was lost
// with all that is in it.
func (w *writer) runOne(op *operation, savepoint bool) (lost error) {
	if !savepoint {
		op.err = op.call(w.conn)
		return nil
	}
	if _, err := w.conn.Exec(background, `SAVEPOINT operation`); err != nil {
		op.err = classify(err)
		return op.err
	}
	if op.err = op.call(w.conn); op.err != nil {
		// SQLite ends the whole transaction itself after some errors, such as
		// a full disk; then there is no savepoint to go back to.
		if _, err := w.conn.Exec(background, `ROLLBACK TO operation`); err != nil {
			return op.err
		}
	}
	if _, err := w.conn.Exec(background, `RELEASE operation`); err != nil {
		op.err = errors.Join(op.err, classify(err))
		return op.err
	}
	return nil
}

// finish commits a group and answers everyone in it. If the transaction was
// lost, nothing of the group was written.
func (w *writer) finish(group []*operation, lost error) {
	var failed error
	switch {
	case lost != nil:
		_ = w.clear()
		failed = fmt.Errorf("%w: shared transaction ended: %w", store.ErrUnavailable, lost)
	case group[0].err != nil && len(group) == 1:
		_ = w.clear()
	default:
		failed = w.commit()
	}
	for _, op := range group {
		if failed != nil && op.err == nil {
			op.err = failed
		}
		op.wake <- false
	}
}

// commitPatience bounds the time that a commit waits for readers, who stand in
// its way only where there is no write-ahead log: in memory.
const commitPatience = 5 * time.Second

// commit makes the group durable. An error leaves the connection outside any
// transaction. It was not committed if the transaction is still open after the
// error, or if a write failed, as on a full disk: the mark of a commit is the
// last thing that is written to the log. After any other error, such as one of
// the sync that follows, the mark may be there, and a restart might find it: the
// outcome is unknown.
func (w *writer) commit() error {
	var err error
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		if _, err = w.conn.Exec(background, `COMMIT`); err == nil {
			return nil
		}
		if !isBusy(err) || time.Since(start) > commitPatience {
			break
		}
	}
	if w.clear() != nil || isFailedWrite(err) {
		return classify(err)
	}
	return fmt.Errorf("%w: commit: %w", store.ErrUnknown, err)
}

// close waits for the operations that were called for, refuses later ones, and
// closes the connection.
func (w *writer) close() error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil
	}
	w.closed = true
	if !w.leading {
		close(w.idle)
	}
	w.mu.Unlock()
	<-w.idle
	return w.conn.close()
}
