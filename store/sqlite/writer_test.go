package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlstore"
)

// group is a store whose write lock a host's transaction holds, so that
// operations queue up until release.
type group struct {
	t       *testing.T
	st      *Store
	release func()
	calls   sync.WaitGroup
	queued  int
}

func newGroup(t *testing.T) *group {
	st, err := Open(t.Context(), filepath.Join(t.TempDir(), "webhooks.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Errorf("Close = %v; want nil", err)
		}
	})
	st.writer.groupTime = time.Hour // a slow machine must not close a group early
	if _, err := st.DB().Exec(`CREATE TABLE notes (note TEXT PRIMARY KEY)`); err != nil {
		t.Fatal(err)
	}
	tx, err := st.DB().Begin()
	if err != nil {
		t.Fatal(err)
	}
	g := &group{t: t, st: st, release: func() { _ = tx.Rollback() }}
	t.Cleanup(g.release)
	return g
}

// call starts an operation and returns once it is queued. The answer is sent to
// the channel.
func (g *group) call(ctx context.Context, fn func(context.Context, sqlstore.Conn) error) <-chan error {
	answer := make(chan error, 1)
	g.calls.Go(func() { answer <- g.st.writer.Write(ctx, fn) })
	g.queued++
	g.awaitQueue(g.queued)
	return answer
}

// awaitQueue waits until n operations have not begun.
func (g *group) awaitQueue(n int) {
	for {
		g.st.writer.mu.Lock()
		queued := len(g.st.writer.queue)
		g.st.writer.mu.Unlock()
		if queued == n {
			return
		}
		runtime.Gosched()
	}
}

// insert returns an operation that writes a note.
func insert(note string) func(context.Context, sqlstore.Conn) error {
	return func(ctx context.Context, c sqlstore.Conn) error {
		_, err := c.Exec(ctx, `INSERT INTO notes (note) VALUES (?)`, note)
		return err
	}
}

// wantNotes compares what was committed.
func (g *group) wantNotes(want ...string) {
	g.t.Helper()
	rows, err := g.st.DB().Query(`SELECT note FROM notes ORDER BY note`)
	if err != nil {
		g.t.Fatal(err)
	}
	defer rows.Close()
	var got []string
	for rows.Next() {
		var note string
		if err := rows.Scan(&note); err != nil {
			g.t.Fatal(err)
		}
		got = append(got, note)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		g.t.Errorf("committed: %v; want %v", got, want)
	}
}

var errOwn = errors.New("an operation's own error")

// TestGroupFailureIsAlone lets an operation of a group fail after it wrote.
func TestGroupFailureIsAlone(t *testing.T) {
	for failing := range 3 {
		g := newGroup(t)
		var answers []<-chan error
		var want []string
		for i := range 3 {
			note := fmt.Sprint(i)
			op := insert(note)
			if i == failing {
				op = func(ctx context.Context, c sqlstore.Conn) error {
					return errors.Join(insert(note)(ctx, c), errOwn)
				}
			} else {
				want = append(want, note)
			}
			answers = append(answers, g.call(t.Context(), op))
		}
		g.release()
		for i, answer := range answers {
			if err := <-answer; errors.Is(err, errOwn) != (i == failing) || (err != nil) != (i == failing) {
				t.Errorf("operation %d, where %d fails = %v; an operation's failure is its own", i, failing, err)
			}
		}
		g.wantNotes(want...)
	}
}

// TestGroupSharesACommit checks that what queued up is one transaction: a
// savepoint is open in all operations but the first, and no commit between.
func TestGroupSharesACommit(t *testing.T) {
	g := newGroup(t)
	var answers []<-chan error
	for i := range 3 {
		note := fmt.Sprint(i)
		answers = append(answers, g.call(t.Context(), func(ctx context.Context, c sqlstore.Conn) error {
			if err := insert(note)(ctx, c); err != nil {
				return err
			}
			var seen int
			err := g.st.readers.Read(ctx, func(ctx context.Context, r sqlstore.Conn) error {
				return r.Query(ctx, `SELECT count(*) FROM notes`, nil, func(row sqlstore.Row) error { return row.Scan(&seen) })
			})
			if seen != 0 {
				t.Errorf("operation %d: %d notes were committed before it; want 0: a commit for each costs a sync for each", i, seen)
			}
			return err
		}))
	}
	g.release()
	for i, answer := range answers {
		if err := <-answer; err != nil {
			t.Errorf("operation %d = %v; want nil", i, err)
		}
	}
	g.wantNotes("0", "1", "2")
}

// TestGroupLeaderGivesUp ends the context of the caller that waits for the
// write lock.
func TestGroupLeaderGivesUp(t *testing.T) {
	g := newGroup(t)
	ctx, cancel := context.WithCancel(t.Context())
	leader := g.call(ctx, insert("leader"))
	follower := g.call(t.Context(), insert("follower"))
	cancel()
	if err := <-leader; !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("Write whose context ended before it began = %v; want ErrUnavailable and the context's error", err)
	}
	g.awaitQueue(1)
	g.release()
	if err := <-follower; err != nil {
		t.Errorf("Write behind a leader that gave up = %v; want nil", err)
	}
	g.wantNotes("follower")
}

