package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

const jobColumns = `tenant, id, kind, spec, state, cursor, total, done, skipped, created_at, updated_at`

func scanJob(r Row, j *store.Job, more ...any) error {
	return r.Scan(append([]any{
		&j.Tenant, &j.ID, (*string)(&j.Kind), &j.Spec, (*string)(&j.State), &j.Cursor,
		&j.Total, &j.Done, &j.Skipped, &j.CreatedAt, &j.UpdatedAt,
	}, more...)...)
}

// CreateJob implements store.Jobs.
func (s *Store) CreateJob(ctx context.Context, now time.Time, j store.Job, audit ...webhook.AuditRecord) error {
	if j.Spec == nil {
		j.Spec = []byte{}
	}
	return wrap("create job", s.db.Write(ctx, func(ctx context.Context, c Conn) error {
		now, err := s.now(ctx, c, now)
		if err != nil {
			return err
		}
		if _, err = c.Exec(ctx, `
			INSERT INTO postrider_jobs (tenant, id, kind, spec, state, owner, cursor, total, done, skipped, created_at, updated_at)
			VALUES (?, ?, ?, ?, 'running', 0, '', ?, 0, 0, ?, ?)`,
			j.Tenant, j.ID, string(j.Kind), j.Spec, j.Total, now.UnixMicro(), now.UnixMicro()); err != nil {
			return err
		}
		return WriteAudit(ctx, c, now, audit)
	}))
}

// Job implements store.Jobs.
func (s *Store) Job(ctx context.Context, tenant, id string) (store.Job, error) {
	var j store.Job
	found := false
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) error {
		return c.Query(ctx, `
			SELECT `+jobColumns+`
			FROM postrider_jobs
			WHERE tenant = ?
			AND id = ?`, []any{tenant, id}, func(r Row) error {
			found = true
			return scanJob(r, &j)
		})
	})
	if err == nil && !found {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.Job{}, fmt.Errorf("read job: %w", err)
	}
	return j, nil
}

// CancelJob implements store.Jobs.
func (s *Store) CancelJob(ctx context.Context, now time.Time, tenant, id string, audit ...webhook.AuditRecord) error {
	return wrap("cancel job", s.db.Write(ctx, func(ctx context.Context, c Conn) error {
		now, err := s.now(ctx, c, now)
		if err != nil {
			return err
		}
		n, err := c.Exec(ctx, `
			UPDATE postrider_jobs
			SET state = 'canceled', spec = '', updated_at = ?
			WHERE tenant = ?
			AND id = ?
			AND state = 'running'`, now.UnixMicro(), tenant, id)
		if err != nil {
			return err
		}
		if n > 0 {
			return WriteAudit(ctx, c, now, audit)
		}
		var state string
		found, err := queryOne(ctx, c, `
			SELECT state
			FROM postrider_jobs
			WHERE tenant = ?
			AND id = ?`, []any{tenant, id}, &state)
		if err == nil && !found {
			err = store.ErrNotFound
		}
		return err
	}))
}

// openJob is a running job and who works on it.
type openJob struct {
	store.Job
	owner int64
}

// LeaseJobs implements store.Jobs. What nobody has, or one who seems to be dead, is
// taken by an update that looks again whether it still has it.
func (s *Store) LeaseJobs(ctx context.Context, now time.Time, epoch int64, limit int) ([]store.Job, error) {
	var open []openJob
	foreign := false
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) error {
		now, err := s.now(ctx, c, now)
		if err != nil {
			return err
		}
		return c.Query(ctx, `
			SELECT `+jobColumns+`, owner
			FROM postrider_jobs j`+s.index("postrider_jobs_open")+`
			WHERE state = 'running'
			AND (owner = ? OR NOT EXISTS (
				SELECT 1
				FROM postrider_processes p
				WHERE p.epoch = j.owner
				AND p.expires_at >= ?))
			ORDER BY created_at, id, tenant
			LIMIT ? + 0`, []any{epoch, now.UnixMicro(), limit}, func(r Row) error {
			var j openJob
			err := scanJob(r, &j.Job, &j.owner)
			open = append(open, j)
			foreign = foreign || j.owner != epoch
			return err
		})
	})
	if err == nil && foreign {
		err = s.db.Write(ctx, func(ctx context.Context, c Conn) error { return takeJobs(ctx, c, epoch, open) })
	}
	if err != nil {
		return nil, fmt.Errorf("lease jobs: %w", err)
	}
	var leased []store.Job
	for _, j := range open {
		if j.owner == epoch {
			leased = append(leased, j.Job)
		}
	}
	return leased, nil
}

