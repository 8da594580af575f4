package sharded

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// CreateJob implements store.Jobs. A job is on the shard of its tenant.
func (s *Store) CreateJob(ctx context.Context, now time.Time, job store.Job, audit ...webhook.AuditRecord) error {
	sh, err := s.place(ctx, job.Tenant)
	if err != nil {
		return fmt.Errorf("create job: %w", err)
	}
	return sh.CreateJob(ctx, now, job, audit...)
}

// Job implements store.Jobs.
func (s *Store) Job(ctx context.Context, tenant, id string) (store.Job, error) {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return store.Job{}, fmt.Errorf("read job: %w", err)
	}
	return sh.Job(ctx, tenant, id)
}

// CancelJob implements store.Jobs.
func (s *Store) CancelJob(ctx context.Context, now time.Time, tenant, id string, audit ...webhook.AuditRecord) error {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return fmt.Errorf("cancel job: %w", err)
	}
	return sh.CancelJob(ctx, now, tenant, id, audit...)
}

// LeaseJobs implements store.Jobs. Those of one shard are leased in one
// transaction.
func (s *Store) LeaseJobs(ctx context.Context, now time.Time, epoch int64, limit int) ([]store.Job, error) {
	var leased []store.Job
	for _, sh := range s.shards {
		own, err := sh.mustEpoch(ctx, epoch)
		if err != nil {
			return nil, fmt.Errorf("lease jobs: %w", err)
		}
		jobs, err := sh.LeaseJobs(ctx, now, own, limit-len(leased))
		if err != nil {
			return nil, partly(err, len(leased) > 0)
		}
		leased = append(leased, jobs...)
	}
	slices.SortStableFunc(leased, func(a, b store.Job) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return leased, nil
}

// AdvanceJob implements store.Jobs.
func (s *Store) AdvanceJob(ctx context.Context, now time.Time, epoch int64, step store.JobStep) error {
	sh, err := s.at(ctx, step.Tenant)
	if err == nil {
		epoch, err = sh.epoch(ctx, epoch)
	}
	if err != nil {
		return fmt.Errorf("advance job: %w", err)
	}
	return sh.AdvanceJob(ctx, now, epoch, step)
}

// Tenants implements store.Directory. Each shard has tenants of its own, in the
// order of their names, and so have all together.
func (s *Store) Tenants(ctx context.Context, cursor string, limit int) ([]string, string, error) {
	var names []string
	for _, sh := range s.shards {
		own, _, err := sh.Tenants(ctx, cursor, limit)
		if err != nil {
			return nil, cursor, err
		}
		names = append(names, own...)
	}
	slices.SortFunc(names, cmp.Compare[string])
	if names = names[:min(len(names), max(limit, 0))]; len(names) > 0 {
		cursor = "=" + names[len(names)-1]
	}
	return names, cursor, nil
}
