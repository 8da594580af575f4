package manage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postrider/postrider/dispatcher/jobs"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Redelivery says which of a tenant's deliveries RedeliverMany sends again: those of
// a list, or all that the other fields describe.
type Redelivery struct {
	// Deliveries are ids, at most 1,000; whatever they ended as. The fields
	// below, DryRun aside, are then empty.
	Deliveries []string

	// Endpoint is whose deliveries are meant. Defaults to those of all endpoints.
	Endpoint string
	// Status is failed, canceled, skipped or delivered. Defaults to failed.
	Status webhook.DeliveryStatus
	// EventTypes are patterns, as endpoints have. Defaults to all types.
	EventTypes []string
	// From and To bound when the events were published: From inclusive, To
	// exclusive. Default to everything up to now.
	From, To time.Time

	// DryRun counts and does nothing.
	DryRun bool
}

// RedeliveryResult is the answer to RedeliverMany.
type RedeliveryResult struct {
	// Matched is how many deliveries are meant. Those whose payloads are no
	// longer kept are among them.
	Matched int
	// Job is the id of the job that sends them again; empty after a dry run and
	// if there are none.
	Job string
}

// maxSelected bounds the list of a redelivery.
const maxSelected = 1000

// RedeliverMany sends many deliveries again, oldest first, each with a fresh
// schedule and with low priority, so that they go after what is published meanwhile.
// It counts them and returns once a job is stored, which delivering processes work
// on at the pace of Config.RedeliverRate; Job tells how far it is. Each delivery is
// redelivered once, also if processes die meanwhile. What has another status by the
// time that its turn comes, or has lost its payload, is skipped.
//
// Errors are *webhook.InvalidError with the fields deliveries, endpoint, status,
// event_types and to, and those of the store; after store.ErrUnknown there may be a
// job.
func (m *Manager) RedeliverMany(ctx context.Context, tenant string, r Redelivery) (RedeliveryResult, error) {
	if err := r.check(); err != nil {
		return RedeliveryResult{}, err
	}
	if !validTenant(tenant) {
		return RedeliveryResult{}, nil
	}
	what := jobs.Redelivery{
		Deliveries: unique(r.Deliveries), Endpoint: r.Endpoint, Status: r.Status, EventTypes: r.EventTypes, From: r.From, To: r.To,
	}
	if r.Deliveries == nil {
		if what.Status == "" {
			what.Status = webhook.DeliveryFailed
		}
		// What is published from now on would keep the job from ever ending.
		if at := now(); what.To.IsZero() || what.To.After(at) {
			what.To = at
		}
	}
	matched, err := m.count(ctx, tenant, &what)
	if err != nil || r.DryRun || matched == 0 {
		return RedeliveryResult{Matched: matched}, err
	}
	job, err := m.d.StartRedelivery(ctx, tenant, what, matched)
	return RedeliveryResult{Matched: matched, Job: job.ID}, err
}

func (r *Redelivery) check() error {
	var inv webhook.InvalidError
	if r.Deliveries != nil {
		bad := len(r.Deliveries) > maxSelected
		for _, id := range r.Deliveries {
			bad = bad || !webhook.PrefixDelivery.ValidID(id)
		}
		if bad {
			inv.Add("deliveries", webhook.CodeInvalidField, fmt.Sprintf("At most %d ids of deliveries.", maxSelected))
		}
		if r.Endpoint != "" || r.Status != "" || r.EventTypes != nil || !r.From.IsZero() || !r.To.IsZero() {
			inv.Add("deliveries", webhook.CodeInvalidField, "Give either ids or what describes them.")
		}
		return inv.Err()
	}
	if r.Endpoint != "" && !webhook.PrefixEndpoint.ValidID(r.Endpoint) {
		inv.Add("endpoint", webhook.CodeInvalidField, "Must be the id of a webhook.")
	}
	switch r.Status {
	case "", webhook.DeliveryFailed, webhook.DeliveryCanceled, webhook.DeliverySkipped, webhook.DeliveryDelivered:
	default:
		inv.Add("status", webhook.CodeInvalidField, "Must be failed, canceled, skipped or delivered.")
	}
	for _, p := range r.EventTypes {
		if !webhook.ValidPattern(p) {
			inv.Add("event_types", webhook.CodeInvalidField, "Must be event types, event types followed by \".*\", or \"*\".")
			break
		}
	}
	if !r.From.IsZero() && !r.To.IsZero() && !r.From.Before(r.To) {
		inv.Add("to", webhook.CodeInvalidField, "Must be after from.")
	}
	return inv.Err()
}