// takeJobs takes jobs from those who had them, and sets the owner of those that it
// got.
func takeJobs(ctx context.Context, c Conn, epoch int64, open []openJob) error {
	for i := range open {
		j := &open[i]
		if j.owner == epoch {
			continue
		}
		n, err := c.Exec(ctx, `
			UPDATE postrider_jobs
			SET owner = ?
			WHERE tenant = ?
			AND id = ?
			AND state = 'running'
			AND owner = ?
			AND cursor = ?`, epoch, j.Tenant, j.ID, j.owner, j.Cursor)
		if err != nil {
			return err
		}
		if n > 0 {
			j.owner = epoch
		}
	}
	return nil
}

// AdvanceJob implements store.Jobs.
func (s *Store) AdvanceJob(ctx context.Context, now time.Time, epoch int64, step store.JobStep) error {
	return wrap("advance job", s.db.Write(ctx, func(ctx context.Context, c Conn) error {
		if epoch <= 0 {
			return store.ErrLeaseLost
		}
		now, err := s.now(ctx, c, now)
		if err != nil {
			return err
		}
		n, err := c.Exec(ctx, `
			UPDATE postrider_jobs
			SET cursor = ?, updated_at = ?
			WHERE tenant = ?
			AND id = ?
			AND state = 'running'
			AND owner = ?
			AND cursor = ?`, step.Cursor, now.UnixMicro(), step.Tenant, step.ID, epoch, step.Was)
		if err != nil {
			return err
		}
		if n == 0 {
			return store.ErrLeaseLost
		}
		moved, err := s.redeliverMany(ctx, c, now, step)
		if err != nil {
			return err
		}
		end := ""
		if step.End {
			end = `, state = 'done', spec = ''`
		}
		_, err = c.Exec(ctx, `
			UPDATE postrider_jobs
			SET done = done + ?, skipped = skipped + ?`+end+`
			WHERE tenant = ?
			AND id = ?`, step.Done+int64(moved), step.Skipped+int64(len(step.Redeliver)-moved), step.Tenant, step.ID)
		return err
	}))
}

// redeliverMany puts the deliveries of a step back to pending, with low priority,
// and returns how many they were.
func (s *Store) redeliverMany(ctx context.Context, c Conn, now time.Time, step store.JobStep) (moved int, err error) {
	if len(step.Redeliver) == 0 {
		return 0, nil
	}
	if s.dialect.Redeliver != nil {
		return s.dialect.Redeliver(ctx, c, step)
	}
	for _, id := range step.Redeliver {
		var status string
		found, err := queryOne(ctx, c, `
			SELECT status
			FROM postrider_deliveries
			WHERE tenant = ?
			AND id = ?`, []any{step.Tenant, id}, &status)
		if err != nil {
			return moved, err
		}
		if !found || status == string(webhook.DeliveryPending) || step.Status != "" && status != string(step.Status) {
			continue
		}
		_, err = redeliver(ctx, c, now.UnixMicro(), step.Tenant, id)
		if errors.Is(err, store.ErrPayloadGone) {
			continue
		}
		if err == nil {
			err = lowerPriority(ctx, c, step.Tenant, id)
		}
		if err != nil {
			return moved, err
		}
		moved++
	}
	return moved, nil
}

// lowerPriority gives a delivery that waits low priority.
func lowerPriority(ctx context.Context, c Conn, tenant, delivery string) error {
	low := int64(webhook.PriorityLow.Rank())
	if _, err := c.Exec(ctx, `
		UPDATE postrider_queue
		SET prio = ?
		WHERE owner = 0
		AND delivery = ?`, low, delivery); err != nil {
		return err
	}
	_, err := c.Exec(ctx, `
		UPDATE postrider_deliveries
		SET prio = ?
		WHERE tenant = ?
		AND id = ?`, low, tenant, delivery)
	return err
}

// jobs removes jobs that ended before the cutoff.
func (p *pruning) jobs(ctx context.Context, cutoff time.Time) error {
	return p.byID(ctx, oldRows{
		before: cutoff,
		find: `
			SELECT tenant, id
			FROM postrider_jobs` + p.store.index("postrider_jobs_ended") + `
			WHERE state <> 'running'
			AND updated_at < ?
			ORDER BY updated_at
			LIMIT ? + 0`,
		remove: `
			DELETE FROM postrider_jobs
			WHERE tenant = ?
			AND id = ?
			AND state <> 'running'`,
		count: func(done *store.Pruned) *int { return &done.Jobs },
	})
}
