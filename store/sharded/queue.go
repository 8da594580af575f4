package sharded

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Poll implements store.Queue. Rows of several shards are looked at in the order
// they fell due, which takes a transaction for each; those of one shard share one.
func (s *Store) Poll(ctx context.Context, now time.Time, epoch int64, limit int, admit func(store.Waiting) store.Admission) ([]store.Claimed, time.Time, error) {
	p := poll{now: now, admit: admit}
	for _, sh := range s.shards {
		h := &head{shard: sh}
		var err error
		if h.epoch, err = sh.mustEpoch(ctx, epoch); err == nil {
			err = p.look(ctx, h, 0)
		}
		if err != nil {
			return nil, time.Time{}, fmt.Errorf("poll: %w", err)
		}
		p.heads = append(p.heads, h)
	}
	for p.asked < limit {
		h, alone := p.first()
		if h == nil {
			break
		}
		n := 1
		if alone {
			n = limit - p.asked
		}
		before := p.asked
		if err := p.look(ctx, h, n); err != nil {
			return nil, time.Time{}, partly(err, before > 0)
		}
		h.done = p.asked == before
	}
	return p.claimed, p.next(), nil
}

// poll is a call of Poll.
type poll struct {
	now     time.Time
	admit   func(store.Waiting) store.Admission
	heads   []*head
	asked   int
	claimed []store.Claimed
}

// head is a shard and when its next row or lane is due.
type head struct {
	*shard
	epoch int64
	next  time.Time
	// done says that no row is due: what is due is a lane.
	done bool
}

// look polls at most n rows of a shard.
func (p *poll) look(ctx context.Context, h *head, n int) error {
	claimed, next, err := h.Poll(ctx, p.now, h.epoch, n, func(w store.Waiting) store.Admission {
		p.asked++
		return p.admit(w)
	})
	if err != nil {
		return err
	}
	p.claimed, h.next = append(p.claimed, claimed...), next
	return nil
}

// first returns the shard whose next row fell due before those of all others, or
// nil, and whether no other shard has one.
func (p *poll) first() (first *head, alone bool) {
	for _, h := range p.heads {
		if h.done || h.next.IsZero() || h.next.After(p.now) {
			continue
		}
		alone = first == nil
		if alone || h.next.Before(first.next) {
			first = h
		}
	}
	return first, alone
}

// next returns when the next row or lane of any shard is due, or the zero time.
func (p *poll) next() time.Time {
	var next time.Time
	for _, h := range p.heads {
		if !h.next.IsZero() && (next.IsZero() || h.next.Before(next)) {
			next = h.next
		}
	}
	return next
}

// Start implements store.Queue.
func (s *Store) Start(ctx context.Context, epoch int64, rows []store.Held) ([]store.Held, error) {
	return gather(ctx, s, rows, tenantOfRow, func(sh *shard, rows []store.Held) ([]store.Held, error) {
		own, err := sh.epoch(ctx, epoch)
		if err != nil {
			return nil, fmt.Errorf("mark as started: %w", err)
		}
		return sh.Start(ctx, own, rows)
	})
}

// Settle implements store.Queue. Outcomes on one shard are one transaction.
func (s *Store) Settle(ctx context.Context, now time.Time, st store.Settlement) (store.SettleResult, error) {
	parts := make([]store.Settlement, len(s.shards))
	for i := range st.Items {
		sh, err := s.at(ctx, st.Items[i].Tenant)
		if err != nil {
			return store.SettleResult{}, fmt.Errorf("settle: %w", err)
		}
		parts[sh.at].Items = append(parts[sh.at].Items, st.Items[i])
	}
	for _, g := range st.Gates {
		sh, err := s.at(ctx, g.Tenant)
		if err != nil {
			return store.SettleResult{}, fmt.Errorf("settle: %w", err)
		}
		parts[sh.at].Gates = append(parts[sh.at].Gates, g)
	}
	var result store.SettleResult
	committed := false
	for at, part := range parts {
		if len(part.Items) == 0 && len(part.Gates) == 0 {
			continue
		}
		part.Epoch = st.Epoch
		own, err := s.shards[at].settle(ctx, now, part)
		if err != nil {
			return store.SettleResult{}, partly(err, committed)
		}
		committed = true
		result.Lost = append(result.Lost, own.Lost...)
		result.Health = append(result.Health, own.Health...)
	}
	return result, nil
}

func (sh *shard) settle(ctx context.Context, now time.Time, part store.Settlement) (store.SettleResult, error) {
	var err error
	if part.Epoch, err = sh.epoch(ctx, part.Epoch); err != nil {
		return store.SettleResult{}, fmt.Errorf("settle: %w", err)
	}
	return sh.Settle(ctx, now, part)
}

// Redeliver implements store.Queue.
func (s *Store) Redeliver(ctx context.Context, now time.Time, tenant, delivery string, audit ...webhook.AuditRecord) error {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return fmt.Errorf("redeliver: %w", err)
	}
	return sh.Redeliver(ctx, now, tenant, delivery, audit...)
}
