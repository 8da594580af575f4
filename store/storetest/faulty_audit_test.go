package storetest_test

import (
	"context"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// unaudited cancels jobs without a word.
type unaudited struct{ store.Store }

func (s *unaudited) CancelJob(ctx context.Context, now time.Time, tenant, id string, _ ...webhook.AuditRecord) error {
	return s.Store.CancelJob(ctx, now, tenant, id)
}

// auditsApart writes the record of a redelivery first, whatever becomes of that.
type auditsApart struct{ store.Store }

func (s *auditsApart) Redeliver(ctx context.Context, now time.Time, tenant, delivery string, audit ...webhook.AuditRecord) error {
	if len(audit) > 0 {
		job := store.Job{ID: webhook.NewID(webhook.PrefixJob), Tenant: tenant, Kind: store.JobRedeliver}
		if err := s.CreateJob(ctx, now, job, audit...); err != nil {
			return err
		}
	}
	return s.Store.Redeliver(ctx, now, tenant, delivery)
}

// auditOfAll lists the records of two tenants to either.
type auditOfAll struct{ store.Store }

func (s *auditOfAll) ListAudit(ctx context.Context, tenant string, filter store.AuditFilter, page store.Page) ([]webhook.AuditRecord, error) {
	list, err := s.Store.ListAudit(ctx, tenant, filter, page)
	if err != nil || tenant == "acme" {
		return list, err
	}
	return s.Store.ListAudit(ctx, "acme", filter, page)
}

// rotatesForAll gives acme's endpoint a secret, whoever asks.
type rotatesForAll struct{ store.Store }

func (s *rotatesForAll) RotateSecret(ctx context.Context, now time.Time, secret store.SecretRecord, oldUntil time.Time, audit ...webhook.AuditRecord) error {
	theirs := secret
	theirs.Tenant = "acme"
	if err := s.Store.RotateSecret(ctx, now, theirs, oldUntil); err == nil {
		return nil
	}
	return s.Store.RotateSecret(ctx, now, secret, oldUntil, audit...)
}
