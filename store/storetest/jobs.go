package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var jobCases = []testCase{
	{"CreateAndRead", jobCreateAndRead},
	{"TenantsAreSeparate", jobTenants},
	{"LeasedOldestFirst", jobLeaseOrder},
	{"OneProcessHasIt", jobOneProcess},
	{"OneOfManyProcessesGetsIt", jobOneOfMany},
	{"TheDeadLoseIt", jobOfTheDead},
	{"AdvanceNeedsTheLease", jobAdvanceNeedsLease},
	{"AdvanceNeedsTheCursor", jobAdvanceNeedsCursor},
	{"AdvanceOnceByMany", jobAdvanceOnce},
	{"RefusedStepWritesNothing", jobRefusedWritesNothing},
	{"CanceledCallWritesNothing", jobCanceledCall},
	{"RedeliversWhatHasEnded", jobRedelivers},
	{"SkipsWhatCannotBeSent", jobSkips},
	{"RedeliveredGoesLast", jobLowPriority},
	{"CanceledEnds", jobCancel},
	{"IsPrunedAfterItsEnd", jobPruned},
}

// createJob stores a job of acme.
func (w *world) createJob() store.Job {
	w.t.Helper()
	j := store.Job{ID: w.id(webhook.PrefixJob), Tenant: acme, Kind: store.JobRedeliver, Spec: []byte("{\x00\xff}"), Total: 7}
	w.must(w.store.CreateJob(w.ctx, w.now, j), "CreateJob")
	return j
}

func (w *world) readJob(j store.Job) store.Job {
	w.t.Helper()
	got, err := w.store.Job(w.ctx, j.Tenant, j.ID)
	w.must(err, "Job")
	return got
}

func (w *world) leaseJobs(st store.Store, epoch int64) []store.Job {
	w.t.Helper()
	jobs, err := st.LeaseJobs(w.ctx, w.now, epoch, many)
	w.must(err, "LeaseJobs")
	return jobs
}

func (w *world) advanceJob(epoch int64, step store.JobStep) {
	w.t.Helper()
	w.must(w.store.AdvanceJob(w.ctx, w.now, epoch, step), "AdvanceJob")
}

// workedOn stores a job, which an epoch works on.
func (w *world) workedOn() (store.Job, int64) {
	w.t.Helper()
	j := w.createJob()
	epoch := w.acquire()
	w.leaseJobs(w.store, epoch)
	return j, epoch
}

// wantRefused fails the case if a step is not refused.
func (w *world) wantRefused(why string, epoch int64, step store.JobStep) {
	w.t.Helper()
	if err := w.store.AdvanceJob(w.ctx, w.now, epoch, step); !errors.Is(err, store.ErrLeaseLost) {
		w.t.Errorf("AdvanceJob %s: error %v; want ErrLeaseLost: what the step does would be done twice", why, err)
	}
}

func step(j store.Job, was, cursor string) store.JobStep {
	return store.JobStep{Tenant: j.Tenant, ID: j.ID, Was: was, Cursor: cursor}
}

func jobCreateAndRead(w *world) {
	j := w.createJob()
	want := j
	want.State, want.CreatedAt, want.UpdatedAt = store.JobRunning, w.now, w.now
	if got := w.readJob(j); !same(got, want) {
		w.t.Errorf("Job = %+v; want %+v", got, want)
	}
	if err := w.store.CreateJob(w.ctx, w.now, j); err == nil {
		w.t.Error("CreateJob of an id that is there = no error; want one: its progress would be lost")
	}
	epoch := w.acquire()
	if got := w.leaseJobs(w.store, epoch); len(got) != 1 || !same(got[0], want) {
		w.t.Errorf("LeaseJobs = %+v; want the job as it was stored", got)
	}
	w.advance(time.Minute)
	s := step(j, "", "one")
	s.Done, s.Skipped = 3, 2
	w.advanceJob(epoch, s)
	s = step(j, "one", "two")
	s.Done, s.End = 4, true
	w.advanceJob(epoch, s)
	want.State, want.Spec, want.Cursor, want.Done, want.Skipped, want.UpdatedAt = store.JobDone, nil, "two", 7, 2, w.now
	if got := w.readJob(j); !same(got, want) {
		w.t.Errorf("Job after its last step = %+v; want %+v", got, want)
	}
	if got := w.leaseJobs(w.store, epoch); len(got) != 0 {
		w.t.Errorf("LeaseJobs after the last step = %d jobs; want 0", len(got))
	}
	w.wantRefused("after the last step", epoch, step(j, "two", "three"))
}

