package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

const (
	seedBatch = 500
	// seedLease is longer than any seeding takes.
	seedLease = 24 * time.Hour
	// deadTenant owns the endpoint that the backlog waits for.
	deadTenant = "load-dead"
)

// seeder writes to the store what a dispatcher would have written in the past,
// by the same calls, under a lease of its own.
type seeder struct {
	*load
	epoch int64
	// revisions are the tenants': those of the endpoints that were created last.
	revisions map[string]int64
	done      atomic.Int64
}

// seed writes history and backlog.
func (l *load) seed(ctx context.Context, b *bar) (err error) {
	s := &seeder{load: l, revisions: make(map[string]int64)}
	for _, ep := range l.endpoints {
		s.revisions[ep.Tenant] = ep.Revision
	}
	if s.epoch, err = l.db.Acquire(ctx, time.Now(), store.Process{Host: "loadtest"}, seedLease); err != nil {
		return fmt.Errorf("acquire a lease: %w", err)
	}
	defer func() {
		err = errors.Join(err, l.db.Resign(context.WithoutCancel(ctx), time.Now(), s.epoch))
	}()
	for _, phase := range []struct {
		name  string
		total int
		write func(context.Context) error
	}{
		{"history", l.c.history, s.history},
		{"backlog", 2 * l.c.backlog, s.backlog}, // written, then parked
	} {
		if phase.total == 0 {
			continue
		}
		s.done.Store(0)
		done := b.begin(phase.name, int64(phase.total), s.done.Load)
		err := phase.write(ctx)
		done()
		if err != nil {
			return fmt.Errorf("write %s: %w", phase.name, err)
		}
	}
	return nil
}

// history writes events that were delivered at the first attempt, to the healthy
// endpoints in turn.
func (s *seeder) history(ctx context.Context) error {
	var healthy []webhook.Endpoint
	for i, ep := range s.endpoints {
		if !s.c.darkEndpoint(i) {
			healthy = append(healthy, ep)
		}
	}
	for from := 0; from < s.c.history; from += seedBatch {
		var pubs []store.Publication
		for n := from; n < min(from+seedBatch, s.c.history); n++ {
			p, err := s.publication(n, &healthy[n%len(healthy)])
			if err != nil {
				return err
			}
			p.Epoch, p.Deliveries[0].HandOver = s.epoch, true
			pubs = append(pubs, p)
		}
		if err := s.write(ctx, pubs); err != nil {
			return err
		}
		settlement := store.Settlement{Epoch: s.epoch}
		for i := range pubs {
			claimed := store.Claimed{
				Tenant: pubs[i].Event.Tenant, Delivery: pubs[i].Deliveries[0].ID, Endpoint: pubs[i].Deliveries[0].Endpoint, Claim: 1,
			}
			item, err := s.attempted(claimed, webhook.DeliveryDelivered)
			if err != nil {
				return err
			}
			settlement.Items = append(settlement.Items, item)
		}
		if err := s.settle(ctx, settlement); err != nil {
			return err
		}
		s.done.Add(int64(len(pubs)))
	}
	return nil
}

// backlog writes deliveries for an endpoint whose port is closed, parks them and
// opens the endpoint's breaker.
func (s *seeder) backlog(ctx context.Context) error {
	dead, err := s.deadEndpoint(ctx)
	if err != nil {
		return err
	}
	for from := 0; from < s.c.backlog; from += seedBatch {
		var pubs []store.Publication
		for n := from; n < min(from+seedBatch, s.c.backlog); n++ {
			p, err := s.publication(n, &dead)
			if err != nil {
				return err
			}
			pubs = append(pubs, p)
		}
		if err := s.write(ctx, pubs); err != nil {
			return err
		}
		s.done.Add(int64(len(pubs)))
	}
	if err := s.park(ctx, &dead); err != nil {
		return err
	}
	return s.openBreaker(ctx, &dead)
}

// deadEndpoint creates an endpoint at a port that nobody listens on.
func (s *seeder) deadEndpoint(ctx context.Context) (webhook.Endpoint, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return webhook.Endpoint{}, err
	}
	if err := l.Close(); err != nil {
		return webhook.Endpoint{}, err
	}
	ep, _, err := s.manage.CreateEndpoint(ctx, webhook.Endpoint{Tenant: deadTenant, URL: "http://" + l.Addr().String()})
	s.revisions[deadTenant] = ep.Revision
	return ep, err
}

