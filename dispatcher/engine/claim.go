package engine

import (
	"context"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/schedule"
	"github.com/postrider/postrider/store"
)

const (
	pollLimit = 500
	laneLimit = 64
	minPoll   = 250 * time.Millisecond
	maxPoll   = time.Second
	eagerPoll = 2 * time.Millisecond
	// reapEvery bounds how long the deliveries of a dead process wait after
	// its lease has ended.
	reapEvery      = time.Second
	reconcileEvery = 10 * time.Second
)

// claimLoop claims what was not handed over. It is one goroutine, in which
// claims and reconciliation exclude each other: a row that is leased to us and
// unknown to us is then a reply that was lost, unless it was settled since the
// store listed it.
type claimLoop struct {
	e *Engine
	// signal has at most one wake-up pending; eager asks for a closer look for
	// a short while, because a host's transaction is about to commit.
	signal chan struct{}
	eager  atomic.Bool
	// wakeAt is when the loop looks again by itself, in Unix nanoseconds.
	wakeAt atomic.Int64
	// reaped and reconciled are when that was last done.
	reaped, reconciled time.Time
}

func newClaimLoop(e *Engine) *claimLoop {
	return &claimLoop{e: e, signal: make(chan struct{}, 1)}
}

// wake makes the loop look again at once. It never blocks.
func (c *claimLoop) wake() {
	select {
	case c.signal <- struct{}{}:
	default:
	}
}

// lookOut makes the loop look again within milliseconds, and some times more. It
// is no use to look at once: the host has yet to commit.
func (c *claimLoop) lookOut() {
	c.eager.Store(true)
	if at := c.wakeAt.Load(); at != math.MaxInt64 && at > clock.Now().Add(eagerPoll).UnixNano() {
		c.wake()
	}
}

// noteDue makes sure that the loop looks again when a delivery falls due.
func (c *claimLoop) noteDue(due time.Time) {
	if due.UnixNano() < c.wakeAt.Load() {
		c.wake()
	}
}

// run claims until ctx ends.
func (c *claimLoop) run(ctx context.Context) {
	interval := minPoll
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		c.tidy(ctx)
		c.wakeAt.Store(math.MaxInt64) // whatever falls due now wakes the loop
		claimed, next := c.claim(ctx)
		switch {
		case c.eager.Swap(false):
			interval = eagerPoll
		case claimed && interval >= minPoll:
			interval = minPoll
		default:
			interval = min(2*interval, maxPoll)
		}
		// Processes that looked at regular intervals would each get what falls due
		// between two of them, for ever: some nearly all of it, some nothing.
		wait := interval/2 + time.Duration(c.e.cfg.Entropy.Jitter()*float64(interval/2))
		if !next.IsZero() {
			wait = min(wait, max(next.Sub(clock.Now()), 0))
		}
		if !claimed {
			wait = max(wait, eagerPoll) // never spin over what cannot be claimed
		}
		c.wakeAt.Store(clock.Now().Add(wait).UnixNano())
		if c.eager.Load() { // asked for before wakeAt could tell
			wait = min(wait, eagerPoll)
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-c.signal:
		case <-ctx.Done():
		}
	}
}

