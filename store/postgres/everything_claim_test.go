package postgres_test

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

func (w *life) claims() []step {
	steps := []step{
		{"Take, by keys", 256, func(p *process) (err error) {
			w.ordered, err = p.Take(w.ctx, time.Now(), w.epoch, 0, []store.Lane{orderedLane}, w.turn(64))
			return err
		}},
		{"Take, one of a key", 256, func(p *process) error {
			_, err := p.Take(w.ctx, time.Now(), w.epoch, 0, []store.Lane{orderedLane}, w.turn(1))
			return err
		}},
		{"Poll", 60, func(p *process) error {
			n := 0
			claimed, _, err := p.Poll(w.ctx, time.Now(), w.epoch, 60, func(store.Waiting) store.Admission {
				n++
				return store.Admission{Lease: n%2 == 0, Gate: store.Gate{Next: time.Now().Add(time.Hour)}}
			})
			w.claimed = claimed
			return err
		}},
		{"Take, due lanes", 16 + 16*8, func(p *process) error {
			claimed, err := p.Take(w.ctx, time.Now(), w.epoch, 16, nil, w.turn(8))
			w.claimed = append(w.claimed, claimed...)
			return err
		}},
		{"ReserveQuota, new", 1, w.reserveQuota},
		{"ReserveQuota", 1, w.reserveQuota},
		{"ReserveRates, new names", 200, w.reserve},
		{"ReserveRates", 200, w.reserve},
	}
	for _, size := range []int{1, 8, 64, 1024} {
		steps = append(steps, step{fmt.Sprintf("Take, at most %d", size), size, func(p *process) error {
			_, err := p.Take(w.ctx, time.Now(), w.epoch, 0, []store.Lane{deadLane}, w.turn(size))
			return err
		}})
	}
	steps = append(steps, w.batches()...)
	return append(steps, step{"Take, shares of ranks", 8 + 4, func(p *process) error {
		_, err := p.Take(w.ctx, time.Now(), w.epoch, 0, []store.Lane{deadLane}, func(store.Lane) store.Turn {
			return store.Turn{Max: 8, Shares: store.Ranks{1: 4, 2: 4}, Gate: store.Gate{Next: time.Now(), Revision: 1}}
		})
		return err
	}})
}

func (w *life) turn(most int) func(store.Lane) store.Turn {
	return func(store.Lane) store.Turn {
		return store.Turn{Max: most, Gate: store.Gate{Next: time.Now(), Revision: 1}}
	}
}

func (w *life) reserve(p *process) error {
	var reqs []store.RateRequest
	for i := range 200 {
		reqs = append(reqs, store.RateRequest{Tenant: fmt.Sprint("tenant ", i), Name: "a", Interval: time.Microsecond, Want: 1})
	}
	grants, err := p.ReserveRates(w.ctx, time.Now(), reqs)
	return cmp.Or(err, wantLen(grants, 200))
}

func (w *life) reserveQuota(p *process) error {
	req := store.QuotaRequest{Tenant: w.ep.name, Name: "events", Window: time.Unix(0, 0), Limit: 10, Need: 1}
	n, err := p.ReserveQuota(w.ctx, time.Now(), req)
	if err == nil && n != 1 {
		err = fmt.Errorf("%d units were given, want 1", n)
	}
	return err
}

// batches binds rows of one lane, gives them back and takes them as one.
func (w *life) batches() []step {
	const size = 4
	var members []store.Claimed
	return []step{
		{"Bind", size, func(p *process) error {
			members = w.together(size)
			b := store.Binding{ID: webhook.NewID(webhook.PrefixBatch), Tenant: members[0].Tenant}
			for _, c := range members {
				b.Members = append(b.Members, store.Held{Tenant: c.Tenant, Delivery: c.Delivery, Claim: c.Claim})
			}
			bound, err := p.Bind(w.ctx, w.epoch, []store.Binding{b})
			return cmp.Or(err, wantLen(bound, 1))
		}},
		{"Settle, a batch given back", size, func(p *process) error {
			st := store.Settlement{Epoch: w.epoch, Gates: []store.Gate{{Tenant: members[0].Tenant, Endpoint: members[0].Endpoint, Next: time.Now()}}}
			for _, c := range members {
				it := delivered(c, time.Now())
				it.Status, it.Attempt, it.Park = webhook.DeliveryPending, nil, true
				st.Items = append(st.Items, it)
			}
			result, err := p.Settle(w.ctx, time.Now(), st)
			return cmp.Or(err, wantLen(result.Lost, 0))
		}},
		{"Take, a batch", size + 8, func(p *process) error {
			lane := store.Lane{Tenant: members[0].Tenant, Endpoint: members[0].Endpoint}
			claimed, err := p.Take(w.ctx, time.Now(), w.epoch, 0, []store.Lane{lane}, w.turn(size))
			w.claimed = append(w.claimed, claimed...)
			return cmp.Or(err, wantLen(claimed, size))
		}},
	}
}

// together takes n claims of one lane out of those that there are.
func (w *life) together(n int) (list []store.Claimed) {
	lanes := map[store.Lane][]store.Claimed{}
	for _, c := range w.claimed {
		lane := store.Lane{Tenant: c.Tenant, Endpoint: c.Endpoint}
		if lanes[lane] = append(lanes[lane], c); len(lanes[lane]) == n {
			list = lanes[lane]
			break
		}
	}
	w.claimed = slices.DeleteFunc(w.claimed, func(c store.Claimed) bool { return slices.Contains(list, c) })
	return list
}

// leases has more rows for Reap than it returns: the index that leads to owners has
// rows of the past in it, until it is vacuumed.
func (w *life) leases() []step {
	var dead int64
	return []step{
		{"Held", 20, func(p *process) error {
			held, err := p.Held(w.ctx, w.epoch, "", 20)
			return cmp.Or(err, wantLen(held, 20))
		}},
		{"Poll of a process that dies", 10, func(p *process) (err error) {
			if dead, err = p.Acquire(w.ctx, time.Now(), store.Process{}, -time.Second); err != nil {
				return err
			}
			_, _, err = p.Poll(w.ctx, time.Now(), dead, 10, func(store.Waiting) store.Admission { return store.Admission{Lease: true} })
			return err
		}},
		{"Reap", 50, func(p *process) error {
			n, err := p.Reap(w.ctx, time.Now(), w.epoch, 0, 10)
			return cmp.Or(err, wantLen(make([]int, n), 10))
		}},
		{"Reap, nobody is dead", 50, func(p *process) error {
			_, err := p.Reap(w.ctx, time.Now(), w.epoch, 0, 10)
			return err
		}},
	}
}
