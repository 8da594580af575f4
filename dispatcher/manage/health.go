package manage

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// BreakerState is the state of an endpoint's circuit breaker.
type BreakerState string

// The states of a circuit breaker.
const (
	// BreakerClosed: deliveries go out.
	BreakerClosed BreakerState = "closed"
	// BreakerOpen: nothing goes out before the next probe.
	BreakerOpen BreakerState = "open"
	// BreakerHalfOpen: one delivery goes out as a probe, and its answer closes
	// the breaker or opens it again.
	BreakerHalfOpen BreakerState = "half_open"
)

// Health is how an endpoint has answered of late.
type Health struct {
	webhook.Health
	// Breaker is the state of the circuit breaker.
	Breaker BreakerState
	// NextProbeAt is when an open breaker lets a delivery go out as a probe, to
	// within the duration of an attempt; zero while it is closed.
	NextProbeAt time.Time
}

// Health returns how an endpoint has answered of late. An endpoint that nothing
// was sent to has no failures and a closed breaker. The error is
// store.ErrNotFound.
func (m *Manager) Health(ctx context.Context, tenant, endpoint string) (Health, error) {
	if err := known(webhook.PrefixEndpoint, tenant, endpoint); err != nil {
		return Health{}, err
	}
	ep, found, err := m.engineEndpoint(ctx, tenant, endpoint)
	if err != nil {
		return Health{}, err
	}
	if !found || ep.Deleted() {
		return Health{}, fmt.Errorf("read health: %w", store.ErrNotFound)
	}
	h := healthAt(ep.Health, clock.Now())
	h.Tenant, h.EndpointID = tenant, endpoint
	return h, nil
}

// healthAt says what remembered health means at a time.
func healthAt(h webhook.Health, at time.Time) Health {
	if h.Failures < lane.OpensAfter {
		return Health{Health: h, Breaker: BreakerClosed}
	}
	last := h.LastFailureAt
	if last.After(at) {
		last = at // it is the time of a process whose clock is fast
	}
	probe := last.Add(lane.ProbeWait(h.Trips, lane.Phase(h.EndpointID)))
	if at.Before(probe) {
		return Health{Health: h, Breaker: BreakerOpen, NextProbeAt: probe}
	}
	return Health{Health: h, Breaker: BreakerHalfOpen, NextProbeAt: probe}
}
