package memstore

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// delivery is a delivery with its attempts, and its row while it is pending.
type delivery struct {
	webhook.Delivery
	event    *event
	history  *history
	row      *row
	seq      int64 // the order of publishing
	claims   int64 // of the rows it had
	blocks   bool  // it holds up the later ones of its key
	attempts []webhook.Attempt
}

func (d *delivery) id() string { return d.ID }

// end writes the state of a delivery that is no longer pending.
func (d *delivery) end(now time.Time, status webhook.DeliveryStatus, reason webhook.Reason) {
	d.Status, d.Reason = status, reason
	d.NextAttemptAt, d.UpdatedAt = time.Time{}, now
}

// history is what an endpoint was, or is to be, sent.
type history struct {
	deliveries ordered[*delivery]
	queued     int // how many have a row
}

func cloneAttempt(a webhook.Attempt) webhook.Attempt {
	a.At, a.NextAt = instant(a.At), instant(a.NextAt)
	a.RequestHeaders, a.ResponseHeaders = maps.Clone(a.RequestHeaders), maps.Clone(a.ResponseHeaders)
	a.ResponseBody = bytes.Clone(a.ResponseBody)
	return a
}

// delivery returns a tenant's delivery, or nil.
func (s *Store) delivery(tenant, id string) *delivery {
	if d := s.deliveries[id]; d != nil && d.Tenant == tenant {
		return d
	}
	return nil
}

// Delivery implements store.Deliveries.
func (s *Store) Delivery(ctx context.Context, tenant, id string) (webhook.Delivery, error) {
	if err := s.begin(ctx, "read delivery"); err != nil {
		return webhook.Delivery{}, err
	}
	defer s.mu.Unlock()
	d := s.delivery(tenant, id)
	if d == nil {
		return webhook.Delivery{}, fmt.Errorf("read delivery: %w", store.ErrNotFound)
	}
	return d.Delivery, nil
}

// ListDeliveries implements store.Deliveries.
func (s *Store) ListDeliveries(ctx context.Context, tenant string, filter store.DeliveryFilter, page store.Page) ([]webhook.Delivery, error) {
	if err := s.begin(ctx, "list deliveries"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	index := s.index(tenant, filter)
	if index == nil {
		return nil, nil
	}
	var list []webhook.Delivery
	walk := index.before
	if page.Oldest {
		walk = index.after
	}
	walk(page.After, func(d *delivery) bool {
		if filter.Passes(&d.Delivery) {
			list = append(list, d.Delivery)
		}
		return len(list) < page.Size()
	})
	return list, nil
}

// index returns the shortest list that has all deliveries of a filter.
func (s *Store) index(tenant string, f store.DeliveryFilter) *ordered[*delivery] {
	t := s.tenants[tenant]
	switch {
	case t == nil:
		return nil
	case f.Event != "":
		if ev := s.events[store.EventKey{Tenant: tenant, ID: f.Event}]; ev != nil {
			return &ev.deliveries
		}
		return nil
	case f.Endpoint != "":
		if h := t.byEndpoint[f.Endpoint]; h != nil {
			return &h.deliveries
		}
		return nil
	}
	return &t.deliveries
}

// Attempts implements store.Deliveries.
func (s *Store) Attempts(ctx context.Context, tenant, delivery string) ([]webhook.Attempt, error) {
	if err := s.begin(ctx, "read attempts"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	d := s.delivery(tenant, delivery)
	if d == nil {
		return nil, nil
	}
	list := make([]webhook.Attempt, 0, len(d.attempts))
	for _, a := range d.attempts {
		list = append(list, cloneAttempt(a))
	}
	return list, nil
}

// Place implements store.Deliveries.
func (s *Store) Place(ctx context.Context, tenant, id string) (store.Place, error) {
	if err := s.begin(ctx, "read place"); err != nil {
		return store.Place{}, err
	}
	defer s.mu.Unlock()
	d := s.delivery(tenant, id)
	if d == nil || d.row == nil {
		return store.Place{}, fmt.Errorf("read place: %w", store.ErrNotFound)
	}
	p := store.Place{Leased: d.row.state == leased, Parked: d.row.state == parked, Canceled: d.row.canceled, Crashes: d.row.crashes}
	if l := s.lanes[d.row.lane()]; l != nil {
		p.LaneNext = l.next
	}
	if d.Ordered {
		s.standing(d, &p)
	}
	return p, nil
}

// standing adds what stands before an ordered delivery that is pending.
func (s *Store) standing(d *delivery, p *store.Place) {
	for _, o := range s.blocks[s.blockedKeyOf(d)] {
		if o.seq < d.seq && (p.BlockedBy == "" || o.seq < s.deliveries[p.BlockedBy].seq) {
			p.BlockedBy = o.ID
		}
	}
	var first *delivery
	d.history.deliveries.before("", func(o *delivery) bool {
		if o.row != nil && o.Ordered && o.OrderingKey == d.OrderingKey && o.seq < d.seq && (first == nil || o.seq < first.seq) {
			first = o
		}
		return true
	})
	if first != nil {
		p.Ahead, p.AheadDue = first.ID, first.row.due
	}
}
