package engine

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/dispatcher/schedule"
	"github.com/postrider/postrider/store"
)

const (
	// tick is the least time between two looks at the lanes whose rate is
	// limited, and reserveEvery that between two calls of the store for them.
	tick         = 2 * time.Millisecond
	reserveEvery = 20 * time.Millisecond
	// glance is how long the pacer sleeps at most while a lane waits for a time:
	// the clock may be set back meanwhile.
	glance = time.Second
)

// pacer starts what is due at a time of its own, and reserves the slots of lanes
// whose rate is limited: all in one call, one call at a time. While no lane waits
// for a time it sleeps.
type pacer struct {
	e *Engine
	// signal has at most one wake-up pending.
	signal chan struct{}
	// took is how long the last call of the store took: what is reserved must
	// still be ahead when the answer comes.
	took time.Duration
}

func newPacer(e *Engine) *pacer { return &pacer{e: e, signal: make(chan struct{}, 1)} }

// wake makes the pacer look at the lanes' times again. It never blocks.
func (p *pacer) wake() {
	select {
	case p.signal <- struct{}{}:
	default:
	}
}

// run paces lanes until ctx ends.
func (p *pacer) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	last := clock.Now()
	for {
		next, at := p.e.sched.Alarm(), clock.Now()
		if at.Before(last) {
			p.e.sched.SetBack()
			next = p.e.sched.Alarm()
		}
		last = at
		var ring <-chan time.Time
		if !next.IsZero() {
			timer.Reset(min(max(next.Sub(at), 0), glance))
			ring = timer.C
		}
		select {
		case <-ctx.Done():
			return
		case <-p.signal:
			continue
		case <-ring:
		}
		pause := tick
		if wishes := p.e.sched.Due(); len(wishes) > 0 {
			p.reserve(ctx, wishes)
			pause = reserveEvery
		}
		if !sleep(ctx, pause) {
			return
		}
	}
}

// reserve asks the store for slots. The store's answer is about the time of the
// call; counting from the time of the answer, no slot is used too early.
func (p *pacer) reserve(ctx context.Context, wishes []schedule.Slots) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	requests := make([]store.RateRequest, len(wishes))
	for i := range wishes {
		requests[i] = wishes[i].Request(lane.Ahead + min(p.took, time.Second))
	}
	asked := clock.Now()
	grants, err := p.e.store.ReserveRates(ctx, asked, requests)
	p.took = clock.Now().Sub(asked)
	if err != nil {
		if ctx.Err() == nil || context.Cause(ctx) == context.DeadlineExceeded {
			p.e.cfg.Telemetry.StoreFailed("reserve")
			p.e.log.Warn("reserve slots of limited rates; repeating", zap.Error(err))
		}
		p.e.sched.NotGranted(wishes)
		return
	}
	for i := range grants {
		grants[i].First = grants[i].First.Add(p.took)
	}
	p.e.sched.Granted(wishes, grants)
}
