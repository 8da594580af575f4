package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// fleet is delivery by processes of their own. This one publishes, without Run, or
// lets them do it; the receivers are here.
type fleet struct {
	*load
	children []*child
}

// startFleet returns when all processes have their leases.
func startFleet(ctx context.Context, l *load, fail context.CancelCauseFunc) (*fleet, error) {
	schema, ok := l.db.(*postgresSchema)
	if !ok {
		return nil, errors.ErrUnsupported // the flags were checked
	}
	f := &fleet{load: l}
	for i := range l.c.processes {
		ch, err := startChild(ctx, hello{Args: l.c.args, Schema: schema.name, Key: l.key.Reveal(), Process: i}, fail)
		if err != nil {
			f.stop()
			return nil, fmt.Errorf("start process %d: %w", i, err)
		}
		f.children = append(f.children, ch)
	}
	limited, cancel := context.WithTimeout(ctx, l.c.timeout)
	defer cancel()
	if err := schema.awaitLeases(limited, l.c.processes); err != nil {
		f.stop()
		return nil, fmt.Errorf("wait for the processes' leases: %w", err)
	}
	return f, nil
}

func (f *fleet) reset(ctx context.Context) error {
	_, err := f.ask(ctx, orderReset)
	return err
}

func (f *fleet) publishAll(ctx context.Context, a *arrivals) (time.Duration, error) {
	if f.c.publishFrom == fromParent {
		err := f.load.publishAll(ctx, share{step: 1, publishing: a.publishing})
		return time.Since(a.start), err
	}
	reports, err := f.ask(ctx, orderPublish)
	var last int64
	for i, r := range reports {
		for k, at := range r.Published {
			a.publishedAt(i+k*len(reports), at)
		}
		last = max(last, r.Ended)
	}
	return time.Duration(last - a.start.UnixNano()), err
}

// ask gives all processes an order and returns their reports.
func (f *fleet) ask(ctx context.Context, o order) ([]report, error) {
	for _, ch := range f.children {
		ch.give(o)
	}
	reports := make([]report, len(f.children))
	for i, ch := range f.children {
		var err error
		if reports[i], err = ch.await(ctx, o); err != nil {
			return nil, err
		}
	}
	return reports, nil
}

func (f *fleet) stop() (total usage) {
	used := make([]usage, len(f.children))
	var stopping sync.WaitGroup
	for i, ch := range f.children {
		stopping.Go(func() { used[i] = ch.stop() })
	}
	stopping.Wait()
	for _, u := range used {
		total.CPU += u.CPU
		total.PeakRSS += u.PeakRSS
	}
	return total
}