func unique(ids []string) []string {
	if ids == nil {
		return nil
	}
	seen := make(map[string]bool, len(ids))
	list := []string{}
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			list = append(list, id)
		}
	}
	return list
}

// count returns how many deliveries a redelivery means.
func (m *Manager) count(ctx context.Context, tenant string, r *jobs.Redelivery) (n int, err error) {
	if r.Deliveries != nil {
		for _, id := range r.Deliveries {
			d, err := m.store.Delivery(ctx, tenant, id)
			if err == nil && d.Status != webhook.DeliveryPending {
				n++
			} else if err != nil && !errors.Is(err, store.ErrNotFound) {
				return 0, err
			}
		}
		return n, nil
	}
	for after := ""; ; {
		page, err := m.store.ListDeliveries(ctx, tenant, r.Filter(), store.Page{After: after, Limit: store.MaxPage, Oldest: true})
		if err != nil {
			return 0, err
		}
		for i := range page {
			if r.Wants(&page[i]) {
				n++
			}
		}
		if len(page) < store.MaxPage {
			return n, nil
		}
		after = page[len(page)-1].ID
	}
}

// JobProgress is how far a redelivery of many is.
type JobProgress struct {
	// ID is "job_" and a ULID.
	ID    string
	State store.JobState
	// Total is how many deliveries matched when it was started, Done how many
	// were put back to pending, and Skipped those that could not be.
	Total, Done, Skipped int
	// CreatedAt is when it was started, UpdatedAt when it last went on.
	CreatedAt, UpdatedAt time.Time
}

// Job returns how far a redelivery of many is. The error is store.ErrNotFound, also
// some time after its end: jobs are kept as long as payloads.
func (m *Manager) Job(ctx context.Context, tenant, id string) (JobProgress, error) {
	j, err := m.job(ctx, tenant, id, store.JobRedeliver)
	if err != nil {
		return JobProgress{}, err
	}
	return JobProgress{
		ID: j.ID, State: j.State, Total: int(j.Total), Done: int(j.Done), Skipped: int(j.Skipped),
		CreatedAt: j.CreatedAt, UpdatedAt: j.UpdatedAt,
	}, nil
}

// job returns a job of a kind, or store.ErrNotFound: others are somebody else's affair,
// such as broadcasts, which are the host's.
func (m *Manager) job(ctx context.Context, tenant, id string, kind store.JobKind) (store.Job, error) {
	if err := known(webhook.PrefixJob, tenant, id); err != nil {
		return store.Job{}, err
	}
	j, err := m.store.Job(ctx, tenant, id)
	if err == nil && j.Kind != kind {
		err = fmt.Errorf("read job: %w", store.ErrNotFound)
	}
	return j, err
}

// CancelJob ends a redelivery of many. What it has put back to pending stays so.
// Canceling one that has ended changes nothing. The error is store.ErrNotFound.
func (m *Manager) CancelJob(ctx context.Context, tenant, id string) error {
	if _, err := m.Job(ctx, tenant, id); err != nil {
		return err
	}
	record, err := m.d.NewAudit(ctx, webhook.AuditRecord{Tenant: tenant, Action: webhook.ActionRedeliveryCanceled, Resource: id})
	if err != nil {
		return fmt.Errorf("cancel job: %w", err)
	}
	return m.store.CancelJob(ctx, now(), tenant, id, record)
}
