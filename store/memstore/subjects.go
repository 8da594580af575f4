package memstore

import (
	"context"
	"maps"
	"slices"
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
func (s *Store) EraseSubject(ctx context.Context, now time.Time, tenant, subject string, limit int) (store.Erased, error) {
	if err := s.begin(ctx, "erase subject"); err != nil {
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
	more := len(found) > limit
	found = found[:min(len(found), limit)]
	keys := 0
	for _, ev := range found {
		if k := t.keys[ev.IdempotencyKey]; ev.IdempotencyKey != "" && k != nil && k.receipt.EventID == ev.ID {
			s.keys.remove(k)
			delete(t.keys, k.key)
			keys++
		}
	}
	done := s.erase(instant(now), found)
	done.More, done.IdempotencyKeys = more, keys
	return done, nil
}

// PruneTenant implements store.Maintenance.
func (s *Store) PruneTenant(ctx context.Context, now time.Time, tenant string, before time.Time, limit int) (store.Erased, error) {
	if err := s.begin(ctx, "prune tenant"); err != nil {
		return store.Erased{}, err
	}
	defer s.mu.Unlock()
	t := s.tenants[tenant]
	if t == nil {
		return store.Erased{}, nil
	}
	var old []*event
	seen := 0
	t.events.after("", func(ev *event) bool {
		if !ev.published.Before(before) {
			return false
		}
		if seen++; !slices.ContainsFunc(ev.deliveries.items, func(d *delivery) bool { return d.row != nil }) {
			old = append(old, ev)
		}
		return len(old) < limit && seen < store.PassedBy*limit
	})
	done := s.erase(instant(now), old)
	done.More = len(old) >= limit
	return done, nil
}

// erase removes events with all that belongs to them, idempotency keys aside.
func (s *Store) erase(now time.Time, events []*event) (done store.Erased) {
	p := pruning{store: s, now: now}
	for _, ev := range events {
		for _, d := range ev.deliveries.items {
			s.letGo(d, p.now)
		}
		p.remove(ev)
		// The queues of Prune name it until its retention ends.
		ev.Event, ev.deliveries = webhook.Event{}, ordered[*delivery]{}
	}
	done.Events, done.Payloads, done.Deliveries = p.done.Events, p.done.Payloads, p.done.Deliveries
	done.Attempts, done.Pending = p.done.Attempts, p.done.Expired
	return done
}
