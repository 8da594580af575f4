package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/batch"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

const (
	// maxReports bounds the operational events that wait to be published.
	maxReports = 4096
	// reportBatch is how many are published at once.
	reportBatch = 64
	// reportFor is how long the store is asked to take one.
	reportFor = time.Minute
	// reportGrace is how long Run waits for what is still to be told.
	reportGrace = 5 * time.Second
)

// reporter tells the host and the tenant's endpoints what happened to webhooks,
// on goroutines of its own that live while there is something to tell.
type reporter struct {
	d         *Dispatcher
	publishes *batch.Batcher[webhook.Operational]
	hooks     *hooks
	// publishing counts what waits to be published.
	publishing atomic.Int64
}

func newReporter(d *Dispatcher) *reporter {
	r := &reporter{d: d, hooks: newHooks("OnOperational", d.log)}
	r.publishes = batch.NewBatcher(reportBatch, r.publish)
	return r
}

// Report tells Config.OnOperational and the tenant's endpoints that subscribe to
// it of something that has happened. It does not wait: while the store or the hook
// cannot keep up some 4,000 are remembered, and later ones are only logged. It is
// for those who build on a dispatcher.
func (d *Dispatcher) Report(op webhook.Operational) {
	r := d.reports
	if r.publishing.Add(1) > maxReports {
		r.publishing.Add(-1)
		r.drop(op, "publish")
		return
	}
	r.publishes.Add(op)
}

func (r *reporter) drop(op webhook.Operational, where string) {
	r.d.log.Warn("too many operational events; one is dropped", zap.String("before", where),
		zap.String("event_type", op.Type), zap.String("endpoint", op.EndpointID), zap.String("cause", op.Cause))
}

// publish publishes a batch and lets the hook have what nobody had told before.
func (r *reporter) publish(ops []webhook.Operational) {
	fresh := make([]bool, len(ops))
	var all sync.WaitGroup
	for i := range ops {
		all.Go(func() { fresh[i] = r.publishOne(&ops[i]) })
	}
	all.Wait()
	r.publishing.Add(-int64(len(ops)))
	if r.d.cfg.OnOperational == nil {
		return
	}
	for i, op := range ops {
		if fresh[i] && !r.hooks.add(func(ctx context.Context) { r.d.cfg.OnOperational(ctx, op) }) {
			r.drop(op, "hook")
		}
	}
}

// publishOne publishes one if an endpoint subscribes to it, and reports whether it
// is news: what is known under its cause has been told. If it cannot be published
// it has happened all the same.
func (r *reporter) publishOne(op *webhook.Operational) bool {
	ctx, cancel := context.WithTimeout(context.Background(), reportFor)
	defer cancel()
	retry := batch.NewBackOff()
	doubt := false
	for {
		news, err := r.d.publishOperational(ctx, op)
		switch {
		case err == nil:
			return doubt || news
		case !batch.Transient(err) || ctx.Err() != nil:
			r.d.log.Error("publish an operational event", zap.String("event_type", op.Type), zap.String("endpoint", op.EndpointID), zap.Error(err))
			return true
		}
		doubt = doubt || errors.Is(err, store.ErrUnknown)
		select {
		case <-time.After(retry.NextBackOff()):
		case <-ctx.Done():
		}
	}
}

// publishOperational publishes an operational event to the endpoints of its tenant
// that name it, and reports whether it is news. If there are none, nothing is
// written, and it is.
func (d *Dispatcher) publishOperational(ctx context.Context, op *webhook.Operational) (news bool, err error) {
	if err := d.describe(ctx, op); err != nil || webhook.Reserved(op.EventType) {
		return false, err
	}
	dir, err := d.directory.Of(ctx, op.Tenant)
	if err != nil || len(dir.Match(op.Type, "", nil)) == 0 {
		return err == nil, err
	}
	ev, err := op.Event()
	if err != nil {
		return false, fmt.Errorf("encode an operational event: %w", err)
	}
	ctx, told := d.telemetry.StartPublish(ctx, &ev)
	ev.Trace = told.Trace()
	p, err := d.compose(ev)
	if err != nil {
		return false, err
	}
	if err := d.place(ctx, p); err != nil {
		return false, err
	}
	receipt, err := d.publish(ctx, p)
	told.End(receipt, err)
	return !receipt.Duplicate, err
}

// describe looks up what those who reported it did not have at hand. What is gone
// by now stays empty.
func (d *Dispatcher) describe(ctx context.Context, op *webhook.Operational) error {
	if op.DeliveryID != "" && op.EventType == "" {
		dl, err := d.store.Delivery(ctx, op.Tenant, op.DeliveryID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		op.EventID, op.EventType = dl.EventID, dl.EventType
	}
	if op.Host == "" {
		rec, err := d.store.Endpoint(ctx, op.Tenant, op.EndpointID)
		if err != nil {
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
			return err
		}
		op.Snapshot = op.Of(&rec.Endpoint)
	}
	return nil
}

// drain waits until everything is told, but not for long: a hook may never return.
func (r *reporter) drain() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.publishes.Wait()
		r.hooks.calls.Wait()
		r.d.incidents.drain()
	}()
	select {
	case <-done:
	case <-time.After(reportGrace):
		r.d.log.Warn("operational events or incidents are still being told; not waiting any longer")
	}
}
