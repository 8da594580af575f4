package memstore

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

func cloneSecret(secret store.SecretRecord) store.SecretRecord {
	secret.Sealed = bytes.Clone(secret.Sealed)
	secret.CreatedAt, secret.Until = instant(secret.CreatedAt), instant(secret.Until)
	return secret
}

func cloneSecrets(secrets []store.SecretRecord) []store.SecretRecord {
	list := make([]store.SecretRecord, 0, len(secrets))
	for _, secret := range secrets {
		list = append(list, cloneSecret(secret))
	}
	return list
}

// Secrets implements store.Secrets.
func (s *Store) Secrets(ctx context.Context, tenant, endpoint string) ([]store.SecretRecord, error) {
	if err := s.begin(ctx, "read secrets"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	ep := s.endpoints[store.Lane{Tenant: tenant, Endpoint: endpoint}]
	if ep == nil {
		return nil, nil
	}
	return cloneSecrets(ep.secrets), nil
}

// RotateSecret implements store.Secrets.
func (s *Store) RotateSecret(ctx context.Context, now time.Time, secret store.SecretRecord, oldUntil time.Time, audit ...webhook.AuditRecord) error {
	if err := s.beginChange(ctx, "rotate secret", audit); err != nil {
		return err
	}
	defer s.mu.Unlock()
	ep, err := s.live(secret.Tenant, secret.Endpoint)
	if err != nil {
		return fmt.Errorf("rotate secret: %w", err)
	}
	now = instant(now)
	rotated := []store.SecretRecord{cloneSecret(secret)}
	rotated[0].Until = time.Time{}
	for i, old := range ep.secrets {
		switch {
		case i == 0:
			old.Until = instant(oldUntil)
		case !old.Until.After(now):
			continue
		}
		rotated = append(rotated, old)
	}
	ep.secrets, ep.Signature = rotated, secret.Signature
	s.changed(ep, now)
	s.audit(now, audit)
	return nil
}
