package engine

import (
	"context"
	"math"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

const (
	loadRetry    = 20 * time.Millisecond
	maxLoadRetry = time.Minute
)

// loadLane fetches what a lane needs to know of its endpoint, until it has it
// or the engine ends. While that fails, the lane is shut.
func (e *Engine) loadLane(key store.Lane) {
	for wait := loadRetry; ; wait = min(2*wait, maxLoadRetry) {
		r, health, err := e.fetchRoute(key)
		switch {
		case err == nil && e.sched.Loaded(key, r, laneConfig(&r.Endpoint), health):
			return
		case e.sendCtx.Err() != nil:
			return
		case err != nil:
			e.cfg.Telemetry.StoreFailed("load_endpoint")
			e.log.Warn("load an endpoint; repeating",
				zap.String("endpoint", key.Endpoint), zap.Duration("after", wait), zap.Error(err))
			e.sched.LoadFailed(key, clock.Now().Add(wait))
		}
		if !sleep(e.sendCtx, wait) {
			return
		}
	}
}

// fetchRoute returns how to send to an endpoint. One that even the tombstone is
// gone of counts as deleted.
func (e *Engine) fetchRoute(key store.Lane) (*send.Route, lane.Health, error) {
	ep, err := e.routes.Load(e.sendCtx, key)
	if err != nil {
		return nil, lane.Health{}, err
	}
	if ep == nil {
		ep = new(store.EngineEndpoint)
		ep.Tenant, ep.ID, ep.DeletedAt, ep.Revision = key.Tenant, key.Endpoint, clock.Now(), math.MaxInt64
	}
	r, err := send.NewRoute(e.sendCtx, e.cfg.Sealer, *ep)
	if err != nil {
		return nil, lane.Health{}, err
	}
	return r, e.laneHealth(&ep.Health), nil
}

// laneHealth returns what an endpoint's health means for its lane. Recoveries begin
// by the store's clock.
func (e *Engine) laneHealth(h *webhook.Health) lane.Health {
	since := h.RecoveringSince
	if !since.IsZero() {
		since = since.Add(time.Duration(e.skew.Load()))
	}
	return lane.Health{
		Failures: h.Failures, Trips: h.Trips, LastSuccess: h.LastSuccessAt, LastFailure: h.LastFailureAt,
		Answered: !h.LastSuccessAt.IsZero(), Recovering: since,
	}
}

// laneConfig returns what an endpoint's configuration means for its lane.
func laneConfig(ep *webhook.Endpoint) lane.Config {
	ceiling := ep.MaxInFlight
	if ceiling == 0 {
		ceiling = webhook.DefaultMaxInFlight
	}
	return lane.Config{
		Paused:        ep.Status == webhook.EndpointPaused,
		Deleted:       ep.Deleted(),
		Ordered:       ep.Order.Enabled,
		StartInFlight: min(webhook.DefaultMinInFlight, ceiling),
		MaxInFlight:   ceiling,
		Interval:      ep.RateLimit.Interval(),
		Burst:         ep.RateLimit.Burst,
		BatchMax:      ep.Batch.MaxEvents,
		BatchWait:     ep.Batch.MaxWait,
		Phase:         lane.Phase(ep.ID),
	}
}

func (e *Engine) fetchEndpoints(keys []store.Lane) (map[store.Lane]*store.EngineEndpoint, error) {
	ctx, cancel := context.WithTimeout(e.sendCtx, storeTimeout)
	defer cancel()
	eps, err := e.store.EngineEndpoints(ctx, keys)
	if err != nil {
		return nil, err
	}
	found := make(map[store.Lane]*store.EngineEndpoint, len(eps))
	for i := range eps {
		found[store.Lane{Tenant: eps[i].Tenant, Endpoint: eps[i].ID}] = &eps[i]
	}
	return found, nil
}

// fetchMessages loads events and frames them. One whose payload is no longer
// kept is left out like one that never was.
func (e *Engine) fetchMessages(keys []store.EventKey) (map[store.EventKey]*send.Message, error) {
	ctx, cancel := context.WithTimeout(e.sendCtx, storeTimeout)
	defer cancel()
	events, err := e.store.EventsByKey(ctx, keys)
	if err != nil {
		return nil, err
	}
	found := make(map[store.EventKey]*send.Message, len(events))
	for i := range events {
		if len(events[i].Data) > 0 {
			found[store.EventKey{Tenant: events[i].Tenant, ID: events[i].ID}] = send.NewMessage(&events[i])
		}
	}
	return found, nil
}

// writeStarted marks rows as started and returns those that are.
func (e *Engine) writeStarted(rows []store.Held) (map[store.Held]*store.Held, error) {
	ctx, cancel := context.WithTimeout(e.sendCtx, storeTimeout)
	defer cancel()
	started, err := e.store.Start(ctx, e.epoch, rows)
	if err != nil {
		return nil, err
	}
	found := make(map[store.Held]*store.Held, len(started))
	for i := range started {
		found[started[i]] = &started[i]
	}
	return found, nil
}
