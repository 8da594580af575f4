package manage

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/dispatcher/jobs"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

const (
	// eraseWait is how long Erase waits for its job: as long as a test send takes.
	eraseWait = 5 * time.Second
	eraseLook = 50 * time.Millisecond
)

// Erasure is what Erase has removed.
type Erasure struct {
	// Job is the id of the job that erases: "job_" and a ULID.
	Job   string
	State store.JobState
	// Erased counts what is gone so far, by table. What a process had removed when
	// it died may not be counted, at most a hundred events.
	store.Erased
	// CreatedAt is when it was asked for, UpdatedAt when it last went on.
	CreatedAt, UpdatedAt time.Time
}

// Erase removes everything that is kept of a tenant's events about a subject, of all
// time: the events and their payloads, deliveries, attempts with what receivers have
// answered, idempotency keys, and keys that payloads are sealed with. Statistics stay:
// they count and name nobody.
//
// It is a job, so that it is done whatever dies meanwhile: a process that delivers
// takes it up, at once if it is this one and else within 2 seconds, and another one
// goes on where that has died. Deliveries that have not gone out are canceled first,
// and those that processes have in hand are waited for, at most 30 seconds; an attempt
// that is under way then may reach its receiver, but its outcome is not recorded. Erase
// returns once the job has ended, and after 5 seconds in any case, with what is gone
// by then; Erasure tells how it goes on. What is published about the subject meanwhile
// may be left; and if payloads are sealed, what another process publishes within 10
// seconds after it may be unreadable, and is canceled as if its payload had expired.
//
// The audit log says that a subject was erased, and not which, also if nothing was
// there. What a database has removed is still in its files, until they are written
// anew: SECURITY.md says how, and what backups and logs keep.
//
// Errors are a *webhook.InvalidError with the field subject, and the store's; after
// store.ErrUnknown there may be a job. Two jobs about one subject do no harm. Once
// there is a job its id is returned, also with an error, such as ctx's.
func (m *Manager) Erase(ctx context.Context, tenant, subject string) (Erasure, error) {
	if err := checkSubject(subject); err != nil || !validTenant(tenant) {
		return Erasure{}, err
	}
	job, err := m.d.StartErasure(ctx, tenant, jobs.Erasure{Subject: subject})
	if err != nil {
		return Erasure{}, err
	}
	look, end := time.NewTicker(eraseLook), time.NewTimer(eraseWait)
	defer look.Stop()
	defer end.Stop()
	for e := (Erasure{Job: job.ID, State: job.State, CreatedAt: job.CreatedAt, UpdatedAt: job.UpdatedAt}); ; {
		select {
		case <-ctx.Done():
			return e, fmt.Errorf("wait for an erasure: %w", ctx.Err())
		case <-end.C:
			return e, nil
		case <-look.C:
		}
		present, err := m.Erasure(ctx, tenant, job.ID)
		if err != nil {
			return e, err
		}
		if e = present; e.State != store.JobRunning {
			return e, nil
		}
	}
}

// Erasure returns how far an erasure is. The error is store.ErrNotFound, also some time
// after its end: jobs are kept as long as payloads.
func (m *Manager) Erasure(ctx context.Context, tenant, id string) (Erasure, error) {
	j, err := m.job(ctx, tenant, id, store.JobErase)
	if err != nil {
		return Erasure{}, err
	}
	e := Erasure{Job: j.ID, State: j.State, CreatedAt: j.CreatedAt, UpdatedAt: j.UpdatedAt}
	if e.Erased, err = jobs.Erased(&j); err != nil {
		return Erasure{}, fmt.Errorf("read erasure: %w", err)
	}
	return e, nil
}

// checkSubject refuses what no event can have as its subject.
func checkSubject(subject string) error {
	if subject == "" {
		return webhook.Invalid("subject", webhook.CodeInvalidField, "Must not be empty.")
	}
	return webhook.Event{Type: "a", Data: []byte("1"), Subject: subject}.Validate()
}
