package manage_test

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// faultyStore fails where a test asks for it, and where PostgreSQL would.
type faultyStore struct {
	store.Store
	createFails, rotateFails, engineFails error
	// eraseFails is how many calls of EraseSubject fail after a first event.
	eraseFails int
	// beforeUpdate runs once, before an update; afterRotate after a rotation.
	beforeUpdate, afterRotate func()
	// fault is asked before and after each call that changes something; an error is
	// what the call answers.
	fault func(call string, done bool) error
	// earlier is what Delivery returns of a delivery that has moved on since.
	earlier webhook.Delivery
}

func (s *faultyStore) CreateEndpoint(ctx context.Context, now time.Time, ep store.EndpointRecord, secret store.SecretRecord, c store.Creation, audit ...webhook.AuditRecord) (store.EndpointRecord, error) {
	if s.createFails != nil {
		return store.EndpointRecord{}, s.createFails
	}
	return change(s, "CreateEndpoint", func() (store.EndpointRecord, error) {
		return s.Store.CreateEndpoint(ctx, now, ep, secret, c, audit...)
	})
}

func (s *faultyStore) UpdateEndpoint(ctx context.Context, now time.Time, ep store.EndpointRecord, audit ...webhook.AuditRecord) (store.EndpointRecord, error) {
	if f := s.beforeUpdate; f != nil {
		s.beforeUpdate = nil
		f()
	}
	return change(s, "UpdateEndpoint", func() (store.EndpointRecord, error) { return s.Store.UpdateEndpoint(ctx, now, ep, audit...) })
}

func (s *faultyStore) PutEventType(ctx context.Context, now time.Time, t webhook.EventType, audit ...webhook.AuditRecord) (webhook.EventType, error) {
	return change(s, "PutEventType", func() (webhook.EventType, error) { return s.Store.PutEventType(ctx, now, t, audit...) })
}

func (s *faultyStore) CreateToken(ctx context.Context, now time.Time, t webhook.Token, hash []byte, limit int, audit ...webhook.AuditRecord) (webhook.Token, error) {
	return change(s, "CreateToken", func() (webhook.Token, error) { return s.Store.CreateToken(ctx, now, t, hash, limit, audit...) })
}

func (s *faultyStore) RevokeToken(ctx context.Context, now time.Time, tenant, id string, audit ...webhook.AuditRecord) error {
	return change0(s, "RevokeToken", func() error { return s.Store.RevokeToken(ctx, now, tenant, id, audit...) })
}

func (s *faultyStore) RotateSecret(ctx context.Context, now time.Time, secret store.SecretRecord, oldUntil time.Time, audit ...webhook.AuditRecord) error {
	if s.rotateFails != nil {
		return s.rotateFails
	}
	if s.afterRotate != nil {
		defer s.afterRotate()
	}
	return change0(s, "RotateSecret", func() error { return s.Store.RotateSecret(ctx, now, secret, oldUntil, audit...) })
}

