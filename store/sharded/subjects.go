package sharded

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// SubjectEvents implements store.Subjects.
func (s *Store) SubjectEvents(ctx context.Context, tenant, subject string, page store.Page) ([]webhook.Event, error) {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return nil, fmt.Errorf("list events of a subject: %w", err)
	}
	return sh.SubjectEvents(ctx, tenant, subject, page)
}

// EraseSubject implements store.Subjects.
func (s *Store) EraseSubject(ctx context.Context, now time.Time, tenant, subject string, limit int) (store.Erased, error) {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return store.Erased{}, fmt.Errorf("erase subject: %w", err)
	}
	return sh.EraseSubject(ctx, now, tenant, subject, limit)
}

// PruneTenant implements store.Maintenance.
func (s *Store) PruneTenant(ctx context.Context, now time.Time, tenant string, before time.Time, limit int) (store.Erased, error) {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return store.Erased{}, fmt.Errorf("prune tenant: %w", err)
	}
	return sh.PruneTenant(ctx, now, tenant, before, limit)
}
