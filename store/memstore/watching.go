package memstore

import (
	"context"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// TailDeliveries implements store.Watching.
func (s *Store) TailDeliveries(ctx context.Context, now, since time.Time, asks []store.TailAsk) (store.Tailed, error) {
	if err := s.begin(ctx, "tail deliveries"); err != nil {
		return store.Tailed{}, err
	}
	defer s.mu.Unlock()
	answer := store.NewTailed(len(asks), instant(now))
	floor := webhook.PrefixDelivery.Floor(since)
	for n, ask := range asks {
		if index := s.index(ask.Tenant, store.DeliveryFilter{Endpoint: ask.Endpoint}); index != nil {
			tail(index, floor, s.queued(ask), func(d *delivery) { answer.Add(n, d.Delivery) })
		}
		for _, id := range ask.Known {
			if d := s.delivery(ask.Tenant, id); d != nil {
				answer.Add(n, d.Delivery)
			}
		}
	}
	return answer, nil
}

// queued returns how many pending deliveries there are to find of any age.
func (s *Store) queued(ask store.TailAsk) (n int) {
	if !ask.Backlog {
		return 0
	}
	for endpoint, h := range s.tenants[ask.Tenant].byEndpoint {
		if ask.Endpoint == "" || endpoint == ask.Endpoint {
			n += h.queued
		}
	}
	return n
}

// tail calls each with the newest deliveries of a list: those from floor on, and then
// what is pending until all that is queued was seen.
func tail(index *ordered[*delivery], floor string, queued int, each func(*delivery)) {
	recent, pending := store.MaxTail, min(queued, store.MaxTail)
	index.before("", func(d *delivery) bool {
		if d.ID < floor {
			recent = 0
		}
		if recent > 0 || pending > 0 && d.row != nil {
			each(d)
		}
		recent--
		if d.row != nil {
			pending--
		}
		return recent > 0 || pending > 0
	})
}

// Lag implements store.Watching.
func (s *Store) Lag(ctx context.Context, now time.Time) (time.Duration, error) {
	if err := s.begin(ctx, "read lag"); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	due := s.nextDue(0) // no process has this epoch: its lanes are those of nobody
	if due.IsZero() {
		return 0, nil
	}
	return max(instant(now).Sub(due), 0), nil
}
