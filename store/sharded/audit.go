package sharded

import (
	"context"
	"fmt"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// ListAudit implements store.Audit.
func (s *Store) ListAudit(ctx context.Context, tenant string, filter store.AuditFilter, page store.Page) ([]webhook.AuditRecord, error) {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return nil, fmt.Errorf("list audit records: %w", err)
	}
	return sh.ListAudit(ctx, tenant, filter, page)
}