func jobTenants(w *world) {
	j := w.createJob()
	if _, err := w.store.Job(w.ctx, globex, j.ID); !errors.Is(err, store.ErrNotFound) {
		w.t.Errorf("Job of another tenant: error %v; want ErrNotFound", err)
	}
	if err := w.store.CancelJob(w.ctx, w.now, globex, j.ID); !errors.Is(err, store.ErrNotFound) {
		w.t.Errorf("CancelJob of another tenant's: error %v; want ErrNotFound", err)
	}
	if _, err := w.store.Job(w.ctx, acme, w.id(webhook.PrefixJob)); !errors.Is(err, store.ErrNotFound) {
		w.t.Errorf("Job of an unknown id: error %v; want ErrNotFound", err)
	}
	epoch := w.acquire()
	w.leaseJobs(w.store, epoch)
	foreign := step(j, "", "x")
	foreign.Tenant = globex
	w.wantRefused("of another tenant's job", epoch, foreign)
	if got := w.readJob(j); got.State != store.JobRunning {
		w.t.Errorf("job = %s after another tenant's CancelJob; want running", got.State)
	}
	own := w.endpoint(globex)
	id := w.waiting(globex, own.ID, 1)[0]
	c := w.pollOne(epoch)
	w.accepted(epoch, w.failed(c))
	s := step(j, "", "x")
	s.Redeliver = []string{id}
	w.advanceJob(epoch, s)
	if d := w.delivery(globex, id); d.Status != webhook.DeliveryFailed || w.readJob(j).Skipped != 1 {
		w.t.Errorf("delivery of another tenant after AdvanceJob = %s, job %+v; want failed, and skipped: a tenant had another's sent", d.Status, w.readJob(j))
	}
}

func jobLeaseOrder(w *world) {
	var ids []string
	for range 3 {
		ids = append(ids, w.createJob().ID)
		w.advance(time.Second)
	}
	epoch := w.acquire()
	jobs, err := w.store.LeaseJobs(w.ctx, w.now, epoch, 2)
	w.must(err, "LeaseJobs")
	if len(jobs) != 2 || jobs[0].ID != ids[0] || jobs[1].ID != ids[1] {
		w.t.Errorf("LeaseJobs of 2 = %+v; want the two oldest, in order", jobs)
	}
	if got := w.leaseJobs(w.store, epoch); len(got) != 3 {
		w.t.Errorf("LeaseJobs of more = %d jobs; want 3: those that it has, and one more", len(got))
	}
}

func jobOneProcess(w *world) {
	w.shared()
	other := w.second()
	j := w.createJob()
	epoch, rival := w.acquire(), w.acquire()
	if n := len(w.leaseJobs(w.store, epoch)); n != 1 {
		w.t.Fatalf("LeaseJobs = %d jobs; want 1", n)
	}
	if n := len(w.leaseJobs(other, rival)); n != 0 {
		w.t.Errorf("LeaseJobs of another process = %d jobs; want 0: one is working on it", n)
	}
	w.wantRefused("by a process that does not have it", rival, step(j, "", "x"))
	w.advanceJob(epoch, step(j, "", "x"))
	if got := w.leaseJobs(w.store, epoch); len(got) != 1 || got[0].Cursor != "x" {
		w.t.Errorf("LeaseJobs again = %+v; want it at its cursor", got)
	}
	w.must(w.store.Resign(w.ctx, w.now, epoch), "Resign")
	if got := w.leaseJobs(other, rival); len(got) != 1 || got[0].Cursor != "x" {
		w.t.Errorf("LeaseJobs after the other resigned = %+v; want it at its cursor", got)
	}
}