// claim looks once at what is due. It reports whether it claimed or parked
// anything, and when the next row or lane is due.
func (c *claimLoop) claim(ctx context.Context) (bool, time.Time) {
	room := c.e.sched.Capacity()
	if room == 0 {
		return false, time.Time{}
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	// What is parked was due first, so it gets its places first.
	took := c.take(ctx, room)
	polled, next := c.poll(ctx, min(c.e.sched.Capacity(), pollLimit))
	return polled || took, next
}

func (c *claimLoop) poll(ctx context.Context, limit int) (bool, time.Time) {
	asked := 0
	var admitted []store.Waiting
	claimed, next, err := c.e.store.Poll(ctx, clock.Now(), c.e.epoch, limit, func(w store.Waiting) store.Admission {
		a := c.e.sched.Admit(w)
		if asked++; a.Lease {
			admitted = append(admitted, w)
		}
		return a
	})
	if err != nil {
		c.e.sched.Unadmit(admitted)
		c.failed(ctx, "poll", err)
		return false, time.Time{}
	}
	c.push(ctx, claimed)
	return asked > 0 || len(claimed) > 0, next
}

func (c *claimLoop) take(ctx context.Context, room int) bool {
	asking := c.e.sched.Asking(laneLimit)
	turns := make(map[store.Lane]store.Turn)
	claimed, err := c.e.store.Take(ctx, clock.Now(), c.e.epoch, laneLimit, asking, func(l store.Lane) store.Turn {
		t := c.e.sched.Turn(l, room)
		room -= t.Max + t.Shares.Sum()
		turns[l] = t
		return t
	})
	if err != nil {
		c.e.sched.Again(asking)
		c.failed(ctx, "take", err)
		return false
	}
	c.e.sched.Foreign(slices.DeleteFunc(asking, func(l store.Lane) bool { _, offered := turns[l]; return offered }))
	got := make(map[store.Lane]store.Ranks, len(turns))
	for i := range claimed {
		l := store.Lane{Tenant: claimed[i].Tenant, Endpoint: claimed[i].Endpoint}
		ranks := got[l]
		ranks[claimed[i].Priority.Rank()]++
		got[l] = ranks
	}
	for l, turn := range turns {
		c.e.sched.Took(l, turn, got[l])
	}
	c.e.sched.TookCanceled(c.push(ctx, claimed))
	return len(claimed) > 0
}

// push queues what was claimed and returns what of it was canceled, which is given
// back instead.
func (c *claimLoop) push(ctx context.Context, claimed []store.Claimed) (canceled []store.Claimed) {
	rest, canceled := splitCanceled(claimed)
	// If it cannot be written, reconciliation does the same.
	c.giveBack(ctx, "cancel", fences(canceled))
	if len(rest) == 0 {
		return canceled
	}
	jobs := make([]*schedule.Job, len(rest))
	for i := range rest {
		jobs[i] = &schedule.Job{Claimed: rest[i]}
	}
	c.e.sched.Push(jobs)
	return canceled
}

// failed logs an error of the store, unless we caused it by stopping.
func (c *claimLoop) failed(ctx context.Context, what string, err error) {
	if ctx.Err() == nil || context.Cause(ctx) == context.DeadlineExceeded {
		c.e.cfg.Telemetry.StoreFailed(what)
		c.e.log.Warn(what+" deliveries; repeating", zap.Error(err))
	}
}

// tidy reaps and reconciles when it is time to.
func (c *claimLoop) tidy(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if at := clock.Now(); at.Sub(c.reaped) >= reapEvery {
		c.reaped = at
		c.e.sched.Shed()
		c.reap(ctx)
	}
	if at := clock.Now(); at.Sub(c.reconciled) >= reconcileEvery {
		c.reconciled = at
		c.reconcile(ctx)
	}
}

// reconcile gives back rows that are leased to us and that we know nothing of.
func (c *claimLoop) reconcile(ctx context.Context) {
	for after := ""; ; {
		rows, err := c.e.store.Held(ctx, c.e.epoch, after, store.MaxPage)
		if err != nil {
			c.failed(ctx, "reconcile", err)
			return
		}
		if n := c.giveBack(ctx, "reconcile", c.e.sched.Unknown(rows)); n > 0 {
			c.e.log.Info("deliveries that a lost reply had stranded wait again", zap.Int("deliveries", n))
		}
		c.heedCanceled(rows)
		if len(rows) < store.MaxPage {
			c.e.sched.ForgetCanceled()
			return
		}
		after = rows[len(rows)-1].Delivery
	}
}

// reap takes over what dead processes left behind.
func (c *claimLoop) reap(ctx context.Context) {
	for {
		n, err := c.e.store.Reap(ctx, clock.Now(), c.e.epoch, c.e.cfg.Lease, store.MaxPage)
		if err != nil {
			c.failed(ctx, "reap", err)
			return
		}
		if n > 0 {
			c.e.log.Info("deliveries of a dead process taken over", zap.Int("deliveries", n))
		}
		if n < store.MaxPage {
			return
		}
	}
}

// giveBack lets rows wait again, which ends those that were canceled, and returns how
// many did. What was settled since it was listed is refused by its fence.
func (c *claimLoop) giveBack(ctx context.Context, what string, rows []store.Held) int {
	if len(rows) == 0 {
		return 0
	}
	at := clock.Now()
	s := store.Settlement{Epoch: c.e.epoch}
	for _, r := range rows {
		s.Items = append(s.Items, returned(store.Claimed{Tenant: r.Tenant, Delivery: r.Delivery, Claim: r.Claim}, at))
	}
	result, err := c.e.store.Settle(ctx, at, s)
	if err != nil {
		c.failed(ctx, what, err)
		return 0
	}
	return len(rows) - len(result.Lost)
}
