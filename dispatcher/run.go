package dispatcher

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/batch"
	"github.com/postrider/postrider/dispatcher/engine"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// minSlots is what a shard has at least of Config.Slots.
const minSlots = 16

// Run delivers until ctx ends, then lets what is under way finish for
// DrainTimeout, gives the rest back and returns nil. While the store is down it
// waits; where a store allows only one delivering process, it stands by until
// the other has ended. It does so for each shard by itself. The only error is
// ErrRunning.
func (d *Dispatcher) Run(ctx context.Context) error {
	if !d.running.CompareAndSwap(false, true) {
		return ErrRunning
	}
	defer d.running.Store(false)
	defer d.observe()()
	var shards sync.WaitGroup
	for _, s := range d.shards {
		shards.Go(func() { s.deliver(ctx, d.engineConfig(s)) })
	}
	shards.Wait()
	d.reports.drain()
	d.filtering.drain()
	d.release()
	return nil
}

// deliver runs engines, one lease after the other, until ctx ends.
func (s *shard) deliver(ctx context.Context, cfg engine.Config) {
	defer s.leftovers.Wait()
	if !s.awaitOpen(ctx) {
		return
	}
	for {
		e, err := engine.Acquire(ctx, cfg)
		if err != nil {
			return // ctx ended while standing by
		}
		s.engine.Store(e)
		err = e.Run(ctx)
		s.engine.Store(nil)
		s.leftovers.Go(e.Wait)
		if err == nil {
			return
		}
	}
}

// awaitOpen opens a shard that was down when the dispatcher was made. It reports
// false if ctx ended first.
func (s *shard) awaitOpen(ctx context.Context) bool {
	retry := batch.NewBackOff()
	for {
		call, cancel := context.WithTimeout(ctx, storeTimeout)
		err := s.open(call)
		cancel()
		if err == nil {
			return true
		}
		if ctx.Err() == nil {
			s.log.Warn("open the store; repeating", zap.Error(err))
		}
		select {
		case <-time.After(retry.NextBackOff()):
		case <-ctx.Done():
			return false
		}
	}
}

func (d *Dispatcher) engineConfig(s *shard) engine.Config {
	r := d.cfg.Retention
	return engine.Config{
		Store: s.store, Sealer: d.sealer, Sender: d.sender, Entropy: d.entropy, Log: s.log, Telemetry: d.telemetry, Version: Version,
		Slots: slotsOf(d.cfg.Slots, len(d.shards)), DrainTimeout: d.cfg.DrainTimeout, Lease: d.cfg.Lease,
		Retention: store.Retention{
			Payloads: r.Payloads, Deliveries: r.Deliveries, Statistics: r.Statistics, Audit: r.Audit, Tombstones: tombstonesFor,
		},
		TypeDefaults: d.types.Defaults, TenantRetention: d.tenantRetention(),
		Changed: func(ep *webhook.Endpoint) { d.changed(s, ep) }, Pause: d.pause, Report: d.Report, Incident: d.incident,
		JobBudget: d.jobBudget, PublishBroadcast: d.publishBroadcast, Eraser: d.eraser,
	}
}

// slotsOf returns a shard's part of the slots. They are divided for good: what a
// shard that is slow could take of the others' would be missing there.
func slotsOf(slots, shards int) int { return max(slots/shards, min(slots, minSlots)) }
