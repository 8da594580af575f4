package dispatcher

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/store"
)

const (
	// storeTimeout bounds one call of the engine's to the store.
	storeTimeout = 30 * time.Second
	// settleGrace is how long a drain goes on trying to write outcomes after
	// the last attempt was broken off.
	settleGrace = 5 * time.Second
)

// The most that one round trip carries.
const (
	maxSettleBatch = 512
	maxFetch       = 64
)

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
	starts  *fetcher[store.Held, store.Held]
	workers sync.WaitGroup
	// chores are loading lanes and pausing endpoints.
	chores sync.WaitGroup

	// sendCtx bounds the attempts: it outlives Run's context by the drain.
	sendCtx   context.Context
	stopSends context.CancelFunc
	// writeCtx bounds the writing of outcomes: it ends when the lease is lost,
	// or the drain has waited long enough.
	writeCtx   context.Context
	stopWrites context.CancelFunc
}

func newEngine(d *Dispatcher, epoch, cursor int64) *engine {
	e := &engine{d: d, epoch: epoch, cursor: cursor}
	e.sendCtx, e.stopSends = context.WithCancel(context.Background())
	e.writeCtx, e.stopWrites = context.WithCancel(context.Background())
	e.settles = newBatcher(maxSettleBatch, e.settle)
	e.events = newFetcher(maxFetch, e.fetchMessages)
	e.routes = newFetcher(maxFetch, e.fetchEndpoints)
	e.starts = newFetcher(maxFetch, e.writeStarted)
	e.claims = newClaimLoop(e)
	e.sched = newScheduler(d.cfg.Slots, schedulerHooks{
		spawn:   func() { e.workers.Go(e.work) },
		load:    func(l *laneShell) { e.chores.Go(func() { e.loadLane(l) }) },
		settle:  func(it *settling) { e.settles.add(it) },
		release: e.release,
		wake:    e.claims.wake,
	})
	return e
}

// run delivers until ctx ends, and then drains, or until the lease is lost. It
// returns errLeaseLost in that case.
func (e *engine) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var loops sync.WaitGroup
	for _, loop := range []func(context.Context){e.claims.run, e.followChanges, e.maintain} {
		loops.Go(func() { loop(ctx) })
	}
	// The lease outlives ctx: it is renewed until the drain is over.
	beatCtx, stopBeat := context.WithCancel(context.Background())
	var beat sync.WaitGroup
	beat.Go(func() { e.heartbeat(beatCtx) })

	select {
	case <-ctx.Done():
	case <-e.writeCtx.Done():
	}
	lost := e.lost()
	cancel()
	loops.Wait()
	if lost {
		// Others have our rows now. What is still under way is refused when it
		// settles; waiting for it would only keep us from starting afresh.
		e.d.leftovers.Go(e.abandon)
	} else {
		e.drain()
	}
	stopBeat()
	beat.Wait()
	e.resign()
	if lost {
		return errLeaseLost
	}
	return nil
}

// drain lets what is under way come to its end and gives the rest back. It takes
// DrainTimeout and a little at most, whatever the store does: what cannot be
// written then is found by whoever reaps our lease.
func (e *engine) drain() {
	timer := time.AfterFunc(e.d.cfg.DrainTimeout, e.stopSends)
	last := time.AfterFunc(e.d.cfg.DrainTimeout+settleGrace, e.stopWrites)
	e.release(e.sched.close(), store.Gate{})
	e.awaitHandOvers()
	e.workers.Wait()
	e.settles.wait()
	last.Stop()
	if !timer.Stop() {
		e.d.log.Warn("drain timed out; deliveries that were broken off are repeated")
	}
	e.end()
}

// awaitHandOvers waits until no event is being written whose deliveries would be
// leased to us, so that none is left behind when the lease is resigned.
func (e *engine) awaitHandOvers() {
	done := make(chan struct{})
	e.d.leftovers.Go(func() {
		defer close(done)
		e.sched.reserved.Wait()
	})
	select {
	case <-done:
	case <-e.writeCtx.Done():
	}
}

// abandon ends an engine whose lease is lost.
func (e *engine) abandon() {
	e.sched.close()
	e.workers.Wait()
	e.settles.wait()
	e.end()
}

// end stops what may still be going on beside the deliveries.
func (e *engine) end() {
	e.stopSends()
	e.stopWrites()
	e.chores.Wait()
	e.events.wait()
	e.routes.wait()
	e.starts.wait()
}

// resign gives the lease back. If that cannot be written it expires.
func (e *engine) resign() {
	ctx, cancel := context.WithTimeout(context.Background(), settleGrace)
	defer cancel()
	if err := e.d.store.Resign(ctx, now(), e.epoch); err != nil {
		e.d.log.Warn("resign the lease; it will expire", zap.Error(err))
	}
}

// release gives jobs back to the store unsent, parked behind the gate of their
// lane, or waiting if it has none.
func (e *engine) release(jobs []*job, gate store.Gate) {
	if len(jobs) == 0 {
		return
	}
	items := make([]*settling, len(jobs))
	park := gate.Endpoint != ""
	for i, j := range jobs {
		items[i] = &settling{job: j, gate: gate, Settled: j.returned(now(), park)}
	}
	e.settles.add(items...)
}

// lost reports whether outcomes can be written no more.
func (e *engine) lost() bool { return e.writeCtx.Err() != nil }

// pause waits, but not longer than outcomes can be written.
func (e *engine) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-e.writeCtx.Done():
	}
}
