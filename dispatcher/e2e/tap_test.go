package e2e_test

import (
	"context"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// tap is a store all of whose calls are asked for first: on returns nil to let a
// call through, or the error to answer it with.
type tap struct {
	store.Store
	on func(call string) error
}

// tapped makes a call with one result unless the tap answers it.
func tapped[R any](s *tap, call string, do func() (R, error)) (r R, err error) {
	if err := s.on(call); err != nil {
		return r, err
	}
	return do()
}

// tapped2 is tapped for a call with two results.
func tapped2[R, Q any](s *tap, call string, do func() (R, Q, error)) (r R, q Q, err error) {
	if err := s.on(call); err != nil {
		return r, q, err
	}
	return do()
}

// tapped0 is tapped for a call without a result.
func tapped0(s *tap, call string, do func() error) error {
	if err := s.on(call); err != nil {
		return err
	}
	return do()
}

func (s *tap) Publish(ctx context.Context, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	return tapped(s, "Publish", func() ([]store.PublishResult, error) { return s.Store.Publish(ctx, now, pubs) })
}

func (s *tap) Published(ctx context.Context, keys []store.EventKey) ([]store.EventKey, error) {
	return tapped(s, "Published", func() ([]store.EventKey, error) { return s.Store.Published(ctx, keys) })
}

func (s *tap) TenantEndpoints(ctx context.Context, tenant string, after int64) ([]store.EndpointRecord, int64, error) {
	return tapped2(s, "TenantEndpoints", func() ([]store.EndpointRecord, int64, error) { return s.Store.TenantEndpoints(ctx, tenant, after) })
}

func (s *tap) ChangedEndpoints(ctx context.Context, cursor int64, limit int) ([]store.EndpointRecord, int64, error) {
	return tapped2(s, "ChangedEndpoints", func() ([]store.EndpointRecord, int64, error) { return s.Store.ChangedEndpoints(ctx, cursor, limit) })
}

func (s *tap) LatestChange(ctx context.Context) (int64, error) {
	return tapped(s, "LatestChange", func() (int64, error) { return s.Store.LatestChange(ctx) })
}

func (s *tap) EngineEndpoints(ctx context.Context, keys []store.Lane) ([]store.EngineEndpoint, error) {
	return tapped(s, "EngineEndpoints", func() ([]store.EngineEndpoint, error) { return s.Store.EngineEndpoints(ctx, keys) })
}

func (s *tap) CreateEndpoint(ctx context.Context, now time.Time, ep store.EndpointRecord, secret store.SecretRecord, c store.Creation, audit ...webhook.AuditRecord) (store.EndpointRecord, error) {
	return tapped(s, "CreateEndpoint", func() (store.EndpointRecord, error) {
		return s.Store.CreateEndpoint(ctx, now, ep, secret, c, audit...)
	})
}

func (s *tap) UpdateEndpoint(ctx context.Context, now time.Time, ep store.EndpointRecord, audit ...webhook.AuditRecord) (store.EndpointRecord, error) {
	return tapped(s, "UpdateEndpoint", func() (store.EndpointRecord, error) { return s.Store.UpdateEndpoint(ctx, now, ep, audit...) })
}

func (s *tap) DeleteEndpoint(ctx context.Context, now time.Time, tenant, id string, audit ...webhook.AuditRecord) error {
	return tapped0(s, "DeleteEndpoint", func() error { return s.Store.DeleteEndpoint(ctx, now, tenant, id, audit...) })
}

func (s *tap) Endpoint(ctx context.Context, tenant, id string) (store.EndpointRecord, error) {
	return tapped(s, "Endpoint", func() (store.EndpointRecord, error) { return s.Store.Endpoint(ctx, tenant, id) })
}

func (s *tap) ListEndpoints(ctx context.Context, tenant string, page store.Page) ([]store.EndpointRecord, error) {
	return tapped(s, "ListEndpoints", func() ([]store.EndpointRecord, error) { return s.Store.ListEndpoints(ctx, tenant, page) })
}

func (s *tap) Secrets(ctx context.Context, tenant, endpoint string) ([]store.SecretRecord, error) {
	return tapped(s, "Secrets", func() ([]store.SecretRecord, error) { return s.Store.Secrets(ctx, tenant, endpoint) })
}

func (s *tap) RotateSecret(ctx context.Context, now time.Time, secret store.SecretRecord, oldUntil time.Time, audit ...webhook.AuditRecord) error {
	return tapped0(s, "RotateSecret", func() error { return s.Store.RotateSecret(ctx, now, secret, oldUntil, audit...) })
}

func (s *tap) CreateToken(ctx context.Context, now time.Time, t webhook.Token, hash []byte, limit int, audit ...webhook.AuditRecord) (webhook.Token, error) {
	return tapped(s, "CreateToken", func() (webhook.Token, error) { return s.Store.CreateToken(ctx, now, t, hash, limit, audit...) })
}

func (s *tap) RevokeToken(ctx context.Context, now time.Time, tenant, id string, audit ...webhook.AuditRecord) error {
	return tapped0(s, "RevokeToken", func() error { return s.Store.RevokeToken(ctx, now, tenant, id, audit...) })
}

func (s *tap) UseToken(ctx context.Context, now time.Time, tenant, id string) error {
	return tapped0(s, "UseToken", func() error { return s.Store.UseToken(ctx, now, tenant, id) })
}

func (s *tap) ListTokens(ctx context.Context, tenant string, kind webhook.TokenKind, page store.Page) ([]webhook.Token, error) {
	return tapped(s, "ListTokens", func() ([]webhook.Token, error) { return s.Store.ListTokens(ctx, tenant, kind, page) })
}

func (s *tap) TokenByHash(ctx context.Context, hash []byte) (webhook.Token, error) {
	return tapped(s, "TokenByHash", func() (webhook.Token, error) { return s.Store.TokenByHash(ctx, hash) })
}

func (s *tap) Acquire(ctx context.Context, now time.Time, p store.Process, ttl time.Duration) (int64, error) {
	return tapped(s, "Acquire", func() (int64, error) { return s.Store.Acquire(ctx, now, p, ttl) })
}

func (s *tap) Renew(ctx context.Context, now time.Time, epoch int64, ttl time.Duration) error {
	return tapped0(s, "Renew", func() error { return s.Store.Renew(ctx, now, epoch, ttl) })
}

func (s *tap) Resign(ctx context.Context, now time.Time, epoch int64) error {
	return tapped0(s, "Resign", func() error { return s.Store.Resign(ctx, now, epoch) })
}

func (s *tap) Held(ctx context.Context, epoch int64, after string, limit int) ([]store.Held, error) {
	return tapped(s, "Held", func() ([]store.Held, error) { return s.Store.Held(ctx, epoch, after, limit) })
}

func (s *tap) Reap(ctx context.Context, now time.Time, epoch int64, ttl time.Duration, limit int) (int, error) {
	return tapped(s, "Reap", func() (int, error) { return s.Store.Reap(ctx, now, epoch, ttl, limit) })
}

func (s *tap) Poll(ctx context.Context, now time.Time, epoch int64, limit int, admit func(store.Waiting) store.Admission) ([]store.Claimed, time.Time, error) {
	return tapped2(s, "Poll", func() ([]store.Claimed, time.Time, error) { return s.Store.Poll(ctx, now, epoch, limit, admit) })
}

func (s *tap) Start(ctx context.Context, epoch int64, rows []store.Held) ([]store.Held, error) {
	return tapped(s, "Start", func() ([]store.Held, error) { return s.Store.Start(ctx, epoch, rows) })
}

func (s *tap) Settle(ctx context.Context, now time.Time, st store.Settlement) (store.SettleResult, error) {
	return tapped(s, "Settle", func() (store.SettleResult, error) { return s.Store.Settle(ctx, now, st) })
}

func (s *tap) Cancel(ctx context.Context, now time.Time, tenant string, deliveries []string, audit ...webhook.AuditRecord) ([]store.Cancellation, error) {
	return tapped(s, "Cancel", func() ([]store.Cancellation, error) { return s.Store.Cancel(ctx, now, tenant, deliveries, audit...) })
}

func (s *tap) EraseSubject(ctx context.Context, now time.Time, tenant, subject string, limit int) (store.Erased, error) {
	return tapped(s, "EraseSubject", func() (store.Erased, error) { return s.Store.EraseSubject(ctx, now, tenant, subject, limit) })
}

func (s *tap) PruneTenant(ctx context.Context, now time.Time, tenant string, before time.Time, limit int) (store.Erased, error) {
	return tapped(s, "PruneTenant", func() (store.Erased, error) { return s.Store.PruneTenant(ctx, now, tenant, before, limit) })
}

func (s *tap) ReserveQuota(ctx context.Context, now time.Time, req store.QuotaRequest) (int64, error) {
	return tapped(s, "ReserveQuota", func() (int64, error) { return s.Store.ReserveQuota(ctx, now, req) })
}

func (s *tap) Redeliver(ctx context.Context, now time.Time, tenant, delivery string, audit ...webhook.AuditRecord) error {
	return tapped0(s, "Redeliver", func() error { return s.Store.Redeliver(ctx, now, tenant, delivery, audit...) })
}

func (s *tap) Take(ctx context.Context, now time.Time, epoch int64, limit int, asking []store.Lane, turn func(store.Lane) store.Turn) ([]store.Claimed, error) {
	return tapped(s, "Take", func() ([]store.Claimed, error) { return s.Store.Take(ctx, now, epoch, limit, asking, turn) })
}

func (s *tap) Event(ctx context.Context, tenant, id string) (webhook.Event, error) {
	return tapped(s, "Event", func() (webhook.Event, error) { return s.Store.Event(ctx, tenant, id) })
}

func (s *tap) EventsByKey(ctx context.Context, keys []store.EventKey) ([]webhook.Event, error) {
	return tapped(s, "EventsByKey", func() ([]webhook.Event, error) { return s.Store.EventsByKey(ctx, keys) })
}

func (s *tap) ListEvents(ctx context.Context, tenant string, page store.Page) ([]webhook.Event, error) {
	return tapped(s, "ListEvents", func() ([]webhook.Event, error) { return s.Store.ListEvents(ctx, tenant, page) })
}

func (s *tap) Delivery(ctx context.Context, tenant, id string) (webhook.Delivery, error) {
	return tapped(s, "Delivery", func() (webhook.Delivery, error) { return s.Store.Delivery(ctx, tenant, id) })
}

func (s *tap) ListDeliveries(ctx context.Context, tenant string, filter store.DeliveryFilter, page store.Page) ([]webhook.Delivery, error) {
	return tapped(s, "ListDeliveries", func() ([]webhook.Delivery, error) { return s.Store.ListDeliveries(ctx, tenant, filter, page) })
}

func (s *tap) Attempts(ctx context.Context, tenant, delivery string) ([]webhook.Attempt, error) {
	return tapped(s, "Attempts", func() ([]webhook.Attempt, error) { return s.Store.Attempts(ctx, tenant, delivery) })
}

func (s *tap) Stats(ctx context.Context, tenant string, scope store.StatScope, from, to time.Time) ([]store.Stat, error) {
	return tapped(s, "Stats", func() ([]store.Stat, error) { return s.Store.Stats(ctx, tenant, scope, from, to) })
}

func (s *tap) LeaseJobs(ctx context.Context, now time.Time, epoch int64, limit int) ([]store.Job, error) {
	return tapped(s, "LeaseJobs", func() ([]store.Job, error) { return s.Store.LeaseJobs(ctx, now, epoch, limit) })
}

func (s *tap) Prune(ctx context.Context, now time.Time, r store.Retention, limit int) (store.Pruned, error) {
	return tapped(s, "Prune", func() (store.Pruned, error) { return s.Store.Prune(ctx, now, r, limit) })
}

func (s *tap) Setting(ctx context.Context, name string, initial []byte) ([]byte, error) {
	return tapped(s, "Setting", func() ([]byte, error) { return s.Store.Setting(ctx, name, initial) })
}
