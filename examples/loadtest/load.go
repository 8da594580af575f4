package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

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
	publisher
	key       seal.Key
	manage    *manage.Manager
	receiver  *receiver
	dark      *dark
	endpoints []webhook.Endpoint // those that answer and those that are dark
}

// measured is what a run brought.
type measured struct {
	arrivals *arrivals
	// publishing is the time from the first call of Publish to the return of
	// the last, delivering that to the last arrival.
	publishing, delivering time.Duration
	// cpu is the time of this process and of the database's server, server that
	// of the latter alone, or nil if it cannot be known.
	cpu     time.Duration
	server  *time.Duration
	peakRSS int64 // bytes
	refused int64
}

func newLoad(ctx context.Context, c config, db database) (l *load, err error) {
	l = &load{publisher: publisher{c: c, db: db, payloads: newPayloads(c.payload)}, key: seal.NewKey()}
	if l.d, err = newDispatcher(c, db, dispatcher.Config{HTTP: httpConfig}, l.key); err != nil {
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

// newDispatcher returns a dispatcher that logs to stderr.
func newDispatcher(c config, db database, cfg dispatcher.Config, key seal.Key) (_ *dispatcher.Dispatcher, err error) {
	if cfg.Keyring, err = seal.NewKeyring(key); err != nil {
		return nil, err
	}
	cfg.Logger = newLogger()
	if c.dark > 0 {
		cfg.DrainTimeout = time.Second // attempts that wait for the dark never end by themselves
	}
	return dispatcher.New(db, cfg)
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
	if err := l.seed(ctx, b); err != nil {
		return err
	}
	return l.db.rest(ctx)
}

func (l *load) createEndpoint(ctx context.Context, i int) error {
	ep := webhook.Endpoint{Tenant: tenant(i / l.c.fanout), URL: l.receiver.url(i)}
	ep.Order.Enabled = l.c.ordered
	if l.c.darkEndpoint(i) {
		ep.URL = l.dark.url(i)
	} else {
		ep.RateLimit.PerSecond = l.c.limit
	}
	ep, secret, err := l.manage.CreateEndpoint(ctx, ep)
	if err != nil {
		return err
	}
	l.endpoints = append(l.endpoints, ep)
	return l.receiver.trust(i, secret.Reveal())
}

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
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	by, err := l.deliver(ctx, fail)
	if err != nil {
		return m, err
	}
	if err = l.warmUp(ctx); err == nil {
		err = by.reset(ctx)
	}
	if err != nil {
		by.stop()
		return m, err
	}
	debug.FreeOSMemory()
	resetPeakRSS()
	cpu := cpuTime()
	server, unknown := l.db.serverCPU()
	err = l.publishAndDeliver(ctx, by, b, &m)
	used := by.stop() // every outcome is written; a duplicate would have come by now
	m.cpu, m.peakRSS = cpuTime()-cpu+used.CPU, peakRSS()+used.PeakRSS
	if now, err := l.db.serverCPU(); err == nil && unknown == nil {
		now -= server
		m.server = &now
		m.cpu += now
	}
	m.refused = l.receiver.refused.Load()
	return m, err
}

// publishAndDeliver returns when everything has arrived, or when the time is over.
func (l *load) publishAndDeliver(ctx context.Context, by delivery, b *bar, m *measured) (err error) {
	var want int64
	for i := range l.c.events {
		want += l.healthy(i % l.c.tenants())
	}
	m.arrivals = newArrivals(l.c, want)
	l.receiver.arrivals.Store(m.arrivals)
	done := b.begin("publish and deliver", want, m.arrivals.count.Load)
	defer done()
	limited, cancel := context.WithTimeout(ctx, l.c.timeout)
	defer cancel()
	if m.publishing, err = by.publishAll(limited, m.arrivals); err != nil {
		return err
	}
	select {
	case <-m.arrivals.all:
	case <-limited.Done():
		err = context.Cause(ctx) // none if it is only late
	}
	m.delivering = time.Duration(m.arrivals.last.Load())
	return err
}

// warmUp sends one event and waits for it, so that a dispatcher has its lease.
func (l *load) warmUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.c.timeout)
	defer cancel()
	c := l.c
	c.events = 1
	a := newArrivals(c, l.healthy(0))
	l.receiver.arrivals.Store(a)
	if err := l.publish(ctx, 0, a.publishing); err != nil {
		return err
	}
	select {
	case <-a.all:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the first event did not arrive: %w", context.Cause(ctx))
	}
}
