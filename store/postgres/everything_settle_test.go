package postgres_test

import (
	"cmp"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

func (w *life) settles() []step {
	settle := func(p *process, n int, change func(*store.Settled)) error {
		now := time.Now()
		st := store.Settlement{Epoch: w.epoch}
		for _, c := range w.claimed[:n] {
			it := delivered(c, now)
			change(&it)
			st.Items = append(st.Items, it)
			if it.Park {
				st.Gates = append(st.Gates, store.Gate{Tenant: c.Tenant, Endpoint: c.Endpoint, Next: now.Add(time.Hour), Revision: 1})
			}
		}
		w.claimed = w.claimed[n:]
		result, err := p.Settle(w.ctx, now, st)
		return cmp.Or(err, wantLen(result.Lost, 0))
	}
	var last store.Claimed
	return []step{
		{"Start", 8, func(p *process) error {
			// From here on the owner's index holds much that is gone.
			w.b.churn(w.t, w.epoch, 20000)
			var held []store.Held
			for _, c := range w.claimed[:8] {
				held = append(held, store.Held{Tenant: c.Tenant, Delivery: c.Delivery, Claim: c.Claim})
			}
			started, err := p.Start(w.ctx, w.epoch, held)
			return cmp.Or(err, wantLen(started, 8))
		}},
		{"Settle, delivered", 8, func(p *process) error {
			last = w.claimed[0]
			return settle(p, 8, func(*store.Settled) {})
		}},
		{"Settle, to be tried again", 8, func(p *process) error {
			return settle(p, 8, func(it *store.Settled) {
				it.Status, it.Due, it.Attempt.Class = webhook.DeliveryPending, time.Now().Add(time.Hour), webhook.ClassDNS
				it.Health = store.HealthFailure
			})
		}},
		{"Settle, parked", 8, func(p *process) error {
			return settle(p, 8, func(it *store.Settled) { it.Status, it.Attempt, it.Park = webhook.DeliveryPending, nil, true })
		}},
		{"Settle, blocking", 2, func(p *process) error {
			if len(w.ordered) < 2 {
				return fmt.Errorf("%d ordered deliveries claimed; want 2", len(w.ordered))
			}
			st := store.Settlement{Epoch: w.epoch}
			for _, c := range w.ordered[:2] {
				it := delivered(c, time.Now())
				it.Status, it.Block = webhook.DeliveryFailed, true
				st.Items = append(st.Items, it)
			}
			result, err := p.Settle(w.ctx, time.Now(), st)
			return cmp.Or(err, wantLen(result.Lost, 0))
		}},
		{"Cancel, unblocking", 2, func(p *process) error {
			answers, err := p.Cancel(w.ctx, time.Now(), orderedLane.Tenant, []string{w.ordered[0].Delivery, w.ordered[1].Delivery})
			if err == nil && (len(answers) != 2 || answers[0].Outcome != webhook.CancelUnblocked) {
				err = fmt.Errorf("Cancel = %+v; want both unblocked", answers)
			}
			return err
		}},
		{"Cancel", 3, func(p *process) error {
			ids := []string{last.Delivery, w.claimed[0].Delivery, w.b.id(w.t, webhook.PrefixDelivery, 3+int(w.epoch))}
			_, err := p.Cancel(w.ctx, time.Now(), last.Tenant, ids)
			return err
		}},
		{"Settle, canceled", 1, func(p *process) error {
			return settle(p, 1, func(it *store.Settled) { it.Status, it.Due = webhook.DeliveryPending, time.Now().Add(time.Hour) })
		}},
		{"Redeliver", 2, func(p *process) error {
			return p.Redeliver(w.ctx, time.Now(), "dead", w.b.id(w.t, webhook.PrefixDelivery, 1+int(w.epoch)))
		}},
		{"Redeliver, pending", 2, func(p *process) error {
			return p.Redeliver(w.ctx, time.Now(), "dead", w.b.id(w.t, webhook.PrefixDelivery, 1+int(w.epoch)))
		}},
		{"Place", 4, func(p *process) error {
			_, err := p.Place(w.ctx, "dead", w.b.id(w.t, webhook.PrefixDelivery, 1+int(w.epoch)))
			return err
		}},
		{"Delivery", 1, func(p *process) error { _, err := p.Delivery(w.ctx, last.Tenant, last.Delivery); return err }},
		{"Attempts", 1, func(p *process) error {
			attempts, err := p.Attempts(w.ctx, last.Tenant, last.Delivery)
			return cmp.Or(err, wantLen(attempts, 1))
		}},
		{"Resign", 1100, func(p *process) error { return p.Resign(w.ctx, time.Now(), w.epoch) }},
	}
}