// TestGroupFollowerGivesUp ends the context of a caller that waits for its turn.
func TestGroupFollowerGivesUp(t *testing.T) {
	g := newGroup(t)
	leader := g.call(t.Context(), insert("leader"))
	ctx, cancel := context.WithCancel(t.Context())
	follower := g.call(ctx, insert("follower"))
	cancel()
	if err := <-follower; !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("Write whose context ended in the queue = %v; want ErrUnavailable and the context's error", err)
	}
	g.release()
	if err := <-leader; err != nil {
		t.Errorf("Write in front of it = %v; want nil", err)
	}
	g.wantNotes("leader")
}

// TestGroupGivesUpTooLate ends contexts while operations run.
func TestGroupGivesUpTooLate(t *testing.T) {
	g := newGroup(t)
	leaderCtx, cancelLeader := context.WithCancel(t.Context())
	followerCtx, cancelFollower := context.WithCancel(t.Context())
	leader := g.call(leaderCtx, func(ctx context.Context, c sqlstore.Conn) error {
		cancelLeader()
		return insert("leader")(ctx, c)
	})
	ran := false
	follower := g.call(followerCtx, func(ctx context.Context, c sqlstore.Conn) error {
		cancelFollower()
		ran = true // the race detector tells if the caller had returned
		return insert("follower")(ctx, c)
	})
	g.release()
	if err := <-leader; err != nil {
		t.Errorf("Write of the leader, whose context ended while it ran = %v; want nil: it knows", err)
	}
	if err := <-follower; err != nil && !errors.Is(err, store.ErrUnknown) {
		t.Errorf("Write whose context ended while it ran = %v; want nil or ErrUnknown", err)
	}
	if !ran {
		t.Error("the follower did not run")
	}
	g.calls.Wait()
	g.wantNotes("follower", "leader")
}

// TestGroupTransactionIsLost lets SQLite end the transaction in the middle of a
// group, as it does when a disk is full.
func TestGroupTransactionIsLost(t *testing.T) {
	g := newGroup(t)
	first := g.call(t.Context(), insert("first"))
	second := g.call(t.Context(), func(ctx context.Context, c sqlstore.Conn) error {
		_, err := c.Exec(ctx, `ROLLBACK`)
		return errors.Join(err, errOwn)
	})
	third := g.call(t.Context(), insert("third"))
	g.release()
	if err := <-first; !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Write in a transaction that another's operation ended = %v; want ErrUnavailable: nothing was written", err)
	}
	if err := <-second; !errors.Is(err, errOwn) {
		t.Errorf("Write that ended the transaction = %v; want its own error", err)
	}
	if err := <-third; err != nil {
		t.Errorf("Write after that = %v; want nil: it runs in the next transaction", err)
	}
	g.wantNotes("third")
}

// TestGroupPanic lets an operation panic that somebody else runs.
func TestGroupPanic(t *testing.T) {
	g := newGroup(t)
	leader := g.call(t.Context(), insert("leader"))
	panicked := make(chan any, 1)
	g.calls.Go(func() {
		defer func() { panicked <- recover() }()
		_ = g.st.writer.Write(t.Context(), func(ctx context.Context, c sqlstore.Conn) error {
			_ = insert("panicked")(ctx, c)
			panic("the operation's own")
		})
	})
	g.awaitQueue(2)
	g.release()
	if err := <-leader; err != nil {
		t.Errorf("Write whose group had a panic = %v; want nil", err)
	}
	if got := <-panicked; got != "the operation's own" {
		t.Errorf("Write that panicked: recovered %v; want the panic in its own caller", got)
	}
	g.wantNotes("leader")
}

// TestCloseWaits closes while an operation is queued.
func TestCloseWaits(t *testing.T) {
	g := newGroup(t)
	queued := g.call(t.Context(), insert("queued"))
	closed := make(chan error, 1)
	g.calls.Go(func() { closed <- g.st.Close() })
	for {
		g.st.writer.mu.Lock()
		refusing := g.st.writer.closed
		g.st.writer.mu.Unlock()
		if refusing {
			break
		}
		runtime.Gosched()
	}
	if err := g.st.writer.Write(t.Context(), insert("late")); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Write after Close was called = %v; want ErrUnavailable", err)
	}
	g.release()
	if err := <-queued; err != nil {
		t.Errorf("Write that was queued before Close = %v; want nil", err)
	}
	if err := <-closed; err != nil {
		t.Errorf("Close = %v; want nil", err)
	}
	if err := g.st.readers.Read(t.Context(), func(context.Context, sqlstore.Conn) error { return nil }); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Read after Close = %v; want ErrUnavailable", err)
	}
}
