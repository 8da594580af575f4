package memstore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// job is a job and the epoch that works on it, or 0.
type job struct {
	store.Job
	owner int64
}

type jobKey struct{ tenant, id string }

func (j *job) clone() store.Job {
	c := j.Job
	c.Spec = bytes.Clone(c.Spec)
	return c
}

// CreateJob implements store.Jobs.
func (s *Store) CreateJob(ctx context.Context, now time.Time, j store.Job, audit ...webhook.AuditRecord) error {
	if err := s.beginChange(ctx, "create job", audit); err != nil {
		return err
	}
	defer s.mu.Unlock()
	key := jobKey{j.Tenant, j.ID}
	if s.jobs[key] != nil {
		return errors.New("create job: the id is in use")
	}
	stored := &job{Job: j}
	stored.Job = stored.clone()
	stored.State, stored.Cursor, stored.Done, stored.Skipped = store.JobRunning, "", 0, 0
	stored.CreatedAt, stored.UpdatedAt = instant(now), instant(now)
	s.jobs[key] = stored
	s.audit(now, audit)
	return nil
}

// Job implements store.Jobs.
func (s *Store) Job(ctx context.Context, tenant, id string) (store.Job, error) {
	if err := s.begin(ctx, "read job"); err != nil {
		return store.Job{}, err
	}
	defer s.mu.Unlock()
	j := s.jobs[jobKey{tenant, id}]
	if j == nil {
		return store.Job{}, fmt.Errorf("read job: %w", store.ErrNotFound)
	}
	return j.clone(), nil
}

// CancelJob implements store.Jobs.
func (s *Store) CancelJob(ctx context.Context, now time.Time, tenant, id string, audit ...webhook.AuditRecord) error {
	if err := s.beginChange(ctx, "cancel job", audit); err != nil {
		return err
	}
	defer s.mu.Unlock()
	j := s.jobs[jobKey{tenant, id}]
	if j == nil {
		return fmt.Errorf("cancel job: %w", store.ErrNotFound)
	}
	if j.State == store.JobRunning {
		j.State, j.Spec, j.UpdatedAt = store.JobCanceled, nil, instant(now)
		s.audit(now, audit)
	}
	return nil
}

// LeaseJobs implements store.Jobs.
func (s *Store) LeaseJobs(ctx context.Context, now time.Time, epoch int64, limit int) ([]store.Job, error) {
	if err := s.begin(ctx, "lease jobs"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	now = instant(now)
	var open []*job
	for _, j := range s.jobs {
		if j.State == store.JobRunning && (j.owner == epoch || !s.leases[j.owner].valid(now)) {
			open = append(open, j)
		}
	}
	slices.SortFunc(open, func(a, b *job) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Tenant, b.Tenant))
	})
	var leased []store.Job
	for _, j := range open[:min(len(open), max(limit, 0))] {
		j.owner = epoch
		leased = append(leased, j.clone())
	}
	return leased, nil
}

// AdvanceJob implements store.Jobs.
func (s *Store) AdvanceJob(ctx context.Context, now time.Time, epoch int64, step store.JobStep) error {
	if err := s.begin(ctx, "advance job"); err != nil {
		return err
	}
	defer s.mu.Unlock()
	j := s.jobs[jobKey{step.Tenant, step.ID}]
	if j == nil || j.State != store.JobRunning || j.owner != epoch || epoch <= 0 || j.Cursor != step.Was {
		return fmt.Errorf("advance job: %w", store.ErrLeaseLost)
	}
	now = instant(now)
	j.Cursor, j.UpdatedAt = step.Cursor, now
	j.Done += step.Done
	j.Skipped += step.Skipped
	for _, id := range step.Redeliver {
		d := s.delivery(step.Tenant, id)
		if d == nil || d.Status == webhook.DeliveryPending || step.Status != "" && d.Status != step.Status || d.event.expired {
			j.Skipped++
			continue
		}
		d.Priority = webhook.PriorityLow
		s.redeliver(now, d)
		j.Done++
	}
	if step.End {
		j.State, j.Spec = store.JobDone, nil
	}
	return nil
}

// jobs removes jobs that ended before the cutoff.
func (p *pruning) jobs(cutoff time.Time) {
	n := 0
	for key, j := range p.store.jobs {
		if j.State == store.JobRunning || !j.UpdatedAt.Before(cutoff) {
			continue
		}
		if n == p.limit {
			p.done.More = true
			return
		}
		delete(p.store.jobs, key)
		p.done.Jobs++
		n++
	}
}
