package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/store/postgres/postgrestest"
)

// TestChildEndsWithParent takes away a child's input, which is what it sees of the
// end of its parent, however that ended.
func TestChildEndsWithParent(t *testing.T) {
	ch, _ := startTestChild(t)
	if err := ch.input.Close(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		for range ch.reports { //nolint:revive // until it is closed
		}
		ended <- ch.cmd.Wait()
	}()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("the child ended well; want an exit code that says it was cut short")
		}
	case <-time.After(time.Minute):
		t.Error("the child lives on without its parent")
	}
}

// TestChildCrashes shows that a run does not wait for a child that is gone.
func TestChildCrashes(t *testing.T) {
	ch, ctx := startTestChild(t)
	if err := ch.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := ch.await(ctx, orderReset); err == nil {
		t.Error("a report of a child that was killed; want an error")
	}
	<-ctx.Done()
	if err := context.Cause(ctx); !strings.Contains(err.Error(), "process 1") {
		t.Errorf("the run ends with %q; want it to name process 1", err)
	}
	ch.stop()
}

// startTestChild starts process 1 of 2. The context ends when the child fails.
func startTestChild(t *testing.T) (*child, context.Context) {
	t.Helper()
	dsn := postgrestest.Shared(t).DSN()
	db := newPostgres(t, dsn)
	t.Cleanup(func() {
		if err := db.close(); err != nil {
			t.Error(err)
		}
	})
	ctx, fail := context.WithCancelCause(t.Context())
	t.Cleanup(func() { fail(nil) })
	args := []string{"-store", dsn, "-processes", "2"}
	ch, err := startChild(ctx, hello{Args: args, Schema: db.name, Key: seal.NewKey().Reveal(), Process: 1}, fail)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.awaitLeases(ctx, 1); err != nil {
		t.Fatal(err)
	}
	return ch, ctx
}
