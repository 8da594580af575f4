package main

import (
	"context"
	"time"

	"github.com/postrider/postrider/dispatcher"
)

// delivery is what delivers in a run, and publishes or lets publish: this process,
// or a fleet. What goes wrong with it ends the context that it was started with.
type delivery interface {
	// reset lets CPU and memory be counted from now on.
	reset(ctx context.Context) error
	// publishAll publishes all events, and returns how long that took.
	publishAll(ctx context.Context, a *arrivals) (time.Duration, error)
	// stop returns when every outcome is written, with what other processes than
	// this one have used.
	stop() usage
}

// usage is what a process has used.
type usage struct {
	CPU     time.Duration
	PeakRSS int64 // bytes
}

// deliver begins to deliver. It ends with stop; fail is called if that is not why.
func (l *load) deliver(ctx context.Context, fail context.CancelCauseFunc) (delivery, error) {
	if l.c.children() {
		return startFleet(ctx, l, fail)
	}
	return own{l, startRunner(ctx, l.d, fail)}, nil
}

// own is delivery by this process.
type own struct {
	*load
	runner *runner
}

func (own) reset(context.Context) error { return nil }

func (o own) publishAll(ctx context.Context, a *arrivals) (time.Duration, error) {
	err := o.load.publishAll(ctx, share{step: 1, publishing: a.publishing})
	return time.Since(a.start), err
}

func (o own) stop() usage {
	o.runner.stop()
	return usage{}
}

// runner is a dispatcher that delivers.
type runner struct {
	end   context.CancelFunc
	ended chan struct{}
}

func startRunner(ctx context.Context, d *dispatcher.Dispatcher, fail context.CancelCauseFunc) *runner {
	ctx, end := context.WithCancel(ctx)
	r := &runner{end: end, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		if err := d.Run(ctx); err != nil {
			fail(err)
		}
	}()
	return r
}

func (r *runner) stop() {
	r.end()
	<-r.ended
}
