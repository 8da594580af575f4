package dispatcher

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/jobs"
	"github.com/postrider/postrider/dispatcher/telemetry"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// broadcastFor is how long a broadcast is remembered at each tenant, so that one that
// is taken up again after an outage publishes nothing twice.
const broadcastFor = 30 * day

// Broadcast publishes an event to all tenants that have an endpoint which wants it:
// each gets an event of its own. It returns the id of the broadcast once that is
// durable; tenants get it at the pace of Config.RedeliverRate, by whichever process
// delivers, and once each, also if processes die meanwhile. Tenants that are new by
// then may get it or not. A broadcast is the host's affair and counts for no
// tenant's quota. The audit log of the tenant "" has a record of it, and of its being
// canceled.
//
// The event has no tenant. With an idempotency key Broadcast can be repeated: no
// tenant gets a second event of that key from broadcasts within 30 days. Errors are
// *webhook.InvalidError, store.ErrUnavailable (nothing is stored) and
// store.ErrUnknown (some tenants may get it; repeat with the idempotency key).
func (d *Dispatcher) Broadcast(ctx context.Context, ev webhook.Event) (string, error) {
	if ev.Tenant != "" {
		return "", webhook.Invalid("tenant", webhook.CodeInvalidField, "Must be empty: a broadcast is for all tenants.")
	}
	id, err := d.entropy.ID(webhook.PrefixJob)
	if err != nil {
		return "", err
	}
	key := ev.IdempotencyKey
	if key == "" {
		key = id
	}
	ev.IdempotencyKey = "broadcast/" + key
	ev.Trace = telemetry.TraceOf(ctx, ev.Trace)
	p, err := d.newPublication(ev)
	if err == nil {
		err = d.types.Check(ctx, &p.Event)
	}
	if err != nil {
		return "", err
	}
	spec, err := jobs.BroadcastSpec(p.Event)
	if err != nil {
		return "", fmt.Errorf("broadcast: %w", err)
	}
	after, err := json.Marshal(map[string]string{"event_type": ev.Type})
	if err != nil {
		return "", fmt.Errorf("broadcast: %w", err)
	}
	audit, err := d.auditBroadcast(ctx, webhook.AuditRecord{Action: webhook.ActionBroadcastStarted, Resource: id, After: after})
	if err != nil {
		return "", fmt.Errorf("broadcast: %w", err)
	}
	for i, name := range slices.Sorted(maps.Keys(d.shards)) {
		s := d.shards[name]
		err := s.store.CreateJob(ctx, clock.Now(), store.Job{ID: id, Kind: store.JobBroadcast, Spec: spec}, audit(s)...)
		if err != nil && i > 0 && !errors.Is(err, store.ErrUnknown) {
			err = fmt.Errorf("%w: other shards have it: %v", store.ErrUnknown, err)
		}
		if err != nil {
			return "", fmt.Errorf("broadcast: %w", err)
		}
		s.lookForJobs()
	}
	return id, nil
}

// auditBroadcast returns the record of what is done to a broadcast for the shard that has
// the audit log of the tenant "", which is the host's, and none for the others.
func (d *Dispatcher) auditBroadcast(ctx context.Context, r webhook.AuditRecord) (func(*shard) []webhook.AuditRecord, error) {
	home, err := d.shardOf(ctx, "")
	if err != nil {
		return nil, err
	}
	if r, err = d.NewAudit(ctx, r); err != nil {
		return nil, err
	}
	return func(s *shard) []webhook.AuditRecord {
		if s != home {
			return nil
		}
		return []webhook.AuditRecord{r}
	}, nil
}

