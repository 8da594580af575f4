package engine

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
)

const (
	maintainEvery = time.Minute
	// maintainFirst is when it is done for the first time: before a minute is over, or
	// a process that never lives that long would keep everything for ever.
	maintainFirst = 10 * time.Second
	pruneLimit    = 1000
	// pruneRest is how long pruning rests between two bites, so that it never
	// takes more than a small share of the store's time.
	pruneRest = 50 * time.Millisecond
	// pruneTimeout bounds one bite, which holds up nobody.
	pruneTimeout = 30 * time.Second
)

// maintain removes what is past its retention and forgets idle lanes, until ctx
// ends.
func (e *Engine) maintain(ctx context.Context) {
	all := func() {
		e.sched.Evict()
		e.prune(ctx)
		e.pruneTenants(ctx)
	}
	if sleep(ctx, maintainFirst) {
		all()
	}
	every(ctx, maintainEvery, all)
}

func (e *Engine) prune(ctx context.Context) {
	for more := true; more; {
		pruned, err := e.pruneOnce(ctx)
		if err != nil {
			if ctx.Err() == nil {
				e.cfg.Telemetry.StoreFailed("prune")
				e.log.Warn("prune; trying again later", zap.Error(err))
			}
			return
		}
		if pruned.Expired > 0 {
			e.log.Warn("deliveries canceled: their payloads expired", zap.Int("deliveries", pruned.Expired))
			e.reportExpired(pruned.ExpiredDeliveries)
		}
		more = pruned.More && sleep(ctx, pruneRest)
	}
}

func (e *Engine) pruneOnce(ctx context.Context) (store.Pruned, error) {
	ctx, cancel := context.WithTimeout(ctx, pruneTimeout)
	defer cancel()
	return e.store.Prune(ctx, clock.Now(), e.cfg.Retention, pruneLimit)
}
