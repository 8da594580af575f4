package quota

import (
	"context"
	"sync"
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

const (
	// limitsFor is how long the limits of a tenant are remembered.
	limitsFor = 10 * time.Second
	// maxTenants bounds the tenants that are remembered.
	maxTenants = 10_000
)

// Keeper knows what tenants may do and what of it this process has taken. A nil one
// limits nothing. It is safe for concurrent use.
type Keeper struct {
	limits func(context.Context, string) (webhook.Limits, error)

	mu      sync.Mutex
	tenants map[string]*tenant
}

// New returns a Keeper of the limits that a function tells, or nil for none.
func New(limits func(context.Context, string) (webhook.Limits, error)) *Keeper {
	if limits == nil {
		return nil
	}
	return &Keeper{limits: limits, tenants: make(map[string]*tenant)}
}

// tenant is what is remembered of a tenant.
type tenant struct {
	name string
	// flight is full while tokens are being reserved: one reservation at a time.
	flight chan struct{}

	mu sync.Mutex
	// limits are those that were told at readAt; reading says that they are
	// being asked for again.
	limits  webhook.Limits
	readAt  time.Time
	reading bool
	month   month
	second  second
}

func (k *Keeper) tenant(name string) *tenant {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := k.tenants[name]
	if t == nil {
		for other := range k.tenants { // what it held lapses
			if len(k.tenants) < maxTenants {
				break
			}
			delete(k.tenants, other)
		}
		t = &tenant{name: name, flight: make(chan struct{}, 1)}
		k.tenants[name] = t
	}
	return t
}

// Limits returns what a tenant may do. If the host's function fails, its last answer
// holds; the error is the function's if there is none.
func (k *Keeper) Limits(ctx context.Context, name string) (webhook.Limits, error) {
	if k == nil {
		return webhook.Limits{}, nil
	}
	return k.limitsOf(ctx, k.tenant(name))
}

func (k *Keeper) limitsOf(ctx context.Context, t *tenant) (webhook.Limits, error) {
	t.mu.Lock()
	limits, known := t.limits, !t.readAt.IsZero()
	if known && (t.reading || clock.Now().Sub(t.readAt) < limitsFor) {
		t.mu.Unlock()
		return limits, nil
	}
	t.reading = true
	t.mu.Unlock()
	defer func() { // also if the function panics
		t.mu.Lock()
		t.reading = false
		t.mu.Unlock()
	}()
	told, err := k.limits(ctx, t.name)
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err == nil:
		t.limits, t.readAt = told, clock.Now()
		return told, nil
	case known:
		t.readAt = clock.Now() // do not ask for a while
		return limits, nil
	}
	return webhook.Limits{}, err
}

// Release returns what this process has taken of the months' events and not used.
// The error is the store's; what could not be returned lapses.
func (k *Keeper) Release(ctx context.Context, from func(tenant string) (store.Reserver, error)) error {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	var all []*tenant
	for _, t := range k.tenants {
		all = append(all, t)
	}
	k.mu.Unlock()
	for _, t := range all {
		if err := t.release(ctx, from); err != nil {
			return err
		}
	}
	return nil
}
