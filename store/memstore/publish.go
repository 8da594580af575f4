package memstore

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Publish implements store.Publishing.
func (s *Store) Publish(ctx context.Context, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	if err := s.begin(ctx, "publish"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	j := judge{store: s}
	results := make([]store.PublishResult, len(pubs))
	for i := range pubs {
		results[i] = j.judge(now, &pubs[i])
	}
	if err := j.check(); err != nil {
		return nil, fmt.Errorf("publish: %w", err)
	}
	j.write()
	return results, nil
}

// Published implements store.Publishing.
func (s *Store) Published(ctx context.Context, events []store.EventKey) ([]store.EventKey, error) {
	if err := s.begin(ctx, "look for published events"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var found []store.EventKey
	for _, key := range events {
		if s.events[key] != nil {
			found = append(found, key)
		}
	}
	return found, nil
}

// keyName names an idempotency key.
type keyName struct{ tenant, key string }

// key is what an idempotency key stands for.
type key struct {
	keyName
	hash    []byte
	receipt webhook.Receipt
	expires time.Time
	at      int
}

func (k *key) place() *int { return &k.at }

// accepted is a publication that is to be written.
type accepted struct {
	now time.Time
	pub *store.Publication
	key *key // nil if it has none
}

// judge decides about publications without writing them, each as if those
// before it were written.
type judge struct {
	store    *Store
	accepted []accepted
	keys     map[keyName]*key // those that accepted publications took
}

func (j *judge) judge(now time.Time, p *store.Publication) store.PublishResult {
	ev := &p.Event
	if ev.IdempotencyKey != "" {
		if first := j.known(now, keyName{ev.Tenant, ev.IdempotencyKey}); first != nil {
			if !bytes.Equal(first.hash, p.ContentHash) {
				return store.PublishResult{Outcome: store.PublishConflict}
			}
			receipt := first.receipt
			receipt.Duplicate = true
			return store.PublishResult{Outcome: store.PublishDuplicate, Receipt: receipt}
		}
	}
	if t := j.store.tenants[ev.Tenant]; t != nil && t.revision > p.Revision {
		return store.PublishResult{Outcome: store.PublishStale}
	}
	a := accepted{now: instant(now), pub: p}
	receipt := webhook.Receipt{EventID: ev.ID, Deliveries: p.Pending()}
	if ev.IdempotencyKey != "" {
		a.key = &key{
			keyName: keyName{ev.Tenant, ev.IdempotencyKey},
			hash:    bytes.Clone(p.ContentHash), receipt: receipt, expires: instant(p.KeyExpires),
		}
		if j.keys == nil {
			j.keys = make(map[keyName]*key)
		}
		j.keys[a.key.keyName] = a.key
	}
	j.accepted = append(j.accepted, a)
	return store.PublishResult{Outcome: store.PublishStored, Receipt: receipt}
}

// known returns a key that is in use, or nil.
func (j *judge) known(now time.Time, name keyName) *key {
	if k := j.keys[name]; k != nil {
		return k
	}
	t := j.store.tenants[name.tenant]
	if t == nil {
		return nil
	}
	if k := t.keys[name.key]; k != nil && k.expires.After(now) {
		return k
	}
	return nil
}

// check returns an error if an accepted publication would overwrite something.
func (j *judge) check() error {
	s := j.store
	events := make(map[store.EventKey]bool, len(j.accepted))
	deliveries := make(map[string]bool, len(j.accepted))
	for _, a := range j.accepted {
		key := store.EventKey{Tenant: a.pub.Event.Tenant, ID: a.pub.Event.ID}
		if s.events[key] != nil || events[key] {
			return fmt.Errorf("event %s is stored already", key.ID)
		}
		events[key] = true
		for i := range a.pub.Deliveries {
			id := a.pub.Deliveries[i].ID
			if err := a.pub.Deliveries[i].Check(); err != nil {
				return err
			}
			if s.deliveries[id] != nil || deliveries[id] {
				return fmt.Errorf("delivery %s is stored already", id)
			}
			deliveries[id] = true
		}
	}
	return nil
}

func (j *judge) write() {
	for _, a := range j.accepted {
		j.store.insert(a)
	}
}

// insert writes one publication.
func (s *Store) insert(a accepted) {
	t := s.tenant(a.pub.Event.Tenant)
	if a.key != nil {
		if old := t.keys[a.key.key]; old != nil { // expired
			s.keys.remove(old)
		}
		t.keys[a.key.key] = a.key
		s.keys.push(a.key)
	}
	ev := &event{Event: a.pub.Event.Clone(), published: a.now}
	ev.Timestamp = instant(ev.Timestamp)
	s.events[store.EventKey{Tenant: ev.Tenant, ID: ev.ID}] = ev
	t.events.add(ev)
	s.published.push(ev)
	s.kept.push(ev)
	for i := range a.pub.Deliveries {
		s.insertDelivery(t, ev, &a.pub.Deliveries[i], a.pub.Epoch)
	}
}

func (s *Store) insertDelivery(t *tenant, ev *event, nd *store.NewDelivery, epoch int64) {
	due := ev.published
	if !nd.Due.IsZero() {
		due = instant(nd.Due)
	}
	h := t.byEndpoint[nd.Endpoint]
	if h == nil {
		h = new(history)
		t.byEndpoint[nd.Endpoint] = h
	}
	d := &delivery{
		Delivery: webhook.Delivery{
			ID: nd.ID, Tenant: ev.Tenant, EventID: ev.ID, EndpointID: nd.Endpoint, EventType: ev.Type,
			Priority: webhook.PriorityOf(nd.Priority.Rank()), Ordered: nd.Ordered, OrderingKey: nd.Key,
			Status: webhook.DeliveryPending, NextAttemptAt: due, CreatedAt: ev.published, UpdatedAt: ev.published,
		},
		event: ev, history: h,
	}
	s.deliveries[d.ID] = d
	t.deliveries.add(d)
	h.deliveries.add(d)
	ev.deliveries.add(d)
	if nd.Ended() {
		d.seq, d.claims = s.next(), 1
		d.end(ev.published, nd.Status, nd.Reason)
		return
	}
	r := s.enqueue(d, due)
	if nd.HandOver {
		s.lease(r, epoch)
	} else {
		s.wait(r)
	}
}
