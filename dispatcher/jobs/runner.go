package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

const (
	// leaseEvery is how often jobs are looked for that nobody works on.
	leaseEvery = 2 * time.Second
	// maxJobs bounds the jobs that a process works on at once.
	maxJobs = 8
	// stepTimeout bounds one call to the store.
	stepTimeout = 10 * time.Second
)

// Config is what a Runner works with. Every field is required.
type Config struct {
	Store store.Store
	// Epoch is the lease that jobs are worked on under.
	Epoch  int64
	Log    *zap.Logger
	Budget *Budget
	// Publish publishes an event of a broadcast to its tenant. It reports false
	// if no endpoint of the tenant wants it. Repeating it publishes nothing.
	Publish func(ctx context.Context, ev webhook.Event) (bool, error)
	// Eraser returns what erases what is kept of a tenant about a subject.
	Eraser func(tenant, subject string) Eraser
	// Wake is called when there is something to claim.
	Wake func()
}

// Runner works on jobs. Create it with New, and run it once.
type Runner struct {
	Config
	wake    chan struct{}
	failing failing // belongs to Run
}

// New returns a runner of jobs.
func New(cfg Config) *Runner {
	return &Runner{Config: cfg, wake: make(chan struct{}, 1), failing: failing{}}
}

// Look makes the runner look for jobs at once. It does not wait.
func (r *Runner) Look() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// task decides what the next step of a job is.
type task interface {
	// step returns the next step, once the budget allows it. What it does
	// beside that may be done again.
	step(ctx context.Context, r *Runner, j *store.Job) (store.JobStep, error)
}

// running is a job that this process works on.
type running struct {
	job  store.Job
	task task
	// rests is until when there is nothing to do.
	rests time.Time
}

// Run works on jobs until ctx ends. Jobs take turns, a step each. One that fails
// rests, is read anew, and goes on from where the store says it is; the others do not
// wait for that.
func (r *Runner) Run(ctx context.Context) {
	var all []*running
	for next := (time.Time{}); ctx.Err() == nil; {
		if now := clock.Now(); len(all) == 0 || !now.Before(next) {
			next = now.Add(leaseEvery)
			all = r.lease(ctx, all)
		}
		if len(all) == 0 {
			r.rest(ctx, next)
			continue
		}
		all = r.round(ctx, all)
		until := soonest(all)
		if all == nil {
			until = next
		}
		if clock.Now().Before(until) && r.rest(ctx, earlier(until, next)) {
			next = time.Time{}
		}
	}
}

// round gives each job a step. It returns those that are to go on, or nil if there are
// none because they failed.
func (r *Runner) round(ctx context.Context, all []*running) []*running {
	failed := false
	kept := all[:0]
	for _, w := range all {
		if clock.Now().Before(w.rests) {
			kept = append(kept, w)
			continue
		}
		switch more, err := r.advance(ctx, w); {
		case errors.Is(err, ErrLater):
			w.rests = clock.Now().Add(later)
			kept = append(kept, w)
		case err != nil:
			failed = true
			r.report(ctx, w, err)
		case more:
			delete(r.failing, keyOf(&w.job))
			kept = append(kept, w)
		}
	}
	if failed && len(kept) == 0 {
		return nil
	}
	return kept
}

// soonest returns when the first of some jobs has something to do; zero without jobs.
func soonest(all []*running) (at time.Time) {
	for i, w := range all {
		if i == 0 || w.rests.Before(at) {
			at = w.rests
		}
	}
	return at
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// rest waits until a time, or until somebody knows of a new job, which it reports.
func (r *Runner) rest(ctx context.Context, until time.Time) (woken bool) {
	t := time.NewTimer(until.Sub(clock.Now()))
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-r.wake:
		return true
	}
	return false
}

func (r *Runner) report(ctx context.Context, w *running, err error) {
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, store.ErrLeaseLost): // canceled, or another process has it
		r.Log.Info("a job is no longer ours", zap.String("job", w.job.ID))
	default:
		r.failing.add(&w.job)
		r.Log.Warn("work on a job; trying again", zap.String("job", w.job.ID), zap.Error(err))
	}
}

// lease returns the jobs to work on. What this process knows of those that it had
// already is kept.
func (r *Runner) lease(ctx context.Context, had []*running) []*running {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	jobs, err := r.Store.LeaseJobs(ctx, clock.Now(), r.Epoch, r.failing.places())
	if err != nil {
		if ctx.Err() == nil {
			r.Log.Warn("look for jobs; trying again", zap.Error(err))
		}
		return had
	}
	r.failing.keep(jobs)
	var all []*running
	for _, j := range jobs {
		if r.failing.rests(&j) {
			continue
		}
		w := known(had, &j)
		if w == nil {
			w = &running{job: j}
			if w.task, err = r.taskOf(&j); err != nil {
				r.failing.add(&j)
				r.Log.Error("a job cannot be worked on", zap.String("job", j.ID), zap.Error(err))
				continue
			}
		}
		all = append(all, w)
	}
	return all
}

// known returns what is known of a job that is where we left it, or nil.
func known(had []*running, j *store.Job) *running {
	for _, w := range had {
		if w.job.ID == j.ID && w.job.Tenant == j.Tenant && w.job.Cursor == j.Cursor {
			return w
		}
	}
	return nil
}

func (r *Runner) taskOf(j *store.Job) (task, error) {
	switch j.Kind {
	case store.JobRedeliver:
		return newRedelivery(j.Spec)
	case store.JobBroadcast:
		return newBroadcast(j.Spec)
	case store.JobErase:
		return newErasure(r, j)
	}
	return nil, fmt.Errorf("its kind is %q", j.Kind)
}

// advance carries out the next step of a job and reports whether there are more.
func (r *Runner) advance(ctx context.Context, w *running) (more bool, err error) {
	s, err := w.task.step(ctx, r, &w.job)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	if err := r.Store.AdvanceJob(ctx, clock.Now(), r.Epoch, s); err != nil {
		return false, err
	}
	w.job.Cursor = s.Cursor
	if len(s.Redeliver) > 0 {
		r.Wake()
	}
	return !s.End, nil
}