// park lets the store look at every waiting delivery, and admits none.
func (s *seeder) park(ctx context.Context, dead *webhook.Endpoint) error {
	for {
		_, next, err := s.db.Poll(ctx, time.Now(), s.epoch, seedBatch, func(store.Waiting) store.Admission {
			s.done.Add(1)
			return store.Admission{Gate: gateOf(dead)}
		})
		if err != nil || next.IsZero() || next.After(time.Now()) {
			return err
		}
	}
}

// openBreaker records as many failed attempts in a row as it takes.
func (s *seeder) openBreaker(ctx context.Context, dead *webhook.Endpoint) error {
	key := store.Lane{Tenant: dead.Tenant, Endpoint: dead.ID}
	claimed, err := s.db.Take(ctx, time.Now(), s.epoch, 1, []store.Lane{key}, func(store.Lane) store.Turn {
		return store.Turn{Max: lane.OpensAfter, Gate: gateOf(dead)}
	})
	if err != nil {
		return err
	}
	settlement := store.Settlement{Epoch: s.epoch, Gates: []store.Gate{gateOf(dead)}}
	for _, c := range claimed {
		item, err := s.attempted(c, webhook.DeliveryPending)
		if err != nil {
			return err
		}
		item.Park, item.Due, item.Health = true, time.Now(), store.HealthFailure
		item.Attempt.Class, item.Attempt.StatusCode = webhook.ClassConnect, 0
		settlement.Items = append(settlement.Items, item)
	}
	return s.settle(ctx, settlement)
}

func gateOf(ep *webhook.Endpoint) store.Gate {
	return store.Gate{Tenant: ep.Tenant, Endpoint: ep.ID, Next: time.Now().Add(lane.FirstProbe)}
}

// publication returns an event of the run's size for one endpoint alone.
func (s *seeder) publication(n int, ep *webhook.Endpoint) (p store.Publication, err error) {
	if p.Event, err = webhook.NewEvent(ep.Tenant, eventType, s.payloads.of(n)); err != nil {
		return p, err
	}
	if p.Event.ID, err = s.d.NewID(webhook.PrefixEvent); err != nil {
		return p, err
	}
	id, err := s.d.NewID(webhook.PrefixDelivery)
	if err != nil {
		return p, err
	}
	p.Event.Timestamp = time.Now().UTC().Truncate(time.Microsecond)
	p.Revision = s.revisions[ep.Tenant]
	p.Deliveries = []store.NewDelivery{{ID: id, Endpoint: ep.ID}}
	return p, nil
}

func (s *seeder) write(ctx context.Context, pubs []store.Publication) error {
	results, err := s.db.Publish(ctx, time.Now(), pubs)
	if err != nil {
		return err
	}
	for _, r := range results {
		if r.Outcome != store.PublishStored {
			return fmt.Errorf("event was not stored: outcome %d", r.Outcome)
		}
	}
	return nil
}

// attempted returns the outcome of a first attempt that went well.
func (s *seeder) attempted(c store.Claimed, status webhook.DeliveryStatus) (store.Settled, error) {
	id, err := s.d.NewID(webhook.PrefixAttempt)
	return store.Settled{
		Tenant: c.Tenant, Delivery: c.Delivery, Endpoint: c.Endpoint, EventType: eventType, Claim: c.Claim, Status: status,
		Attempt: &webhook.Attempt{
			ID: id, Tenant: c.Tenant, DeliveryID: c.Delivery, N: 1, At: time.Now().UTC().Truncate(time.Microsecond),
			StatusCode:      http.StatusNoContent,
			RequestHeaders:  map[string]string{"Content-Type": "application/json", "User-Agent": "loadtest"},
			ResponseHeaders: map[string]string{"Date": time.Now().UTC().Format(http.TimeFormat)},
			RemoteAddr:      "127.0.0.1:1",
			Timings:         webhook.Timings{FirstByte: time.Millisecond, Total: time.Millisecond},
		},
	}, err
}

func (s *seeder) settle(ctx context.Context, settlement store.Settlement) error {
	result, err := s.db.Settle(ctx, time.Now(), settlement)
	if err == nil && len(result.Lost) > 0 {
		err = fmt.Errorf("%d outcomes were refused", len(result.Lost))
	}
	return err
}
