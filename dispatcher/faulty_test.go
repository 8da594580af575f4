package dispatcher_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// faultyStore is a store as one process sees it, whose connection can fail: it
// is down while down is set, and fault decides about single calls.
type faultyStore struct {
	store.Store
	down atomic.Bool
	// fault is asked before and after each call that writes. It returns nil to
	// let it be, or the error to answer with; after a call the store has done
	// what it was asked, and the answer is lost.
	fault atomic.Pointer[func(call string, after bool) error]
}

// setFault replaces the fault; nil is none.
func (f *faultyStore) setFault(fault func(call string, after bool) error) {
	if fault == nil {
		f.fault.Store(nil)
	} else {
		f.fault.Store(&fault)
	}
}

func (f *faultyStore) do(call string, run func() error) error {
	if f.down.Load() {
		return fmt.Errorf("%s: %w", call, store.ErrUnavailable)
	}
	fault := f.fault.Load()
	if fault != nil {
		if err := (*fault)(call, false); err != nil {
			return err
		}
	}
	if err := run(); err != nil {
		return err
	}
	if fault != nil {
		return (*fault)(call, true)
	}
	return nil
}

func (f *faultyStore) Publish(ctx context.Context, now time.Time, pubs []store.Publication) (r []store.PublishResult, err error) {
	err = f.do("publish", func() (err error) { r, err = f.Store.Publish(ctx, now, pubs); return err })
	return r, err
}

func (f *faultyStore) Published(ctx context.Context, keys []store.EventKey) (r []store.EventKey, err error) {
	err = f.do("published", func() (err error) { r, err = f.Store.Published(ctx, keys); return err })
	return r, err
}

func (f *faultyStore) Settle(ctx context.Context, now time.Time, s store.Settlement) (r store.SettleResult, err error) {
	err = f.do("settle", func() (err error) { r, err = f.Store.Settle(ctx, now, s); return err })
	return r, err
}

func (f *faultyStore) Poll(ctx context.Context, now time.Time, epoch int64, limit int, admit func(store.Waiting) store.Admission) (r []store.Claimed, next time.Time, err error) {
	err = f.do("poll", func() (err error) { r, next, err = f.Store.Poll(ctx, now, epoch, limit, admit); return err })
	return r, next, err
}

func (f *faultyStore) Take(ctx context.Context, now time.Time, epoch int64, limit int, asking []store.Lane, turn func(store.Lane) store.Turn) (r []store.Claimed, err error) {
	err = f.do("take", func() (err error) { r, err = f.Store.Take(ctx, now, epoch, limit, asking, turn); return err })
	return r, err
}

func (f *faultyStore) Cancel(ctx context.Context, now time.Time, tenant string, deliveries []string, audit ...webhook.AuditRecord) (r []store.Cancellation, err error) {
	err = f.do("cancel", func() (err error) { r, err = f.Store.Cancel(ctx, now, tenant, deliveries, audit...); return err })
	return r, err
}

func (f *faultyStore) EraseSubject(ctx context.Context, now time.Time, tenant, subject string, limit int) (r store.Erased, err error) {
	err = f.do("erase subject", func() (err error) {
		r, err = f.Store.EraseSubject(ctx, now, tenant, subject, limit)
		return err
	})
	return r, err
}

func (f *faultyStore) PutEventType(ctx context.Context, now time.Time, t webhook.EventType, audit ...webhook.AuditRecord) (r webhook.EventType, err error) {
	err = f.do("put event type", func() (err error) { r, err = f.Store.PutEventType(ctx, now, t, audit...); return err })
	return r, err
}

func (f *faultyStore) CreateToken(ctx context.Context, now time.Time, t webhook.Token, hash []byte, limit int, audit ...webhook.AuditRecord) (r webhook.Token, err error) {
	err = f.do("create token", func() (err error) { r, err = f.Store.CreateToken(ctx, now, t, hash, limit, audit...); return err })
	return r, err
}

func (f *faultyStore) RevokeToken(ctx context.Context, now time.Time, tenant, id string, audit ...webhook.AuditRecord) error {
	return f.do("revoke token", func() error { return f.Store.RevokeToken(ctx, now, tenant, id, audit...) })
}

func (f *faultyStore) UseToken(ctx context.Context, now time.Time, tenant, id string) error {
	return f.do("use token", func() error { return f.Store.UseToken(ctx, now, tenant, id) })
}

func (f *faultyStore) TokenByHash(ctx context.Context, hash []byte) (r webhook.Token, err error) {
	err = f.do("read token", func() (err error) { r, err = f.Store.TokenByHash(ctx, hash); return err })
	return r, err
}

func (f *faultyStore) EventTypes(ctx context.Context, after int64) (r []webhook.EventType, revision int64, err error) {
	err = f.do("read event types", func() (err error) { r, revision, err = f.Store.EventTypes(ctx, after); return err })
	return r, revision, err
}

