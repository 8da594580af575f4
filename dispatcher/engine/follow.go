package engine

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

const (
	// followEvery is how often changes made by other processes are looked for:
	// a pause or a deletion stops sends everywhere within a second.
	followEvery = 500 * time.Millisecond
	followLimit = 200
)

// followChanges keeps lanes and directories in step with the configuration that
// other processes write, until ctx ends. It goes on from the cursor that was
// read before the engine had any lane: what changed before is in every lane.
func (e *Engine) followChanges(ctx context.Context) {
	health := healthFollower{e: e, since: clock.Now()}
	every(ctx, followEvery, func() {
		health.look(ctx)
		next, err := e.applyChanges(ctx, e.cursor)
		if err != nil && ctx.Err() == nil {
			e.cfg.Telemetry.StoreFailed("follow")
			e.log.Warn("follow endpoint changes; repeating", zap.Error(err))
		}
		e.cursor = next
	})
}

func (e *Engine) applyChanges(ctx context.Context, cursor int64) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	for {
		records, next, err := e.store.ChangedEndpoints(ctx, cursor, followLimit)
		if err != nil {
			return cursor, err
		}
		for i := range records {
			e.cfg.Changed(&records[i].Endpoint)
		}
		cursor = next
		if len(records) < followLimit {
			return cursor, nil
		}
	}
}

// healthFollower tells lanes what other processes have found out about their
// endpoints. It asks nothing while no lane has anything to do.
type healthFollower struct {
	e *Engine
	// since is when it last asked.
	since time.Time
}

const (
	// overlap is how much of what was told before is asked for again: a change
	// is told by its time, and committed a little later.
	overlap = 2 * time.Second
	// furthest is how far back changes are asked for.
	furthest = time.Hour
)

func (f *healthFollower) look(ctx context.Context) {
	if !f.e.sched.Active() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	at := clock.Now()
	changed, err := f.e.store.ChangedHealth(ctx, at, min(at.Sub(f.since)+overlap, furthest))
	if err != nil {
		if ctx.Err() == nil {
			f.e.cfg.Telemetry.StoreFailed("follow")
			f.e.log.Warn("follow the health of endpoints; repeating", zap.Error(err))
		}
		return
	}
	f.since = at
	f.e.learn(changed)
}

// learn tells lanes what the store knows of their endpoints' health.
func (e *Engine) learn(health []webhook.Health) {
	for i := range health {
		h := &health[i]
		e.sched.Learn(store.Lane{Tenant: h.Tenant, Endpoint: h.EndpointID}, e.laneHealth(h))
	}
}
