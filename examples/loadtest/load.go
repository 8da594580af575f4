package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/time/rate"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/webhook"
)

// httpConfig lets deliveries reach the receivers, which speak http on loopback.
var httpConfig = transport.HTTPConfig{Guard: guard.Config{AllowHTTP: true, AllowPrivate: true}}

// load is a dispatcher with everything that is around it in a run.
type load struct {
	c         config
	db        *database
	d         *dispatcher.Dispatcher
	manage    *manage.Manager
	receiver  *receiver
	dark      *dark
	payloads  payloads
	endpoints []webhook.Endpoint // those that answer and those that are dark
}

// measured is what a run brought.
type measured struct {
	arrivals *arrivals
	// publishing is the time from the first call of Publish to the return of
	// the last, delivering that to the last arrival.
	publishing, delivering time.Duration
	cpu                    time.Duration
	peakRSS                int64 // bytes
	refused                int64
}

func newLoad(ctx context.Context, c config, db *database) (l *load, err error) {
	keyring, err := seal.NewKeyring(seal.NewKey())
	if err != nil {
		return nil, err
	}
	cfg := dispatcher.Config{Keyring: keyring, HTTP: httpConfig, Logger: newLogger()}
	if c.dark > 0 {
		cfg.DrainTimeout = time.Second // attempts that wait for the dark never end by themselves
	}
	l = &load{c: c, db: db, payloads: newPayloads(c.payload)}
	if l.d, err = dispatcher.New(db.Store, cfg); err != nil {
		return nil, err
	}
	l.manage = manage.New(l.d)
	if l.receiver, err = newReceiver(ctx, c.endpoints); err != nil {
		return nil, err
	}
	if l.dark, err = newDark(ctx); err != nil {
		return nil, errors.Join(err, l.receiver.close())
	}
	return l, nil
}

// newLogger writes warnings to stderr: the dispatcher has none in a good run.
func newLogger() *zap.Logger {
	enc := zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig())
	return zap.New(zapcore.NewCore(enc, zapcore.Lock(os.Stderr), zap.WarnLevel))
}

func (l *load) close() error { return errors.Join(l.receiver.close(), l.dark.close()) }

// prepare creates the endpoints and writes what must be in the store before.
func (l *load) prepare(ctx context.Context, b *bar) error {
	var created atomic.Int64
	done := b.begin("endpoints", int64(l.c.endpoints), created.Load)
	for i := range l.c.endpoints {
		if err := l.createEndpoint(ctx, i); err != nil {
			done()
			return fmt.Errorf("create endpoint %d: %w", i, err)
		}
		created.Add(1)
	}
	done()
	l.receiver.serve()
	if l.c.history == 0 && l.c.backlog == 0 {
		return nil
	}
	return l.seed(ctx, b)
}

func (l *load) createEndpoint(ctx context.Context, i int) error {
	ep := webhook.Endpoint{Tenant: tenant(i / l.c.fanout), URL: l.receiver.url(i)}
	if l.c.darkEndpoint(i) {
		ep.URL = l.dark.url(i)
	}
	ep, secret, err := l.manage.CreateEndpoint(ctx, ep)
	if err != nil {
		return err
	}
	l.endpoints = append(l.endpoints, ep)
	return l.receiver.trust(i, secret.Reveal())
}

func tenant(i int) string { return fmt.Sprintf("load-%d", i) }

// healthy returns how many endpoints of a tenant answer.
func (l *load) healthy(tenant int) (n int64) {
	for place := range l.c.fanout {
		if !l.c.darkEndpoint(tenant*l.c.fanout + place) {
			n++
		}
	}
	return n
}

// run publishes and delivers. Afterwards nothing is under way any more.
func (l *load) run(ctx context.Context, b *bar) (m measured, err error) {
	running, stop := context.WithCancel(ctx)
	stopped := make(chan error, 1)
	go func() { stopped <- l.d.Run(running) }()
	if err := l.warmUp(ctx); err != nil {
		stop()
		return m, errors.Join(err, <-stopped)
	}
	debug.FreeOSMemory()
	resetPeakRSS()
	cpu := cpuTime()

	var want int64
	for i := range l.c.events {
		want += l.healthy(i % l.c.tenants())
	}
	m.arrivals = newArrivals(l.c.events, l.c.fanout, want)
	l.receiver.arrivals.Store(m.arrivals)
	done := b.begin("publish and deliver", want, m.arrivals.count.Load)
	limited, cancel := context.WithTimeout(ctx, l.c.timeout)
	defer cancel()
	m.publishing, err = l.publishAll(limited, m.arrivals)
	if err == nil {
		select {
		case <-m.arrivals.all:
		case <-limited.Done():
		}
	}
	stop()
	err = errors.Join(err, <-stopped) // every outcome is written; a duplicate would have come by now
	done()
	m.delivering = time.Duration(m.arrivals.last.Load())
	m.cpu, m.peakRSS = cpuTime()-cpu, peakRSS()
	m.refused = l.receiver.refused.Load()
	return m, err
}

// warmUp sends one event and waits for it, so that the dispatcher has its lease.
func (l *load) warmUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.c.timeout)
	defer cancel()
	a := newArrivals(1, l.c.fanout, l.healthy(0))
	l.receiver.arrivals.Store(a)
	if err := l.publish(ctx, a, 0); err != nil {
		return err
	}
	select {
	case <-a.all:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the first event did not arrive: %w", ctx.Err())
	}
}

// publishAll publishes all events and returns how long that took.
func (l *load) publishAll(ctx context.Context, a *arrivals) (time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	limiter := rate.NewLimiter(rate.Inf, 1)
	if l.c.rate > 0 {
		limiter.SetLimit(rate.Limit(l.c.rate))
	}
	var next atomic.Int64
	var publishers sync.WaitGroup
	for range l.c.publishers {
		publishers.Go(func() {
			for n := int(next.Add(1)) - 1; n < l.c.events; n = int(next.Add(1)) - 1 {
				err := limiter.Wait(ctx)
				if err == nil {
					err = l.publish(ctx, a, n)
				}
				if err != nil {
					cancel(fmt.Errorf("publish event %d of %d: %w", n+1, l.c.events, err))
					return
				}
			}
		})
	}
	publishers.Wait()
	return time.Since(a.start), context.Cause(ctx)
}

// publish publishes one event.
func (l *load) publish(ctx context.Context, a *arrivals, n int) error {
	ev, err := webhook.NewEvent(tenant(n%l.c.tenants()), eventType, l.payloads.of(n))
	if err != nil {
		return err
	}
	a.publishing(n)
	var receipt webhook.Receipt
	if l.c.tx {
		receipt, err = l.db.publishTx(ctx, l.d, ev)
	} else {
		receipt, err = l.d.Publish(ctx, ev)
	}
	if err == nil && receipt.Deliveries != l.c.fanout {
		return fmt.Errorf("it goes to %d endpoints; want %d", receipt.Deliveries, l.c.fanout)
	}
	return err
}
