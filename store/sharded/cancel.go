package sharded

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Cancel implements store.Canceling.
func (s *Store) Cancel(ctx context.Context, now time.Time, tenant string, deliveries []string, audit ...webhook.AuditRecord) ([]store.Cancellation, error) {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return nil, fmt.Errorf("cancel: %w", err)
	}
	return sh.Cancel(ctx, now, tenant, deliveries, audit...)
}
