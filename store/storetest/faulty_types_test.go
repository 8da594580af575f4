package storetest_test

import (
	"context"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// lastTypeWins stores types whatever version they are based on.
type lastTypeWins struct{ store.Store }

func (s *lastTypeWins) PutEventType(ctx context.Context, now time.Time, t webhook.EventType, audit ...webhook.AuditRecord) (webhook.EventType, error) {
	list, _, err := s.Store.EventTypes(ctx, 0)
	if err != nil {
		return t, err
	}
	t.Version = 0
	for _, old := range list {
		if old.Name == t.Name {
			t.Version = old.Version
		}
	}
	return s.Store.PutEventType(ctx, now, t, audit...)
}

// lastSchemaOnly forgets the versions of a schema but the last.
type lastSchemaOnly struct{ store.Store }

func (s *lastSchemaOnly) PutEventType(ctx context.Context, now time.Time, t webhook.EventType, audit ...webhook.AuditRecord) (webhook.EventType, error) {
	if n := len(t.Schemas); n > 1 {
		t.Schemas = t.Schemas[n-1:]
	}
	return s.Store.PutEventType(ctx, now, t, audit...)
}

// newTypesOnly tells of types that are new, and of no change.
type newTypesOnly struct{ store.Store }

func (s *newTypesOnly) EventTypes(ctx context.Context, after int64) ([]webhook.EventType, int64, error) {
	list, revision, err := s.Store.EventTypes(ctx, after)
	if after > 0 {
		var fresh []webhook.EventType
		for _, t := range list {
			if t.Version == 1 {
				fresh = append(fresh, t)
			}
		}
		list = fresh
	}
	return list, revision, err
}

// typesWithoutAudit writes no audit records of types.
type typesWithoutAudit struct{ store.Store }

func (s *typesWithoutAudit) PutEventType(ctx context.Context, now time.Time, t webhook.EventType, _ ...webhook.AuditRecord) (webhook.EventType, error) {
	return s.Store.PutEventType(ctx, now, t)
}
