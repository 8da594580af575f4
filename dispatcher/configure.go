package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/engine"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// ErrUnchanged is returned by a change function of UpdateEndpoint that finds
// nothing to do. UpdateEndpoint then writes nothing and returns no error.
var ErrUnchanged = errors.New("nothing to change")

// UpdateEndpoint reads an endpoint, lets change alter it and writes it back; if
// somebody else was faster, it does so again. Before it returns, deliveries of
// this process heed the change. Errors are those of change, and
// store.ErrNotFound.
//
// An endpoint that is paused or resumed by the change is reported, once. The audit
// log has who did it, by webhook.WithActor.
func (d *Dispatcher) UpdateEndpoint(ctx context.Context, tenant, id string, change func(*store.EndpointRecord) error) (store.EndpointRecord, error) {
	return d.update(ctx, store.Lane{Tenant: tenant, Endpoint: id}, webhook.Snapshot{}, change)
}

// update is UpdateEndpoint with what is to be told if the change pauses the
// endpoint.
func (d *Dispatcher) update(ctx context.Context, key store.Lane, evidence webhook.Snapshot, change func(*store.EndpointRecord) error) (store.EndpointRecord, error) {
	tenant, id := key.Tenant, key.Endpoint
	for {
		rec, err := d.store.Endpoint(ctx, tenant, id)
		if err != nil {
			return rec, err
		}
		next := rec.Clone()
		if err := change(&next); errors.Is(err, ErrUnchanged) {
			return rec, nil
		} else if err != nil {
			return rec, err
		}
		record, err := d.auditUpdate(ctx, &rec, &next)
		if err != nil {
			return rec, fmt.Errorf("update endpoint: %w", err)
		}
		next, err = d.store.UpdateEndpoint(ctx, clock.Now(), next, record)
		if errors.Is(err, store.ErrVersion) && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return rec, err
		}
		d.Changed(&next.Endpoint)
		d.reportStatus(&rec.Endpoint, &next.Endpoint, evidence)
		return next, nil
	}
}

// Changed makes deliveries and publishes of this process heed a change of an
// endpoint that was just written. A deleted or paused endpoint is sent nothing
// more, attempts in flight aside, from the moment that it returns.
func (d *Dispatcher) Changed(ep *webhook.Endpoint) {
	for _, s := range d.shards { // those that do not have the endpoint have no lane of it
		d.changed(s, ep)
	}
}

// changed is Changed for an endpoint that is on one shard.
func (d *Dispatcher) changed(s *shard, ep *webhook.Endpoint) {
	d.directory.Outdate(ep.Tenant, ep.Revision)
	if e := s.engine.Load(); e != nil {
		e.Changed(ep)
	}
}

// reportStatus tells of an update that has paused or resumed an endpoint. The
// version that it wrote is the cause, which no other update has.
func (d *Dispatcher) reportStatus(before, after *webhook.Endpoint, evidence webhook.Snapshot) {
	if before.Status == after.Status {
		return
	}
	op := webhook.Operational{
		Tenant: after.Tenant, At: after.UpdatedAt, Cause: strconv.FormatInt(after.Version, 10), Snapshot: evidence.Of(after),
	}
	switch {
	case after.Status == webhook.EndpointActive:
		op.Type = webhook.TypeEndpointResumed
		op.PauseCause, op.Reason = before.PauseCause, before.StatusReason // what it was paused for
	case after.PauseCause == webhook.PausedByGone:
		op.Type = webhook.TypeEndpointGone
	default:
		op.Type = webhook.TypeEndpointPaused
	}
	d.Report(op)
}

// pause pauses an endpoint on behalf of the engine (see engine.Config).
func (d *Dispatcher) pause(ctx context.Context, r engine.PauseRequest) error {
	paused := false
	_, err := d.update(webhook.WithLibraryActor(ctx), r.Lane, r.Evidence, func(ep *store.EndpointRecord) error {
		if ep.Status == webhook.EndpointPaused || outdated(ep, r) {
			return ErrUnchanged
		}
		ep.Status, ep.PauseCause, ep.StatusReason = webhook.EndpointPaused, r.Cause, r.Reason
		paused = true
		return nil
	})
	if err == nil && paused {
		d.telemetry.Paused(r.Cause)
		d.log.Info("endpoint paused", zap.String("endpoint", r.Endpoint), zap.String("cause", string(r.Cause)))
	}
	return err
}

// outdated reports whether a request to pause no longer fits an endpoint: one that
// has changed may be another receiver. For the sake of order it is paused as long as
// it says so, whatever else has changed.
func outdated(ep *store.EndpointRecord, r engine.PauseRequest) bool {
	if r.Cause == webhook.PausedByOrder {
		return !ep.Order.Enabled || ep.Order.OnFailure != webhook.OrderPause
	}
	return ep.Revision != r.Revision
}
