package main

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/webhook"
)

// publisher publishes events, known by their numbers.
type publisher struct {
	c        config
	db       database
	d        *dispatcher.Dispatcher
	payloads payloads
}

// share is the events that a process publishes: first, first+step and so on.
type share struct {
	first, step int
	// publishing is called before an event is published.
	publishing func(event int)
}

// publishAll publishes a share of the events with all publishers, and returns when
// the last call has.
func (p *publisher) publishAll(ctx context.Context, s share) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	limiter := rate.NewLimiter(rate.Inf, 1)
	if p.c.rate > 0 {
		limiter.SetLimit(rate.Limit(p.c.rate / float64(s.step)))
	}
	var taken atomic.Int64
	next := func() int { return s.first + s.step*(int(taken.Add(1))-1) }
	var publishers sync.WaitGroup
	for range s.of(p.c.publishers) {
		publishers.Go(func() {
			for n := next(); n < p.c.events; n = next() {
				err := limiter.Wait(ctx)
				if err == nil {
					err = p.publish(ctx, n, s.publishing)
				}
				if err != nil {
					cancel(fmt.Errorf("publish event %d of %d: %w", n+1, p.c.events, err))
					return
				}
			}
		})
	}
	publishers.Wait()
	return context.Cause(ctx)
}

// of returns how many of n things are in the share.
func (s share) of(n int) int { return (n - s.first + s.step - 1) / s.step }

// publish publishes one event. It calls publishing right before.
func (p *publisher) publish(ctx context.Context, n int, publishing func(event int)) error {
	ev, err := webhook.NewEvent(tenant(n%p.c.tenants()), eventType, p.payloads.of(n))
	if err != nil {
		return err
	}
	if p.c.ordered {
		ev.OrderingKey = strconv.Itoa(n % p.c.keys)
	}
	publishing(n)
	var receipt webhook.Receipt
	if p.c.tx {
		receipt, err = p.db.publishTx(ctx, p.d, ev)
	} else {
		receipt, err = p.d.Publish(ctx, ev)
	}
	if err == nil && receipt.Deliveries != p.c.fanout {
		return fmt.Errorf("it goes to %d endpoints; want %d", receipt.Deliveries, p.c.fanout)
	}
	return err
}

func tenant(i int) string { return fmt.Sprintf("load-%d", i) }

// clock tells the time of an event's publication, to the nanosecond, in a way that
// all processes of a machine understand.
func clock() int64 { return time.Now().UnixNano() }
