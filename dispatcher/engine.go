package dispatcher

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/store"
)

// settleGrace is how long a drain goes on trying to write outcomes after the
// last attempt was broken off.
const settleGrace = 5 * time.Second

// storeTimeout bounds one call of the engine's to the store.
const storeTimeout = 30 * time.Second

// engine delivers under one lease: everything that Run does between acquiring
// an epoch and giving it up, or losing it.
type engine struct {
	d     *Dispatcher
	epoch int64
	// cursor is how far the changes of endpoints were followed.
	cursor int64

	sched   *scheduler
	claims  *claimLoop
	settles *batcher[*settling]
	events  *fetcher[store.EventKey, message]
	routes  *fetcher[store.Lane, store.EngineEndpoint]
	workers sync.WaitGroup
	loaders sync.WaitGroup

	// sendCtx bounds the attempts: it outlives Run's context by the drain.
	sendCtx    context.Context
	stopSends  context.CancelFunc
	leaseLost  atomic.Bool
	loseOnce   sync.Once
	lostSignal chan struct{}
}

func newEngine(d *Dispatcher, epoch, cursor int64) *engine {
	e := &engine{d: d, epoch: epoch, cursor: cursor, lostSignal: make(chan struct{})}
	e.sendCtx, e.stopSends = context.WithCancel(context.Background())
	e.settles = newBatcher(maxSettleBatch, e.settle)
	e.events = newFetcher(maxFetch, e.fetchMessages)
	e.routes = newFetcher(maxFetch, e.fetchEndpoints)
	e.claims = newClaimLoop(e)
	e.sched = newScheduler(d.cfg.Slots, schedulerHooks{
		spawn: func() {
			e.workers.Add(1)
			go e.work()
		},
		load: func(l *laneShell) {
			e.loaders.Add(1)
			go e.loadLane(l)
		},
		settle:  func(it *settling) { e.settles.add(it) },
		release: e.release,
		wake:    e.claims.wake,
	})
	return e
}

// The most that one round trip carries.
const (
	maxSettleBatch = 512
	maxFetch       = 64
)

// run delivers until ctx ends, and then drains, or until the lease is lost. It
// returns errLeaseLost in that case.
func (e *engine) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	e.sched.certain(now().Add(e.d.certainty()))

	var loops sync.WaitGroup
	beatCtx, stopBeat := context.WithCancel(context.Background())
	beating := make(chan struct{})
	go func() {
		defer close(beating)
		e.heartbeat(beatCtx)
	}()
	for _, loop := range []func(context.Context){e.claims.run, e.followChanges, e.maintain} {
		loops.Go(func() { loop(ctx) })
	}
	select {
	case <-ctx.Done():
	case <-e.lostSignal:
	}
	cancel()
	loops.Wait()
	err := e.drain()
	stopBeat()
	<-beating
	return err
}

// drain lets what is under way come to its end, gives the rest back, and
// resigns the lease.
func (e *engine) drain() error {
	defer e.stopSends()
	rest := e.sched.close()
	e.sched.reserved.Wait()
	if e.lost() {
		// Others have our rows now. What is still under way is refused when it
		// settles; waiting for it would only keep us from starting afresh.
		e.d.leftovers.Go(e.finishWork)
		return errLeaseLost
	}
	e.release(rest, store.Gate{})
	timer := time.AfterFunc(e.d.cfg.DrainTimeout, e.stopSends)
	// A store that stays down must not keep us: what it does not take then is
	// found by whoever reaps our lease.
	last := time.AfterFunc(e.d.cfg.DrainTimeout+settleGrace, e.lose)
	e.finishWork()
	last.Stop()
	drained := timer.Stop()

	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	if err := e.d.store.Resign(ctx, now(), e.epoch); err != nil {
		e.d.log.Warn("resign the lease; it will expire", zap.Error(err))
	}
	if !drained {
		e.d.log.Warn("drain timed out; deliveries that were broken off are repeated")
	}
	return nil
}

// finishWork waits for the workers and for their outcomes to be written.
func (e *engine) finishWork() {
	e.workers.Wait()
	e.settles.wait()
	e.loaders.Wait()
}

// release gives jobs back to the store unsent, parked behind the gate of their
// lane, or waiting if it has none.
func (e *engine) release(jobs []*job, gate store.Gate) {
	items := make([]*settling, len(jobs))
	park := gate.Endpoint != ""
	for i, j := range jobs {
		items[i] = &settling{job: j, gate: gate, Settled: j.returned(now(), park)}
	}
	e.settles.add(items...)
}

// lose ends the engine because its lease was reaped.
func (e *engine) lose() {
	e.leaseLost.Store(true)
	e.loseOnce.Do(func() { close(e.lostSignal) })
}

func (e *engine) lost() bool { return e.leaseLost.Load() }

// pause waits, but not longer than until the lease is lost.
func (e *engine) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-e.lostSignal:
	}
}

// loadLane fetches what a lane needs to know of its endpoint, until it has it
// or the engine ends.
func (e *engine) loadLane(l *laneShell) {
	defer e.loaders.Done()
	retry := newStoreBackoff()
	for {
		r, health, err := e.fetchRoute(l.key)
		if err == nil {
			if e.sched.loaded(l, r, laneConfig(&r.endpoint), health) {
				return
			}
			continue // it changed meanwhile
		}
		if errors.Is(err, errAborted) {
			return
		}
		e.d.log.Warn("load an endpoint; repeating", zap.String("endpoint", l.key.Endpoint), zap.Error(err))
		t := time.NewTimer(retry.NextBackOff())
		select {
		case <-t.C:
		case <-e.sendCtx.Done():
			t.Stop()
			return
		}
	}
}

func (e *engine) fetchRoute(key store.Lane) (*route, lane.Health, error) {
	ep, err := e.routes.load(e.sendCtx, key)
	if err != nil {
		return nil, lane.Health{}, err
	}
	if ep == nil { // even the tombstone is gone
		gone := store.EngineEndpoint{}
		gone.Tenant, gone.ID, gone.DeletedAt, gone.Revision = key.Tenant, key.Endpoint, now(), maxRevision
		ep = &gone
	}
	r, err := newRoute(e.sendCtx, e.d.sealer, *ep)
	if err != nil {
		return nil, lane.Health{}, err
	}
	h := ep.Health
	return r, lane.Health{Failures: h.Failures, Trips: h.Trips, LastFailure: h.LastFailureAt, Answered: !h.LastSuccessAt.IsZero()}, nil
}

const maxRevision = int64(^uint64(0) >> 1)

func (e *engine) fetchEndpoints(keys []store.Lane) (map[store.Lane]*store.EngineEndpoint, error) {
	ctx, cancel := context.WithTimeout(e.sendCtx, storeTimeout)
	defer cancel()
	eps, err := e.d.store.EngineEndpoints(ctx, keys)
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
func (e *engine) fetchMessages(keys []store.EventKey) (map[store.EventKey]*message, error) {
	ctx, cancel := context.WithTimeout(e.sendCtx, storeTimeout)
	defer cancel()
	events, err := e.d.store.EventsByKey(ctx, keys)
	if err != nil {
		return nil, err
	}
	found := make(map[store.EventKey]*message, len(events))
	for i := range events {
		if events[i].Data != nil {
			found[store.EventKey{Tenant: events[i].Tenant, ID: events[i].ID}] = newMessage(&events[i])
		}
	}
	return found, nil
}