// BroadcastJob returns how far a broadcast has come: Done are the tenants that have
// got it, Skipped those where no endpoint wants it. Over a sharded store the counts
// are those of all shards, and it is done once all are. The error is
// store.ErrNotFound.
func (d *Dispatcher) BroadcastJob(ctx context.Context, id string) (store.Job, error) {
	var sum store.Job
	for _, s := range d.shards {
		j, err := s.store.Job(ctx, "", id)
		if errors.Is(err, store.ErrNotFound) || err == nil && j.Kind != store.JobBroadcast {
			continue
		}
		if err != nil {
			return store.Job{}, err
		}
		if sum.ID == "" {
			sum = j
			continue
		}
		sum.Done += j.Done
		sum.Skipped += j.Skipped
		if j.UpdatedAt.After(sum.UpdatedAt) {
			sum.UpdatedAt = j.UpdatedAt
		}
		if sum.State == store.JobDone || j.State == store.JobRunning {
			sum.State = j.State
		}
	}
	if sum.ID == "" {
		return store.Job{}, fmt.Errorf("read broadcast: %w", store.ErrNotFound)
	}
	sum.Cursor, sum.Spec = "", nil
	return sum, nil
}

// CancelBroadcast ends a broadcast; tenants that have got it keep it. That it has
// ended is not an error. The error is store.ErrNotFound.
func (d *Dispatcher) CancelBroadcast(ctx context.Context, id string) error {
	if _, err := d.BroadcastJob(ctx, id); err != nil {
		return err
	}
	audit, err := d.auditBroadcast(ctx, webhook.AuditRecord{Action: webhook.ActionBroadcastCanceled, Resource: id})
	if err != nil {
		return fmt.Errorf("cancel broadcast: %w", err)
	}
	for _, s := range d.shards {
		if err := s.store.CancelJob(ctx, clock.Now(), "", id, audit(s)...); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return nil
}

// publishBroadcast publishes an event of a broadcast to its tenant (see
// jobs.Config).
func (d *Dispatcher) publishBroadcast(ctx context.Context, ev webhook.Event) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	dir, err := d.directory.Of(ctx, ev.Tenant)
	if err != nil {
		return false, err
	}
	ctx, told := d.telemetry.StartPublish(ctx, &ev)
	ev.Trace = told.Trace()
	p, err := d.compose(ev)
	if err != nil {
		return false, err
	}
	eps, _, err := d.filter(ctx, p, dir.Match(ev.Type, ev.Source, ev.Channels))
	if err != nil || len(eps) == 0 {
		return false, err // a span that is not ended is told to nobody
	}
	p.KeyExpires = clock.Now().Add(broadcastFor)
	if err := d.place(ctx, p); err != nil {
		return false, err
	}
	r, err := d.publish(ctx, p)
	told.End(r, err)
	return err == nil, err
}

// StartRedelivery stores a job that sends deliveries of a tenant again, which begins
// at once if this process delivers. It is for those who build on a dispatcher.
func (d *Dispatcher) StartRedelivery(ctx context.Context, tenant string, r jobs.Redelivery, total int) (store.Job, error) {
	spec, err := r.Spec()
	if err != nil {
		return store.Job{}, fmt.Errorf("redeliver: %w", err)
	}
	j := store.Job{Tenant: tenant, Kind: store.JobRedeliver, Spec: spec, Total: int64(total)}
	return d.startJob(ctx, j, webhook.AuditRecord{Action: webhook.ActionRedeliveryStarted, After: spec})
}

// startJob stores a new job of a tenant's, with a record that is about it.
func (d *Dispatcher) startJob(ctx context.Context, j store.Job, record webhook.AuditRecord) (store.Job, error) {
	var err error
	if j.ID, err = d.entropy.ID(webhook.PrefixJob); err != nil {
		return store.Job{}, err
	}
	at := clock.Now().UTC().Truncate(time.Microsecond)
	j.State, j.CreatedAt, j.UpdatedAt = store.JobRunning, at, at
	record.Tenant, record.Resource = j.Tenant, j.ID
	if record, err = d.NewAudit(ctx, record); err != nil {
		return store.Job{}, err
	}
	if err := d.store.CreateJob(ctx, at, j, record); err != nil {
		return store.Job{}, err
	}
	if s, err := d.shardOf(ctx, j.Tenant); err == nil {
		s.lookForJobs()
	}
	return j, nil
}
