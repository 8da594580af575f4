package sharded

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Secrets implements store.Secrets.
func (s *Store) Secrets(ctx context.Context, tenant, endpoint string) ([]store.SecretRecord, error) {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return nil, fmt.Errorf("read secrets: %w", err)
	}
	return sh.Secrets(ctx, tenant, endpoint)
}

// RotateSecret implements store.Secrets.
func (s *Store) RotateSecret(ctx context.Context, now time.Time, secret store.SecretRecord, oldUntil time.Time, audit ...webhook.AuditRecord) error {
	sh, err := s.at(ctx, secret.Tenant)
	if err != nil {
		return fmt.Errorf("rotate secret: %w", err)
	}
	if err = sh.RotateSecret(ctx, now, secret, oldUntil, audit...); err == nil {
		s.order.note(secret.Tenant, secret.Endpoint)
	}
	return err
}