func (s *faultyStore) EngineEndpoints(ctx context.Context, keys []store.Lane) ([]store.EngineEndpoint, error) {
	if s.engineFails != nil {
		return nil, s.engineFails
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, key := range keys {
		if err := badText(key.Tenant, key.Endpoint); err != nil {
			return nil, err
		}
	}
	return s.Store.EngineEndpoints(ctx, keys)
}

func (s *faultyStore) Endpoint(ctx context.Context, tenant, id string) (store.EndpointRecord, error) {
	if err := badText(tenant, id); err != nil {
		return store.EndpointRecord{}, err
	}
	return s.Store.Endpoint(ctx, tenant, id)
}

func (s *faultyStore) DeleteEndpoint(ctx context.Context, now time.Time, tenant, id string, audit ...webhook.AuditRecord) error {
	if err := badText(tenant, id); err != nil {
		return err
	}
	return change0(s, "DeleteEndpoint", func() error { return s.Store.DeleteEndpoint(ctx, now, tenant, id, audit...) })
}

func (s *faultyStore) ListEndpoints(ctx context.Context, tenant string, page store.Page) ([]store.EndpointRecord, error) {
	if err := badText(tenant, page.After); err != nil {
		return nil, err
	}
	return s.Store.ListEndpoints(ctx, tenant, page)
}

func (s *faultyStore) Event(ctx context.Context, tenant, id string) (webhook.Event, error) {
	if err := badText(tenant, id); err != nil {
		return webhook.Event{}, err
	}
	return s.Store.Event(ctx, tenant, id)
}

func (s *faultyStore) ListEvents(ctx context.Context, tenant string, page store.Page) ([]webhook.Event, error) {
	if err := badText(tenant, page.After); err != nil {
		return nil, err
	}
	return s.Store.ListEvents(ctx, tenant, page)
}

func (s *faultyStore) Delivery(ctx context.Context, tenant, id string) (webhook.Delivery, error) {
	if err := badText(tenant, id); err != nil {
		return webhook.Delivery{}, err
	}
	if s.earlier.ID == id {
		return s.earlier, nil
	}
	return s.Store.Delivery(ctx, tenant, id)
}

func (s *faultyStore) ListDeliveries(ctx context.Context, tenant string, filter store.DeliveryFilter, page store.Page) ([]webhook.Delivery, error) {
	if err := badText(tenant, filter.Endpoint, filter.Event, string(filter.Status), page.After); err != nil {
		return nil, err
	}
	return s.Store.ListDeliveries(ctx, tenant, filter, page)
}

func (s *faultyStore) Cancel(ctx context.Context, now time.Time, tenant string, deliveries []string, audit ...webhook.AuditRecord) ([]store.Cancellation, error) {
	if err := badText(append(deliveries, tenant)...); err != nil {
		return nil, err
	}
	return change(s, "Cancel", func() ([]store.Cancellation, error) { return s.Store.Cancel(ctx, now, tenant, deliveries, audit...) })
}

func (s *faultyStore) SubjectEvents(ctx context.Context, tenant, subject string, page store.Page) ([]webhook.Event, error) {
	if err := badText(tenant, subject, page.After); err != nil {
		return nil, err
	}
	return s.Store.SubjectEvents(ctx, tenant, subject, page)
}

func (s *faultyStore) EraseSubject(ctx context.Context, now time.Time, tenant, subject string, limit int) (store.Erased, error) {
	if err := badText(tenant, subject); err != nil {
		return store.Erased{}, err
	}
	if s.eraseFails > 0 {
		s.eraseFails--
		done, err := s.Store.EraseSubject(ctx, now, tenant, subject, 1)
		return done, errors.Join(err, store.ErrUnavailable)
	}
	return change(s, "EraseSubject", func() (store.Erased, error) {
		return s.Store.EraseSubject(ctx, now, tenant, subject, limit)
	})
}

func (s *faultyStore) Redeliver(ctx context.Context, now time.Time, tenant, delivery string, audit ...webhook.AuditRecord) error {
	if err := badText(tenant, delivery); err != nil {
		return err
	}
	return change0(s, "Redeliver", func() error { return s.Store.Redeliver(ctx, now, tenant, delivery, audit...) })
}

// change makes a call that changes something, or fails.
func change[T any](s *faultyStore, name string, call func() (T, error)) (v T, err error) {
	if s.fault == nil {
		return call()
	}
	if err := s.fault(name, false); err != nil {
		return v, err
	}
	if v, err = call(); err != nil {
		return v, err
	}
	return v, s.fault(name, true)
}

// change0 is change for a call without an answer.
func change0(s *faultyStore, name string, call func() error) error {
	return second(change(s, name, func() (any, error) { return nil, call() }))
}

func (s *faultyStore) CreateJob(ctx context.Context, now time.Time, job store.Job, audit ...webhook.AuditRecord) error {
	return change0(s, "CreateJob", func() error { return s.Store.CreateJob(ctx, now, job, audit...) })
}

func (s *faultyStore) CancelJob(ctx context.Context, now time.Time, tenant, id string, audit ...webhook.AuditRecord) error {
	return change0(s, "CancelJob", func() error { return s.Store.CancelJob(ctx, now, tenant, id, audit...) })
}

func (s *faultyStore) ListAudit(ctx context.Context, tenant string, filter store.AuditFilter, page store.Page) ([]webhook.AuditRecord, error) {
	if err := badText(tenant, string(filter.Action), filter.Actor, filter.Resource, page.After); err != nil {
		return nil, err
	}
	return s.Store.ListAudit(ctx, tenant, filter, page)
}

func (s *faultyStore) ListIncidents(ctx context.Context, tenant string, filter store.IncidentFilter, page store.Page) ([]webhook.Incident, error) {
	if err := badText(tenant, string(filter.Kind), filter.Subject, page.After); err != nil {
		return nil, err
	}
	return s.Store.ListIncidents(ctx, tenant, filter, page)
}

// badText is what PostgreSQL says to text that it does not take.
func badText(texts ...string) error {
	for _, s := range texts {
		if !utf8.ValidString(s) || strings.Contains(s, "\x00") {
			return errors.New("invalid byte sequence for encoding UTF8")
		}
	}
	return nil
}
