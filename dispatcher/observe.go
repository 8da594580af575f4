package dispatcher

import (
	"context"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/dispatcher/telemetry"
)

// observe has metrics ask how the dispatcher is, until stop is called. Health asks the
// store at most once a second, whoever asks.
func (d *Dispatcher) observe() (stop func()) {
	stop, err := d.telemetry.Observe(d.state)
	if err != nil {
		d.log.Error("observe the dispatcher for metrics", zap.Error(err))
		return func() {}
	}
	return stop
}

// state is how the dispatcher is, for metrics.
func (d *Dispatcher) state(ctx context.Context) telemetry.State {
	h := d.Health(ctx)
	s := telemetry.State{Up: h.Store == nil, Lag: h.Lag, Skew: h.Skew, Lanes: make(map[string]int)}
	for _, state := range lane.States {
		s.Lanes[string(state)] = 0
	}
	for _, shard := range d.shards {
		e := shard.engine.Load()
		if e == nil {
			continue
		}
		if e.Leased() {
			s.Leases++
		}
		stats := e.Stats()
		for state, n := range stats.Lanes {
			s.Lanes[string(state)] += n
		}
		s.InFlight, s.Slots, s.Held = s.InFlight+stats.InFlight, s.Slots+stats.Slots, s.Held+stats.Held
	}
	return s
}
