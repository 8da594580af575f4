package store

import (
	"context"
	"time"

	"github.com/postrider/postrider/webhook"
)

// Jobs keeps what takes many steps, such as sending a year's failed deliveries
// again, so that any process can go on where another has died. A job is worked on
// by the one process that has leased it, step by step; a step moves the job's
// cursor and does its share of the work in one transaction, and so is done once.
type Jobs interface {
	// CreateJob stores a job that is running and that nobody works on. A job of
	// that tenant and id must not be there. See Audit for the records.
	CreateJob(ctx context.Context, now time.Time, job Job, audit ...webhook.AuditRecord) error

	// Job returns one job. ErrNotFound.
	Job(ctx context.Context, tenant, id string) (Job, error)

	// CancelJob ends a job that is running; what it has done stays done. That it
	// has ended already is not an error. ErrNotFound.
	CancelJob(ctx context.Context, now time.Time, tenant, id string, audit ...webhook.AuditRecord) error

	// LeaseJobs returns the running jobs that epoch works on, and gives it those
	// that nobody works on, or somebody who has no valid lease, at most limit in
	// all, oldest first. Of several processes one gets a job. No jobs are not an
	// error and write nothing.
	LeaseJobs(ctx context.Context, now time.Time, epoch int64, limit int) ([]Job, error)

	// AdvanceJob carries out a step in one transaction: it moves the cursor, puts
	// deliveries back to pending and adds to the counts. ErrLeaseLost, and
	// nothing is written, unless the job is running, epoch has it and the cursor
	// is the one that the step began at. So a step that is repeated after
	// ErrUnknown is either done or lost, and LeaseJobs says where to go on.
	AdvanceJob(ctx context.Context, now time.Time, epoch int64, step JobStep) error
}

// JobKind says what a job does.
type JobKind string

// The kinds of jobs.
const (
	JobRedeliver JobKind = "redeliver"
	JobBroadcast JobKind = "broadcast"
	JobErase     JobKind = "erase"
)

// JobState is where a job is.
type JobState string

// The states of a job. All but running are final.
const (
	JobRunning  JobState = "running"
	JobDone     JobState = "done"
	JobCanceled JobState = "canceled"
)

// Job is what takes many steps.
type Job struct {
	// ID is "job_" and a ULID.
	ID, Tenant string
	Kind       JobKind
	// Spec says what is to be done, in the words of whoever carries it out. It is
	// empty once the job has ended: it may name people, and nobody needs it.
	Spec  []byte
	State JobState
	// Cursor is how far it has come; "" is the beginning.
	Cursor string
	// Total is how much there was to do when it was created, or 0 if nobody has
	// counted. Done is how much was done, and Skipped what had to be left out.
	Total, Done, Skipped int64
	// CreatedAt and UpdatedAt are the store's.
	CreatedAt, UpdatedAt time.Time
}

// JobStep is one step of a job.
type JobStep struct {
	Tenant, ID string
	// Was is the cursor that the step began at, Cursor the one it ends at.
	Was, Cursor string
	// Redeliver are deliveries of the tenant that are put back to pending, as
	// Queue.Redeliver does, but with low priority, so that they go after what is
	// published meanwhile. Those that have not ended with Status (if it is
	// given), are unknown or have lost their payloads are skipped, which is not
	// an error. They count as done or skipped.
	Redeliver []string
	Status    webhook.DeliveryStatus
	// Done and Skipped are what the step did apart from that.
	Done, Skipped int64
	// End says that it was the last step.
	End bool
}
