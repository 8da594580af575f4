package telemetry

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/metric"
)

// State is how a dispatcher is that delivers, when somebody asks.
type State struct {
	// Up says that the store answers.
	Up bool
	// Lag is how late deliveries are, as far as the store has told.
	Lag time.Duration
	// Skew is how far the process's clock is ahead of the store's.
	Skew time.Duration
	// Leases is how many are confirmed.
	Leases int
	// Lanes counts them by their state, all states that there are.
	Lanes map[string]int
	// InFlight attempts are under way, of at most Slots, and Held deliveries in memory.
	InFlight, Slots, Held int
}

// observed are the instruments that are asked.
type observed struct {
	lag, skew                            metric.Float64ObservableGauge
	storeUp                              metric.Int64ObservableGauge
	leases, lanes, inFlight, slots, held metric.Int64ObservableUpDownCounter
}

func newObserved(m metric.Meter) (observed, error) {
	var o observed
	var errs error
	for _, c := range []struct {
		in   *metric.Int64ObservableUpDownCounter
		what Metric
	}{{&o.leases, leases}, {&o.lanes, lanes}, {&o.inFlight, inFlight}, {&o.slots, slots}, {&o.held, held}} {
		var err error
		*c.in, err = m.Int64ObservableUpDownCounter(c.what.Name, metric.WithUnit(c.what.Unit), metric.WithDescription(c.what.Description))
		errs = errors.Join(errs, err)
	}
	for _, g := range []struct {
		in   *metric.Float64ObservableGauge
		what Metric
	}{{&o.lag, lag}, {&o.skew, skew}} {
		var err error
		*g.in, err = m.Float64ObservableGauge(g.what.Name, metric.WithUnit(g.what.Unit), metric.WithDescription(g.what.Description))
		errs = errors.Join(errs, err)
	}
	var err error
	o.storeUp, err = m.Int64ObservableGauge(storeUp.Name, metric.WithUnit(storeUp.Unit), metric.WithDescription(storeUp.Description))
	return o, errors.Join(errs, err)
}

// Observe has ask called whenever metrics are collected, until stop is. ask may take as
// long as a reader waits, and is called for one collection at a time.
func (t *Telemetry) Observe(ask func(context.Context) State) (stop func(), err error) {
	o := t.observed
	r, err := t.meter.RegisterCallback(func(ctx context.Context, to metric.Observer) error {
		s := ask(ctx)
		up := int64(0)
		if s.Up {
			up = 1
		}
		to.ObserveInt64(o.storeUp, up)
		if s.Up || s.Lag > 0 { // else nobody knows
			to.ObserveFloat64(o.lag, s.Lag.Seconds())
		}
		if s.Up {
			to.ObserveFloat64(o.skew, s.Skew.Seconds())
		}
		to.ObserveInt64(o.leases, int64(s.Leases))
		for state, n := range s.Lanes {
			to.ObserveInt64(o.lanes, int64(n), metric.WithAttributes(attrLane.String(state)))
		}
		to.ObserveInt64(o.inFlight, int64(s.InFlight))
		to.ObserveInt64(o.slots, int64(s.Slots))
		to.ObserveInt64(o.held, int64(s.Held))
		return nil
	}, o.lag, o.skew, o.storeUp, o.leases, o.lanes, o.inFlight, o.slots, o.held)
	if err != nil {
		return nil, err
	}
	return func() { _ = r.Unregister() }, nil // what is not registered is nothing to unregister
}
