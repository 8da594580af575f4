package manage

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
)

const (
	// maxTenantTails is what a tenant may have in a process: as many as the cost of
	// tails is measured with (see BenchmarkTail of package httpapi: 0.4 % of its throughput).
	maxTenantTails = 200
	// maxTails bounds them all, so that five tenants at least are needed to use them up.
	maxTails = 5 * maxTenantTails
	// tailTimeout bounds a question to the store.
	tailTimeout = 5 * time.Second
)

// tails are all tails of a process. What they follow is read by one goroutine, with one
// call to the store for all of them, which lives while there are any.
type tails struct {
	mu       sync.Mutex
	scopes   map[tailScope]*followed
	ofTenant map[string]int
	all      int
	poller   *tailPoller
}

// tailPoller is the goroutine.
type tailPoller struct {
	m    *Manager
	stop context.CancelFunc
	done chan struct{}
	// failing says that the store did not answer the last time.
	failing bool
}

func (t *tails) add(m *Manager, tail *Tail) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.all >= maxTails:
		return ErrTailsBusy
	case t.ofTenant[tail.scope.tenant] >= maxTenantTails:
		return ErrTooManyTails
	}
	if t.scopes == nil {
		t.scopes, t.ofTenant = make(map[tailScope]*followed), make(map[string]int)
	}
	t.ofTenant[tail.scope.tenant]++
	t.all++
	if tail.empty {
		return nil
	}
	f := t.scopes[tail.scope]
	if f == nil {
		f = &followed{tailScope: tail.scope, groups: make(map[deliveryFilter][]*Tail), known: make(map[string]*sight)}
		t.scopes[tail.scope] = f
	}
	f.groups[tail.filter] = append(f.groups[tail.filter], tail)
	if t.poller == nil {
		ctx, cancel := context.WithCancel(context.Background())
		p := &tailPoller{m: m, stop: cancel, done: make(chan struct{})}
		t.poller = p
		go func() {
			defer close(p.done)
			p.run(ctx, t)
		}()
	}
	return nil
}

// remove ends a tail. The last one stops the goroutine, and waits for it.
func (t *tails) remove(tail *Tail) {
	t.mu.Lock()
	t.drop(tail)
	var p *tailPoller
	if t.all == 0 {
		p, t.poller = t.poller, nil
	}
	t.mu.Unlock()
	if p != nil {
		p.stop()
		<-p.done
	}
}

// drop forgets a tail that is not gone yet.
func (t *tails) drop(tail *Tail) {
	if tail.gone {
		return
	}
	tail.gone = true
	if !tail.empty {
		t.leave(tail)
	}
	if t.ofTenant[tail.scope.tenant]--; t.ofTenant[tail.scope.tenant] == 0 {
		delete(t.ofTenant, tail.scope.tenant)
	}
	t.all--
}

// leave takes a tail out of its scope, which ends with the last one.
func (t *tails) leave(tail *Tail) {
	f := t.scopes[tail.scope]
	group := slices.DeleteFunc(f.groups[tail.filter], func(other *Tail) bool { return other == tail })
	if f.groups[tail.filter] = group; len(group) == 0 {
		delete(f.groups, tail.filter)
	}
	if len(f.groups) == 0 {
		delete(t.scopes, tail.scope)
	}
}

// touch has a delivery looked at that may be too old to be read otherwise.
func (t *tails) touch(tenant, delivery string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ofTenant[tenant] == 0 {
		return
	}
	for scope, f := range t.scopes {
		if scope.tenant == tenant && f.known[delivery] == nil {
			f.known[delivery] = &sight{status: "pending", attempts: -1}
		}
	}
}

func (p *tailPoller) run(ctx context.Context, t *tails) {
	ticker := time.NewTicker(tailInterval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		p.poll(ctx, t)
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

// poll asks the store once about all that is followed, and tells the followers.
func (p *tailPoller) poll(ctx context.Context, t *tails) {
	now := clock.Now()
	t.mu.Lock()
	scopes := make([]*followed, 0, len(t.scopes))
	asks := make([]store.TailAsk, 0, len(t.scopes))
	for _, f := range t.scopes {
		scopes, asks = append(scopes, f), append(asks, f.ask(now))
	}
	t.mu.Unlock()
	if len(asks) == 0 {
		return
	}
	call, cancel := context.WithTimeout(ctx, tailTimeout)
	answer, err := p.m.store.TailDeliveries(call, now, now.Add(-tailWindow), asks)
	cancel()
	if ctx.Err() != nil {
		return
	}
	if p.failing != (err != nil) && err != nil {
		p.m.d.Logger().Warn("follow deliveries for live logs; repeating", zap.Error(err))
	}
	p.failing = err != nil
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, f := range scopes {
		if t.scopes[f.tailScope] != f || i >= len(answer.Deliveries) || err != nil && answer.Deliveries[i] == nil {
			continue
		}
		t.tell(f, f.learn(now, answer.At, &asks[i], answer.Deliveries[i]))
	}
}

// tell gives the followers of a scope what has changed. Nobody is waited for: who has not
// read what came before is dropped.
func (t *tails) tell(f *followed, changes []change) {
	if len(changes) == 0 {
		return
	}
	for filter, group := range f.groups {
		b := f.batch(filter, changes)
		if b == nil {
			continue
		}
		for _, tail := range slices.Clone(group) {
			select {
			case tail.batches <- b:
			default:
				t.drop(tail)
				close(tail.batches)
			}
		}
	}
}