func (f *faultyStore) CountFilters(ctx context.Context, now time.Time, tenant string, counts []store.FilterCount) error {
	return f.do("count filters", func() error { return f.Store.CountFilters(ctx, now, tenant, counts) })
}

func (f *faultyStore) CountIncidents(ctx context.Context, now time.Time, counts []store.IncidentCount) (r []webhook.Incident, err error) {
	err = f.do("count incidents", func() (err error) { r, err = f.Store.CountIncidents(ctx, now, counts); return err })
	return r, err
}

func (f *faultyStore) PruneTenant(ctx context.Context, now time.Time, tenant string, before time.Time, limit int) (r store.Erased, err error) {
	err = f.do("prune tenant", func() (err error) { r, err = f.Store.PruneTenant(ctx, now, tenant, before, limit); return err })
	return r, err
}

func (f *faultyStore) ReserveQuota(ctx context.Context, now time.Time, req store.QuotaRequest) (n int64, err error) {
	err = f.do("reserve quota", func() (err error) { n, err = f.Store.ReserveQuota(ctx, now, req); return err })
	return n, err
}

func (f *faultyStore) Start(ctx context.Context, epoch int64, rows []store.Held) (r []store.Held, err error) {
	err = f.do("start", func() (err error) { r, err = f.Store.Start(ctx, epoch, rows); return err })
	return r, err
}

func (f *faultyStore) Bind(ctx context.Context, epoch int64, batches []store.Binding) (r []string, err error) {
	err = f.do("bind", func() (err error) { r, err = f.Store.Bind(ctx, epoch, batches); return err })
	return r, err
}

func (f *faultyStore) Acquire(ctx context.Context, now time.Time, p store.Process, ttl time.Duration) (epoch int64, err error) {
	err = f.do("acquire", func() (err error) { epoch, err = f.Store.Acquire(ctx, now, p, ttl); return err })
	return epoch, err
}

func (f *faultyStore) Renew(ctx context.Context, now time.Time, epoch int64, ttl time.Duration) error {
	return f.do("renew", func() error { return f.Store.Renew(ctx, now, epoch, ttl) })
}

func (f *faultyStore) Resign(ctx context.Context, now time.Time, epoch int64) error {
	return f.do("resign", func() error { return f.Store.Resign(ctx, now, epoch) })
}

func (f *faultyStore) Held(ctx context.Context, epoch int64, after string, limit int) (r []store.Held, err error) {
	err = f.do("held", func() (err error) { r, err = f.Store.Held(ctx, epoch, after, limit); return err })
	return r, err
}

func (f *faultyStore) Reap(ctx context.Context, now time.Time, epoch int64, ttl time.Duration, limit int) (n int, err error) {
	err = f.do("reap", func() (err error) { n, err = f.Store.Reap(ctx, now, epoch, ttl, limit); return err })
	return n, err
}

func (f *faultyStore) EngineEndpoints(ctx context.Context, keys []store.Lane) (r []store.EngineEndpoint, err error) {
	err = f.do("engine endpoints", func() (err error) { r, err = f.Store.EngineEndpoints(ctx, keys); return err })
	return r, err
}

func (f *faultyStore) EventsByKey(ctx context.Context, keys []store.EventKey) (r []webhook.Event, err error) {
	err = f.do("events", func() (err error) { r, err = f.Store.EventsByKey(ctx, keys); return err })
	return r, err
}

func (f *faultyStore) TenantEndpoints(ctx context.Context, tenant string, after int64) (r []store.EndpointRecord, rev int64, err error) {
	err = f.do("tenant endpoints", func() (err error) { r, rev, err = f.Store.TenantEndpoints(ctx, tenant, after); return err })
	return r, rev, err
}

func (f *faultyStore) CreateJob(ctx context.Context, now time.Time, job store.Job, audit ...webhook.AuditRecord) error {
	return f.do("create job", func() error { return f.Store.CreateJob(ctx, now, job, audit...) })
}

func (f *faultyStore) LeaseJobs(ctx context.Context, now time.Time, epoch int64, limit int) (r []store.Job, err error) {
	err = f.do("lease jobs", func() (err error) { r, err = f.Store.LeaseJobs(ctx, now, epoch, limit); return err })
	return r, err
}

func (f *faultyStore) AdvanceJob(ctx context.Context, now time.Time, epoch int64, step store.JobStep) error {
	return f.do("advance job", func() error { return f.Store.AdvanceJob(ctx, now, epoch, step) })
}

func (f *faultyStore) Tenants(ctx context.Context, cursor string, limit int) (r []string, next string, err error) {
	err = f.do("tenants", func() (err error) { r, next, err = f.Store.Tenants(ctx, cursor, limit); return err })
	return r, next, err
}

func (f *faultyStore) ReserveRates(ctx context.Context, now time.Time, reqs []store.RateRequest) (r []store.RateGrant, err error) {
	err = f.do("reserve rates", func() (err error) { r, err = f.Store.ReserveRates(ctx, now, reqs); return err })
	return r, err
}
