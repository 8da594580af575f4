package engine

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/batch"
	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/jobs"
	"github.com/postrider/postrider/dispatcher/schedule"
	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

const (
	// storeTimeout bounds one call of the engine's to the store.
	storeTimeout = 10 * time.Second
	// settleGrace is how long a drain goes on trying to write outcomes after
	// the last attempt was broken off.
	settleGrace = 5 * time.Second
)

// The most that one round trip carries.
const (
	maxSettleBatch = 512
	maxFetch       = 64
	maxBindings    = 16 // of up to 100 deliveries each
)

// ErrLeaseLost is returned by Run when others have taken the deliveries over.
// Acquire a new lease and run again.
var ErrLeaseLost = errors.New("lease was lost")

// Engine delivers under one lease: everything between acquiring an epoch and
// giving it up, or losing it. It comes from Acquire and is run once. It is safe
// for concurrent use.
type Engine struct {
	cfg   Config
	store store.Store
	log   *zap.Logger
	epoch int64
	// cursor is how far the changes of endpoints were followed.
	cursor int64
	// skew is how far our clock is ahead of the store's, in nanoseconds, as far
	// as is known.
	skew atomic.Int64
	// leasedUntil is until when deliveries may start.
	leasedUntil atomic.Pointer[time.Time]

	sched *schedule.Scheduler
	// tenantsPruned is when tenants were last asked for their retention; it is
	// maintain's alone.
	tenantsPruned time.Time
	claims        *claimLoop
	pacer         *pacer
	jobs          *jobs.Runner
	settles       *batch.Batcher[*schedule.Settling]
	events        *batch.Fetcher[store.EventKey, send.Message]
	routes        *batch.Fetcher[store.Lane, store.EngineEndpoint]
	starts        *batch.Fetcher[store.Held, store.Held]
	binds         *batch.Fetcher[bindingKey, string]
	workers       sync.WaitGroup
	// chores are loading lanes and pausing endpoints.
	chores sync.WaitGroup
	// leftovers are what Run does not wait for.
	leftovers sync.WaitGroup

	// sendCtx bounds the attempts: it outlives Run's context by the drain.
	sendCtx   context.Context
	stopSends context.CancelFunc
	// writeCtx bounds the writing of outcomes: it ends when the lease is lost,
	// or the drain has waited long enough.
	writeCtx   context.Context
	stopWrites context.CancelFunc
}

func newEngine(cfg Config, epoch, cursor int64) *Engine {
	e := &Engine{cfg: cfg, store: cfg.Store, log: cfg.Log, epoch: epoch, cursor: cursor}
	e.sendCtx, e.stopSends = context.WithCancel(context.Background())
	e.writeCtx, e.stopWrites = context.WithCancel(context.Background())
	e.settles = batch.NewBatcher(maxSettleBatch, e.settle)
	e.events = batch.NewFetcher(maxFetch, e.fetchMessages)
	e.routes = batch.NewFetcher(maxFetch, e.fetchEndpoints)
	e.starts = batch.NewFetcher(maxFetch, e.writeStarted)
	e.binds = batch.NewFetcher(maxBindings, e.writeBindings)
	e.claims, e.pacer = newClaimLoop(e), newPacer(e)
	e.jobs = jobs.New(jobs.Config{
		Store: cfg.Store, Epoch: epoch, Log: cfg.Log, Budget: cfg.JobBudget, Publish: cfg.PublishBroadcast, Eraser: cfg.Eraser,
		Wake: e.claims.wake,
	})
	e.sched = schedule.New(cfg.Slots, schedule.Hooks{
		Spawn:   func() { e.workers.Go(e.work) },
		Load:    func(key store.Lane) { e.chores.Go(func() { e.loadLane(key) }) },
		Release: e.release,
		Settle:  func(it *schedule.Settling) { e.settles.Add(it) },
		Wake:    e.claims.wake,
		Alarm:   e.pacer.wake,
	})
	return e
}

// Run delivers until ctx ends, and then drains, or until the lease is lost. It
// returns ErrLeaseLost in that case, and nil else.
func (e *Engine) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var loops sync.WaitGroup
	for _, loop := range []func(context.Context){e.claims.run, e.pacer.run, e.followChanges, e.maintain, e.jobs.Run, e.watchClock, e.listen} {
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
		e.leftovers.Go(e.abandon)
	} else {
		e.drain()
	}
	stopBeat()
	beat.Wait()
	e.resign()
	if lost {
		return ErrLeaseLost
	}
	return nil
}

// LookForJobs makes the engine look for jobs that were just stored.
func (e *Engine) LookForJobs() { e.jobs.Look() }

// Wait returns when nothing is going on any more that a Run has left behind: what
// was under way when the lease was lost, and waiting for publishes that were
// never answered.
func (e *Engine) Wait() { e.leftovers.Wait() }

// drain lets what is under way come to its end and gives the rest back. It takes
// DrainTimeout and a little at most, whatever the store does: what cannot be
// written then is found by whoever reaps our lease.
func (e *Engine) drain() {
	timer := time.AfterFunc(e.cfg.DrainTimeout, e.stopSends)
	last := time.AfterFunc(e.cfg.DrainTimeout+settleGrace, e.stopWrites)
	e.release(e.sched.Close(), store.Gate{})
	e.awaitHandOvers()
	e.workers.Wait()
	e.settles.Wait()
	last.Stop()
	if !timer.Stop() {
		e.log.Warn("drain timed out; deliveries that were broken off are repeated")
	}
	e.end()
}

// awaitHandOvers waits until no event is being written whose deliveries would be
// leased to us, so that none is left behind when the lease is resigned.
func (e *Engine) awaitHandOvers() {
	done := make(chan struct{})
	e.leftovers.Go(func() {
		defer close(done)
		e.sched.AwaitReserved()
	})
	select {
	case <-done:
	case <-e.writeCtx.Done():
	}
}

// abandon ends an engine whose lease is lost.
func (e *Engine) abandon() {
	e.sched.Close()
	e.workers.Wait()
	e.settles.Wait()
	e.end()
}

// end stops what may still be going on beside the deliveries.
func (e *Engine) end() {
	e.stopSends()
	e.stopWrites()
	e.chores.Wait()
	e.events.Wait()
	e.routes.Wait()
	e.starts.Wait()
	e.binds.Wait()
}

// resign gives the lease back. If that cannot be written it expires.
func (e *Engine) resign() {
	ctx, cancel := context.WithTimeout(context.Background(), settleGrace)
	defer cancel()
	if err := e.store.Resign(ctx, clock.Now(), e.epoch); err != nil {
		e.log.Warn("resign the lease; it will expire", zap.Error(err))
	}
}

// release gives jobs back to the store unsent, parked behind the gate of their
// lane, or waiting if it has none.
func (e *Engine) release(jobs []*schedule.Job, gate store.Gate) {
	if len(jobs) == 0 {
		return
	}
	items := make([]*schedule.Settling, len(jobs))
	for i, j := range jobs {
		items[i] = &schedule.Settling{Job: j, Gate: gate, Settled: returned(j.Claimed, clock.Now())}
		items[i].Park = gate.Endpoint != ""
	}
	e.settles.Add(items...)
}

// returned is the outcome that gives a delivery back unsent, due at a time.
func returned(c store.Claimed, due time.Time) store.Settled {
	return store.Settled{
		Tenant: c.Tenant, Delivery: c.Delivery, Endpoint: c.Endpoint,
		Claim: c.Claim, Status: webhook.DeliveryPending, Due: due,
	}
}

// lost reports whether outcomes can be written no more.
func (e *Engine) lost() bool { return e.writeCtx.Err() != nil }
