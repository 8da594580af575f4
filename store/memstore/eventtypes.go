package memstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// PutEventType implements store.EventTypes.
func (s *Store) PutEventType(ctx context.Context, now time.Time, t webhook.EventType, audit ...webhook.AuditRecord) (webhook.EventType, error) {
	if err := s.beginChange(ctx, "put event type", audit); err != nil {
		return webhook.EventType{}, err
	}
	defer s.mu.Unlock()
	old := s.eventTypes[t.Name]
	if old.Version != t.Version {
		return webhook.EventType{}, fmt.Errorf("put event type: %w", store.ErrVersion)
	}
	now = instant(now)
	s.typeChange++
	t = t.Clone()
	t.Version, t.Revision, t.CreatedAt, t.UpdatedAt = t.Version+1, s.typeChange, now, now
	if old.Version > 0 {
		t.CreatedAt = old.CreatedAt
	}
	for i := range t.Schemas {
		t.Schemas[i].CreatedAt = instant(t.Schemas[i].CreatedAt)
	}
	s.eventTypes[t.Name] = t
	s.audit(now, audit)
	return t.Clone(), nil
}

// EventTypes implements store.EventTypes.
func (s *Store) EventTypes(ctx context.Context, after int64) ([]webhook.EventType, int64, error) {
	if err := s.begin(ctx, "read event types"); err != nil {
		return nil, 0, err
	}
	defer s.mu.Unlock()
	if s.typeChange <= after {
		return nil, s.typeChange, nil
	}
	var list []webhook.EventType
	for _, t := range s.eventTypes {
		if t.Revision > after {
			list = append(list, t.Clone())
		}
	}
	slices.SortFunc(list, func(a, b webhook.EventType) int { return cmp.Compare(a.Revision, b.Revision) })
	return list, s.typeChange, nil
}

// EventTypes implements store.Tx.
func (tx *Tx) EventTypes(ctx context.Context, after int64) ([]webhook.EventType, int64, error) {
	return tx.store.EventTypes(ctx, after)
}