func jobOneOfMany(w *world) {
	w.shared()
	stores := []store.Store{w.store, w.second()}
	for range 10 {
		w.createJob()
	}
	var epochs [4]int64
	for i := range epochs {
		epochs[i] = w.acquire()
	}
	got := make([][]store.Job, len(epochs))
	concurrently(w.t, len(epochs), func(i int) (err error) {
		got[i], err = stores[i%2].LeaseJobs(w.ctx, w.now, epochs[i], many)
		return err
	})
	owners := make(map[string]int)
	for _, jobs := range got {
		for _, j := range jobs {
			owners[j.ID]++
		}
	}
	for id, n := range owners {
		if n != 1 {
			w.t.Errorf("job %s was leased to %d of 4 processes at once; want 1", id, n)
		}
	}
	if len(owners) != 10 {
		w.t.Errorf("%d of 10 jobs were leased; want all", len(owners))
	}
}

func jobOfTheDead(w *world) {
	j, dead := w.workedOn()
	w.advanceJob(dead, step(j, "", "half"))
	heir := w.die()
	if got := w.leaseJobs(w.store, heir); len(got) != 1 || got[0].Cursor != "half" {
		w.t.Errorf("LeaseJobs after a process died = %+v; want its job, where it was: it would never end", got)
	}
	w.wantRefused("by the dead process", dead, step(j, "half", "x"))
	w.advanceJob(heir, step(j, "half", "end"))
}

func jobCanceledCall(w *world) {
	j, epoch := w.workedOn()
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	if err := w.store.AdvanceJob(ctx, w.now, epoch, step(j, "", "x")); err == nil {
		w.t.Error("AdvanceJob on a canceled context = no error; want one")
	}
	if got := w.readJob(j); got.Cursor != "" {
		w.t.Errorf("cursor = %q; want none: the call was canceled", got.Cursor)
	}
	other := store.Job{ID: w.id(webhook.PrefixJob), Tenant: acme, Kind: store.JobRedeliver}
	if err := w.store.CreateJob(ctx, w.now, other); err == nil {
		w.t.Error("CreateJob on a canceled context = no error; want one")
	}
	if n := len(w.leaseJobs(w.store, epoch)); n != 1 {
		w.t.Errorf("LeaseJobs = %d jobs; want the one that was created", n)
	}
}

func jobCancel(w *world) {
	j, epoch := w.workedOn()
	w.advanceJob(epoch, step(j, "", "a"))
	w.advance(time.Minute)
	for range 2 {
		w.must(w.store.CancelJob(w.ctx, w.now, acme, j.ID), "CancelJob")
	}
	if got := w.readJob(j); got.State != store.JobCanceled || len(got.Spec) > 0 || !got.UpdatedAt.Equal(w.now) {
		w.t.Errorf("job after CancelJob = %+v; want canceled, now, and nothing of what it was about", got)
	}
	w.wantRefused("of a canceled job", epoch, step(j, "a", "b"))
	if n := len(w.leaseJobs(w.store, epoch)); n != 0 {
		w.t.Errorf("LeaseJobs after CancelJob = %d jobs; want 0", n)
	}
	done := w.createJob()
	w.leaseJobs(w.store, epoch)
	last := step(done, "", "a")
	last.End = true
	w.advanceJob(epoch, last)
	w.must(w.store.CancelJob(w.ctx, w.now, acme, done.ID), "CancelJob of a job that is done")
	if got := w.readJob(done); got.State != store.JobDone {
		w.t.Errorf("job that was done after CancelJob = %s; want done", got.State)
	}
}

func jobPruned(w *world) {
	ended, running := w.createJob(), w.createJob()
	w.must(w.store.CancelJob(w.ctx, w.now, acme, ended.ID), "CancelJob")
	w.advance(retention.Payloads - time.Minute)
	if got := w.pruneAll(); got.Jobs != 0 {
		w.t.Errorf("Prune within the retention = %d jobs; want 0", got.Jobs)
	}
	w.advance(2 * time.Minute)
	if got := w.pruneAll(); got.Jobs != 1 {
		w.t.Errorf("Prune after the retention = %d jobs; want 1, which had ended", got.Jobs)
	}
	if _, err := w.store.Job(w.ctx, acme, ended.ID); !errors.Is(err, store.ErrNotFound) {
		w.t.Errorf("Job that was pruned: error %v; want ErrNotFound", err)
	}
	if got := w.readJob(running); got.State != store.JobRunning {
		w.t.Errorf("job that is running = %s after Prune; want running", got.State)
	}
}
