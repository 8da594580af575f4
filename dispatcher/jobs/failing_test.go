package jobs_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/postrider/postrider/dispatcher/jobs"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// TestFailingJobsLeaveRoom puts twice as many jobs as a process works on at once, none
// of which can be worked on, in front of one that can.
func TestFailingJobsLeaveRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		st := memstore.New()
		epoch, err := st.Acquire(ctx, time.Now(), store.Process{}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		create := func(id string, kind store.JobKind, spec []byte) {
			t.Helper()
			if err := st.CreateJob(ctx, time.Now(), store.Job{ID: id, Tenant: "acme", Kind: kind, Spec: spec}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond) // jobs are leased by age
		}
		for i := range 16 {
			create(fmt.Sprintf("job_%d", i), "of a later version", nil)
		}
		spec, err := jobs.BroadcastSpec(webhook.Event{Type: "invoice.paid", IdempotencyKey: "one", Data: []byte(`{}`)})
		if err != nil {
			t.Fatal(err)
		}
		create("job_last", store.JobBroadcast, spec)
		core, logs := observer.New(zap.ErrorLevel)
		runner := jobs.New(jobs.Config{
			Store: st, Epoch: epoch, Log: zap.New(core), Budget: jobs.NewBudget(100), Wake: func() {},
			Publish: func(context.Context, webhook.Event) (bool, error) { return true, nil },
		})
		done := make(chan struct{})
		go func() { defer close(done); runner.Run(ctx) }()
		time.Sleep(10 * time.Second)
		if j, err := st.Job(ctx, "acme", "job_last"); err != nil || j.State != store.JobDone {
			t.Errorf("a job behind 16 that fail, after 10 s = %q, %v; want done", j.State, err)
		}
		time.Sleep(10 * time.Minute)
		// After 2, 4, 8, 16, 32 and 60 seconds, and then every minute: 15 times each.
		if tries := logs.Len(); tries < 16*12 || tries > 16*18 {
			t.Errorf("16 jobs that fail were tried %d times in 10 minutes; want about 15 each", tries)
		}
		cancel()
		<-done
	})
}
