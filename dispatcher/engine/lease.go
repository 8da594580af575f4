package engine

import (
	"context"
	"errors"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
)

// certainty is how long deliveries may start after asking for a lease, or for its
// renewal, that was granted: less than the lease by one heartbeat, so that
// nothing is sent that may be somebody else's already.
func (c Config) certainty() time.Duration { return c.Lease - c.heartbeat() }

func (c Config) heartbeat() time.Duration { return c.Lease / 6 }

const acquireRetry = time.Second

// Acquire begins a lease, waiting while the store is down or another process
// holds the only one, and returns an engine that is to Run under it. It fails only
// when ctx ends.
func Acquire(ctx context.Context, cfg Config) (*Engine, error) {
	for waiting := false; ; {
		e, err := tryAcquire(ctx, cfg)
		switch {
		case err == nil:
			return e, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !errors.Is(err, store.ErrLeaseHeld):
			cfg.Telemetry.StoreFailed("acquire")
			cfg.Log.Warn("acquire a lease; repeating", zap.Error(err))
		case !waiting:
			cfg.Log.Info("another process delivers from this store; standing by")
			waiting = true
		}
		if !sleep(ctx, acquireRetry) {
			return nil, ctx.Err()
		}
	}
}

func tryAcquire(ctx context.Context, cfg Config) (*Engine, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	cursor, err := cfg.Store.LatestChange(ctx)
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname()
	p := store.Process{Host: host, PID: os.Getpid(), Version: cfg.Version}
	asked := clock.Now()
	epoch, err := cfg.Store.Acquire(ctx, asked, p, cfg.Lease)
	if err != nil {
		return nil, err
	}
	e := newEngine(cfg, epoch, cursor)
	e.confirmed(asked)
	return e, nil
}

// confirmed lets deliveries start for a while, since a lease that was asked for at a time
// was granted.
func (e *Engine) confirmed(asked time.Time) {
	until := asked.Add(e.cfg.certainty())
	e.leasedUntil.Store(&until)
	e.sched.Certain(until)
}

// Leased reports whether the lease was confirmed lately, so that deliveries may start.
func (e *Engine) Leased() bool {
	until := e.leasedUntil.Load()
	return until != nil && clock.Now().Before(*until)
}

// heartbeat renews the lease until ctx ends or it is lost. Deliveries start
// only for a while after the last renewal that was confirmed, counted from
// before the call by the monotonic clock.
func (e *Engine) heartbeat(ctx context.Context) {
	ticker := time.NewTicker(e.cfg.heartbeat())
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		asked := clock.Now()
		call, cancel := context.WithTimeout(ctx, e.cfg.Lease)
		err := e.store.Renew(call, asked, e.epoch, e.cfg.Lease)
		cancel()
		switch {
		case err == nil:
			e.confirmed(asked)
		case errors.Is(err, store.ErrLeaseLost):
			e.cfg.Telemetry.LeaseLost()
			e.log.Warn("lease lost; starting afresh")
			e.stopWrites()
			return
		case ctx.Err() == nil:
			e.cfg.Telemetry.StoreFailed("renew")
			e.log.Warn("renew the lease; repeating", zap.Error(err))
		}
	}
}
