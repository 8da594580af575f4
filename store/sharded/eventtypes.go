package sharded

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// PutEventType implements store.EventTypes. What belongs to no tenant is where the
// tenant "" is, whose audit log tells of it; the first type gives it a shard.
func (s *Store) PutEventType(ctx context.Context, now time.Time, t webhook.EventType, audit ...webhook.AuditRecord) (webhook.EventType, error) {
	sh, err := s.place(ctx, "")
	if err != nil {
		return webhook.EventType{}, fmt.Errorf("put event type: %w", err)
	}
	return sh.PutEventType(ctx, now, t, audit...)
}

// EventTypes implements store.EventTypes. The first call of a process needs all shards,
// to agree on where types are.
func (s *Store) EventTypes(ctx context.Context, after int64) ([]webhook.EventType, int64, error) {
	sh, err := s.place(ctx, "")
	if err != nil {
		return nil, 0, fmt.Errorf("read event types: %w", err)
	}
	return sh.EventTypes(ctx, after)
}

// EventTypes implements store.Tx. If types are on another shard, the transaction is not
// in the way of reading them there. Before the process knows where they are, there are
// none: to agree on that could wait for the transaction.
func (t *hostTx) EventTypes(ctx context.Context, after int64) ([]webhook.EventType, int64, error) {
	t.store.mu.RLock()
	sh := t.store.placed[""]
	t.store.mu.RUnlock()
	switch {
	case sh == nil:
		return nil, 0, nil
	case sh.name == t.name:
		return t.tx.EventTypes(ctx, after)
	}
	return sh.EventTypes(ctx, after)
}

var _ store.EventTypes = (*Store)(nil)
