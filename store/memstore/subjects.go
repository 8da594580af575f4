package memstore

import (
	"context"
	"maps"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// SubjectEvents implements store.Subjects. It goes through the tenant's events.
func (s *Store) SubjectEvents(ctx context.Context, tenant, subject string, page store.Page) ([]webhook.Event, error) {
	if err := s.begin(ctx, "list events of a subject"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	t := s.tenants[tenant]
	if t == nil || subject == "" {
		return nil, nil
	}
	walk := t.events.before
	if page.Oldest {
		walk = t.events.after
	}
	var list []webhook.Event
	walk(page.After, func(ev *event) bool {
		if ev.Subject == subject {
			bare := ev.Event
			bare.Data, bare.Metadata = nil, maps.Clone(ev.Metadata)
			list = append(list, bare)
		}
		return len(list) < page.Size()
	})
	return list, nil
}

// EraseSubject implements store.Subjects. What it removes is garbage at once.
func (s *Store) EraseSubject(ctx context.Context, now time.Time, tenant, subject string, limit int, audit ...webhook.AuditRecord) (store.Erased, error) {
	if err := s.beginChange(ctx, "erase subject", audit); err != nil {
		return store.Erased{}, err
	}
	defer s.mu.Unlock()
	t := s.tenants[tenant]
	if t == nil || subject == "" {
		return store.Erased{}, nil
	}
	var found []*event
	t.events.after("", func(ev *event) bool {
		if ev.Subject == subject {
			found = append(found, ev)
		}
		return len(found) <= limit
	})
	p := pruning{store: s, now: instant(now)}
	var done store.Erased
	if len(found) > limit {
		found, done.More = found[:limit], true
	}
	for _, ev := range found {
		if k := t.keys[ev.IdempotencyKey]; ev.IdempotencyKey != "" && k != nil && k.receipt.EventID == ev.ID {
			s.keys.remove(k)
			delete(t.keys, k.key)
			done.IdempotencyKeys++
		}
		for _, d := range ev.deliveries.items {
			s.letGo(d, p.now)
		}
		p.remove(ev)
		// The queues of Prune name it until its retention ends.
		ev.Event, ev.deliveries = webhook.Event{}, ordered[*delivery]{}
	}
	if len(found) > 0 {
		s.audit(now, audit)
	}
	done.Events, done.Payloads, done.Deliveries = p.done.Events, p.done.Payloads, p.done.Deliveries
	done.Attempts, done.Pending = p.done.Attempts, p.done.Expired
	return done, nil
}
