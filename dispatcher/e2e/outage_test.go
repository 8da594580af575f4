package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// outage is a switch for a store: while it is down, every call fails.
type outage struct {
	down    atomic.Bool
	refused sync.Map // call → *atomic.Int64
}

func (o *outage) on(call string) error {
	if !o.down.Load() {
		return nil
	}
	n, _ := o.refused.LoadOrStore(call, new(atomic.Int64))
	n.(*atomic.Int64).Add(1)
	return fmt.Errorf("%s: %w", call, store.ErrUnavailable)
}

// times returns how often a call was refused.
func (o *outage) times(call string) int64 {
	n, ok := o.refused.Load(call)
	if !ok {
		return 0
	}
	return n.(*atomic.Int64).Load()
}

// ledger is what publishers were told.
type ledger struct {
	mu      sync.Mutex
	acked   map[string]bool // by event
	refused int
	slowest time.Duration // refusal
	other   error         // that is not ErrUnavailable
}

// publishAll publishes from several callers at once until ctx ends, and waits a
// little after each refusal.
func (l *ledger) publishAll(ctx context.Context, h *host) *sync.WaitGroup {
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			pause := time.NewTicker(2 * time.Millisecond)
			defer pause.Stop()
			for ctx.Err() == nil {
				began := time.Now()
				r, err := h.Publish(context.Background(), event("a", strings.Repeat("x", 100)))
				l.note(r, err, time.Since(began))
				if err != nil {
					<-pause.C
				}
			}
		})
	}
	return &callers
}

func (l *ledger) note(r webhook.Receipt, err error, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.acked[r.EventID] = true
	case errors.Is(err, store.ErrUnavailable):
		l.refused++
		l.slowest = max(l.slowest, took)
	default:
		l.other = err
	}
}

func (l *ledger) counts() (acked, refused int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked), l.refused
}

// A store that fails for a while loses nothing, doubles nothing, and is used again
// as soon as it is back. Attempts are under way when it fails, so that their
// outcomes have to be kept.
func TestStoreFailsForAWhile(t *testing.T) {
	t.Parallel()
	const total = 600
	out := &outage{}
	gate := make(chan struct{})
	open := sync.OnceFunc(func() { close(gate) })
	var held atomic.Int64
	slow := newReceiver(t, func(int, arrival) int {
		if out.down.Load() {
			held.Add(1)
			<-gate // ends in the outage
		}
		return 200
	})
	flaky := newReceiver(t, func(n int, _ arrival) int {
		if n%4 == 0 {
			return 500 // not 503, which would be taken for "too much"
		}
		return 200
	})
	h := newHost(t, &tap{Store: openStore(t, databaseFile(t)), on: out.on}, dispatcher.Config{})
	t.Cleanup(open)
	h.create(webhook.Endpoint{URL: slow.URL})
	h.create(webhook.Endpoint{URL: flaky.URL, Retry: webhook.RetryPolicy{
		// So many that no event meets every fourth request each time.
		Schedule: append([]time.Duration{0}, slices.Repeat([]time.Duration{50 * time.Millisecond}, 15)...), Jitter: -1,
	}})
	h.start()

	l := &ledger{acked: make(map[string]bool)}
	ctx, enough := context.WithCancel(t.Context())
	callers := l.publishAll(ctx, h)
	eventually(t, "events are not published", func() bool { n, _ := l.counts(); return n > total/3 })
	out.down.Store(true)
	eventually(t, "the outage is not noticed", func() bool {
		_, refused := l.counts()
		return refused > 50 && out.times("Settle") > 2 && out.times("Poll") > 0
	})
	open()
	eventually(t, "outcomes are not kept and repeated", func() bool { return out.times("Settle") > 5 })
	before, _ := l.counts()
	out.down.Store(false)
	eventually(t, "events are not published after the outage", func() bool { n, _ := l.counts(); return n > before+total/3 })
	enough()
	callers.Wait()

	acked, refused := l.counts()
	eventually(t, "deliveries do not end", func() bool {
		return h.count(store.DeliveryFilter{}, webhook.DeliveryPending) == 0
	})
	want(t, "delivered, of each acknowledged event twice", h.count(store.DeliveryFilter{}, webhook.DeliveryDelivered), 2*acked)
	if l.other != nil {
		t.Errorf("Publish during the outage = %v; want ErrUnavailable", l.other)
	}
	if l.slowest > 5*time.Second { // half of what a call to the store is given
		t.Errorf("Publish took %v to say that the store is down; want at once", l.slowest)
	}
	l.compare(t, slow, flaky)
	t.Logf("%d acknowledged, %d refused, slowest refusal %v; refused calls: Settle %d, Poll %d, Take %d, ChangedEndpoints %d; held %d",
		acked, refused, l.slowest, out.times("Settle"), out.times("Poll"), out.times("Take"), out.times("ChangedEndpoints"), held.Load())
}

// compare checks that every acknowledged event arrived, and was accepted once, and
// that no other did.
func (l *ledger) compare(t *testing.T, receivers ...*receiver) {
	t.Helper()
	for i, rc := range receivers {
		accepted := rc.accepted()
		for id := range l.acked {
			if accepted[id] != 1 {
				t.Errorf("receiver %d accepted %s %d times; want once: it was acknowledged", i, id, accepted[id])
			}
		}
		for id := range accepted {
			if !l.acked[id] {
				t.Errorf("receiver %d got %s, which was refused", i, id)
			}
		}
	}
}
