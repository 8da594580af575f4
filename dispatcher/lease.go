package dispatcher

import (
	"context"
	"errors"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/store"
)

var errLeaseLost = errors.New("lease was lost")

// certainty is how long deliveries may start after asking for a lease, or for its
// renewal, that was granted: less than the lease by one heartbeat, so that
// nothing is sent that may be somebody else's already.
func (d *Dispatcher) certainty() time.Duration { return d.cfg.Lease - d.heartbeat() }

func (d *Dispatcher) heartbeat() time.Duration { return d.cfg.Lease / 6 }

const acquireRetry = time.Second

// acquire begins a lease, waiting while the store is down or another process
// holds the only one. It fails only when ctx ends.
func (d *Dispatcher) acquire(ctx context.Context) (*engine, error) {
	for waiting := false; ; {
		e, err := d.tryAcquire(ctx)
		switch {
		case err == nil:
			return e, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !errors.Is(err, store.ErrLeaseHeld):
			d.log.Warn("acquire a lease; repeating", zap.Error(err))
		case !waiting:
			d.log.Info("another process delivers from this store; standing by")
			waiting = true
		}
		t := time.NewTimer(acquireRetry)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil, ctx.Err()
		}
	}
}

func (d *Dispatcher) tryAcquire(ctx context.Context) (*engine, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	cursor, err := d.store.LatestChange(ctx)
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname()
	p := store.Process{Host: host, PID: os.Getpid(), Version: Version}
	asked := now()
	epoch, err := d.store.Acquire(ctx, asked, p, d.cfg.Lease)
	if err != nil {
		return nil, err
	}
	e := newEngine(d, epoch, cursor)
	e.sched.certain(asked.Add(d.certainty()))
	return e, nil
}

// heartbeat renews the lease until ctx ends or it is lost. Deliveries start
// only for a while after the last renewal that was confirmed, counted from
// before the call by the monotonic clock.
func (e *engine) heartbeat(ctx context.Context) {
	ticker := time.NewTicker(e.d.heartbeat())
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		asked := now()
		call, cancel := context.WithTimeout(ctx, e.d.cfg.Lease)
		err := e.d.store.Renew(call, asked, e.epoch, e.d.cfg.Lease)
		cancel()
		switch {
		case err == nil:
			e.sched.certain(asked.Add(e.d.certainty()))
		case errors.Is(err, store.ErrLeaseLost):
			e.d.log.Warn("lease lost; starting afresh")
			e.stopWrites()
			return
		case ctx.Err() == nil:
			e.d.log.Warn("renew the lease; repeating", zap.Error(err))
		}
	}
}
