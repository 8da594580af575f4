package memstore

import (
	"context"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Prune implements store.Maintenance. What it removes is garbage at once.
func (s *Store) Prune(ctx context.Context, now time.Time, r store.Retention, limit int) (store.Pruned, error) {
	if err := s.begin(ctx, "prune"); err != nil {
		return store.Pruned{}, err
	}
	defer s.mu.Unlock()
	p := pruning{store: s, now: instant(now), limit: limit}
	p.events(&s.published, p.now.Add(-r.Payloads), p.expire)
	p.events(&s.kept, p.now.Add(-r.Deliveries), p.remove)
	p.deadLetters(r.Deliveries)
	p.keys()
	p.jobs(p.now.Add(-r.Payloads))
	p.statistics(p.now.Add(-r.Statistics))
	p.tombstones(p.now.Add(-r.Tombstones))
	p.quotas(p.now.Add(-r.Statistics))
	p.audit(p.now.Add(-r.Audit))
	p.incidents(p.now.Add(-r.Audit))
	p.creations()
	p.tokens(p.now.Add(-store.TokensKept))
	return p.done, nil
}

// pruning is one call of Prune.
type pruning struct {
	store *Store
	now   time.Time
	limit int
	done  store.Pruned
}

// events calls remove with events that were published before the cutoff and
// have nothing leased. Those that have stay in the queue for the next time.
func (p *pruning) events(queue *fifo[*event], cutoff time.Time, remove func(*event)) {
	old := func() bool { return !queue.empty() && queue.first().published.Before(cutoff) }
	var spared []*event
	for n := 0; n < p.limit && old(); {
		ev := queue.pop()
		switch {
		case ev.removed:
		case hasLeased(ev):
			spared = append(spared, ev)
		default:
			remove(ev)
			n++
		}
	}
	p.done.More = p.done.More || old()
	queue.unpop(spared)
}

func hasLeased(ev *event) bool {
	for _, d := range ev.deliveries.items {
		if d.row != nil && d.row.state == leased {
			return true
		}
	}
	return false
}

// expire removes an event's payload and attempts and cancels what is pending.
func (p *pruning) expire(ev *event) {
	if ev.expired {
		return
	}
	ev.expired, ev.Data = true, nil
	p.done.Payloads++
	for _, d := range ev.deliveries.items {
		if d.row != nil {
			if d.BatchID != "" { // which cannot be sent again as it was
				p.store.dissolve(d.row.batch())
			}
			d.end(p.now, webhook.DeliveryCanceled, webhook.ReasonExpired)
			p.store.dequeue(d.row)
			p.done.Expired++
			p.done.ExpiredDeliveries = append(p.done.ExpiredDeliveries, webhook.Delivery{
				ID: d.ID, Tenant: d.Tenant, EndpointID: d.EndpointID, EventID: d.EventID, EventType: d.EventType,
			})
		}
		p.done.Attempts += len(d.attempts)
		d.attempts = nil
	}
}

// remove removes an event with all that belongs to it.
func (p *pruning) remove(ev *event) {
	p.expire(ev)
	s := p.store
	t := s.tenants[ev.Tenant]
	for _, d := range ev.deliveries.items {
		p.forget(d)
	}
	t.events.remove(ev.ID)
	delete(s.events, store.EventKey{Tenant: ev.Tenant, ID: ev.ID})
	ev.removed = true
	p.done.Events++
	s.forgetTenant(ev.Tenant)
}

// forget removes a delivery from everything but its event.
func (p *pruning) forget(d *delivery) {
	p.store.unblock(d, p.now)
	t := p.store.tenants[d.Tenant]
	t.deliveries.remove(d.ID)
	d.history.deliveries.remove(d.ID)
	if d.history.deliveries.len() == 0 {
		delete(t.byEndpoint, d.EndpointID)
	}
	delete(p.store.deliveries, d.ID)
	p.done.Deliveries++
}

// deadLetters removes failed deliveries of endpoints that keep them for less than
// the store does.
func (p *pruning) deadLetters(retention time.Duration) {
	n := 0
	for key, ep := range p.store.endpoints {
		retain := ep.DeadLetter.Retain
		t := p.store.tenants[key.Tenant]
		if retain <= 0 || retain >= retention || t.byEndpoint[ep.ID] == nil {
			continue
		}
		var old []*delivery
		t.byEndpoint[ep.ID].deliveries.after("", func(d *delivery) bool {
			if d.Status == webhook.DeliveryFailed && d.UpdatedAt.Before(p.now.Add(-retain)) {
				old = append(old, d)
			}
			return n+len(old) < p.limit
		})
		for _, d := range old {
			p.done.Attempts += len(d.attempts)
			d.event.deliveries.remove(d.ID)
			p.forget(d)
			n++
		}
		if n >= p.limit {
			p.done.More = true
			return
		}
	}
}

// forgetTenant removes a tenant that has nothing, no audit records, incidents or tokens
// either, and never had an endpoint. The revision of one that had is kept.
func (s *Store) forgetTenant(name string) {
	t := s.tenants[name]
	if t.revision == 0 && t.events.len() == 0 && len(t.keys) == 0 && t.audit.len() == 0 && t.incidents.len() == 0 && t.tokens.len() == 0 {
		delete(s.tenants, name)
	}
}

// keys removes idempotency keys that have expired.
func (p *pruning) keys() {
	s := p.store
	expired := func() bool { return s.keys.len() > 0 && !s.keys.first().expires.After(p.now) }
	for n := 0; n < p.limit && expired(); n++ {
		k := s.keys.pop()
		delete(s.tenants[k.tenant].keys, k.key)
		s.forgetTenant(k.tenant)
		p.done.IdempotencyKeys++
	}
	p.done.More = p.done.More || expired()
}

// statistics removes minutes before the cutoff.
func (p *pruning) statistics(cutoff time.Time) {
	s := p.store
	old := func() bool { return s.minutes.len() > 0 && s.minutes.first().start.Before(cutoff) }
	for n := 0; n < p.limit && old(); n++ {
		s.forgetMinute()
		p.done.Statistics++
	}
	p.done.More = p.done.More || old()
}

// tombstones removes deleted endpoints that no delivery in the queue needs.
func (p *pruning) tombstones(cutoff time.Time) {
	s := p.store
	old := func() bool { return !s.deleted.empty() && s.deleted.first().DeletedAt.Before(cutoff) }
	var spared []*endpoint
	for n := 0; n < p.limit && old(); {
		ep := s.deleted.pop()
		t := s.tenants[ep.Tenant]
		if h := t.byEndpoint[ep.ID]; h != nil && h.queued > 0 {
			spared = append(spared, ep)
			continue
		}
		ep.gone = true
		delete(s.endpoints, store.Lane{Tenant: ep.Tenant, Endpoint: ep.ID})
		delete(s.rates, rate{ep.Tenant, ep.ID})
		t.endpoints.remove(ep.ID)
		t.changes.remove()
		s.changes.remove()
		p.done.Endpoints++
		n++
	}
	p.done.More = p.done.More || old()
	s.deleted.unpop(spared)
}
