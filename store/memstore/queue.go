package memstore

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Poll implements store.Queue. admit is called under the store's mutex: it must
// not call the store.
func (s *Store) Poll(ctx context.Context, now time.Time, epoch int64, limit int, admit func(store.Waiting) store.Admission) ([]store.Claimed, time.Time, error) {
	if err := s.begin(ctx, "poll"); err != nil {
		return nil, time.Time{}, err
	}
	defer s.mu.Unlock()
	now = instant(now)
	var claimed []store.Claimed
	for range limit {
		if s.waiting.len() == 0 || s.waiting.first().due.After(now) {
			break
		}
		r := s.waiting.first()
		c := r.claimed()
		answer := store.Admission{Lease: true}
		if !c.Canceled {
			answer = admit(c.Waiting())
		}
		switch {
		case answer.Lease && c.Batch == "":
			s.lease(r, epoch)
			claimed = append(claimed, r.claimed())
			continue
		case answer.Lease:
			answer.Gate = store.Gate{Next: now}
		}
		s.park(r)
		s.earlier(r.lane(), now, answer.Gate)
	}
	return claimed, s.nextDue(epoch), nil
}

// nextDue returns when the next row is due, or the next lane that the epoch may
// take from, or the zero time.
func (s *Store) nextDue(epoch int64) time.Time {
	var next time.Time
	if s.waiting.len() > 0 {
		next = s.waiting.first().due
	}
	if l := s.nextLane(epoch); l != nil && (next.IsZero() || l.next.Before(next)) {
		next = l.next
	}
	return next
}

// Start implements store.Queue.
func (s *Store) Start(ctx context.Context, epoch int64, rows []store.Held) ([]store.Held, error) {
	if err := s.begin(ctx, "mark as started"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var started []store.Held
	for _, h := range rows {
		if r := s.leasedUnder(epoch, h.Delivery, h.Claim); r != nil {
			r.started = true
			started = append(started, h)
		}
	}
	return started, nil
}

// Settle implements store.Queue.
func (s *Store) Settle(ctx context.Context, now time.Time, st store.Settlement) (store.SettleResult, error) {
	if err := s.begin(ctx, "settle"); err != nil {
		return store.SettleResult{}, err
	}
	defer s.mu.Unlock()
	now = instant(now)
	var result store.SettleResult
	accepted := make([]store.Settled, 0, len(st.Items))
	torn := store.TornBatches(st.Items, func(it *store.Settled) bool {
		return s.leasedUnder(st.Epoch, it.Delivery, it.Claim) != nil
	})
	for i := range st.Items {
		it := st.Items[i]
		r := s.leasedUnder(st.Epoch, it.Delivery, it.Claim)
		if r == nil || it.In(torn) {
			result.Lost = append(result.Lost, store.Held{Tenant: it.Tenant, Delivery: it.Delivery, Claim: it.Claim})
			continue
		}
		if r.canceled && it.Status == webhook.DeliveryPending {
			it = it.AsCanceled()
		}
		s.settle(now, r, &it)
		accepted = append(accepted, it)
	}
	for _, g := range st.Gates {
		s.earlier(store.Lane{Tenant: g.Tenant, Endpoint: g.Endpoint}, now, g)
	}
	result.Health = s.changeHealth(now, store.FoldHealth(accepted))
	s.count(store.Tally(accepted))
	return result, nil
}

// settle writes the outcome of one claim whose fence is the present one.
func (s *Store) settle(now time.Time, r *row, it *store.Settled) {
	d := r.delivery
	if it.Attempt != nil {
		d.attempts = append(d.attempts, cloneAttempt(*it.Attempt))
		d.Attempts++
		d.UpdatedAt = now
	}
	if it.Status != webhook.DeliveryPending {
		d.end(now, it.Status, it.Reason)
		if it.Block && !r.canceled {
			s.block(d)
		}
		s.dequeue(r)
		return
	}
	if r.due = instant(it.Due); r.due.IsZero() {
		r.due = now
	}
	if it.Attempt != nil {
		d.NextAttemptAt = r.due
	}
	if it.Unbind && d.BatchID != "" {
		s.unlist(r)
		d.BatchID = ""
	}
	// A row's due time must not change while it is in a heap: leave comes first.
	if it.Park {
		s.park(r)
	} else {
		s.wait(r)
	}
}

// Redeliver implements store.Queue.
func (s *Store) Redeliver(ctx context.Context, now time.Time, tenant, delivery string, audit ...webhook.AuditRecord) error {
	if err := s.beginChange(ctx, "redeliver", audit); err != nil {
		return err
	}
	defer s.mu.Unlock()
	d := s.delivery(tenant, delivery)
	switch {
	case d == nil:
		return fmt.Errorf("redeliver: %w", store.ErrNotFound)
	case d.Status == webhook.DeliveryPending:
		return nil
	case d.event.expired:
		return fmt.Errorf("redeliver: %w", store.ErrPayloadGone)
	}
	s.redeliver(instant(now), d)
	s.audit(now, audit)
	return nil
}

// redeliver puts a delivery that has ended, and has its payload, back to pending.
func (s *Store) redeliver(now time.Time, d *delivery) {
	d.Status, d.Reason, d.BatchID = webhook.DeliveryPending, "", ""
	d.NextAttemptAt, d.UpdatedAt = now, now
	s.wait(s.enqueue(d, now))
	s.unblock(d, now)
}
