package dispatcher

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

const (
	// maxTenants bounds the tenants whose endpoints are kept in memory.
	maxTenants = 10_000
	// maxTypes bounds the event types per tenant whose matches are kept.
	maxTypes = 1024
	// directoryFor is how old what was read may get before it is read anew as
	// a whole: well before the tombstones in between could be gone.
	directoryFor = tombstonesFor / 2
)

// directory answers from memory where an event goes. An answer may be out of
// date; the write names the revision it was made at, and is refused if the
// tenant has moved on.
type directory struct {
	store  store.Directory
	flight singleflight.Group

	mu      sync.Mutex
	tenants map[string]*tenantDirectory
}

func newDirectory(st store.Directory) *directory {
	return &directory{store: st, tenants: make(map[string]*tenantDirectory)}
}

// tenantDirectory is one tenant's endpoints at a revision. It is never changed
// but for what it has found; a newer revision makes a new one.
type tenantDirectory struct {
	revision  int64
	readAt    time.Time
	endpoints map[string]*webhook.Endpoint
	// superseded says that the tenant is known to have moved on.
	superseded atomic.Bool

	mu      sync.Mutex
	matches map[string][]string // event type → endpoint ids
}

func (t *tenantDirectory) old() bool { return now().Sub(t.readAt) > directoryFor }

// match returns the endpoints that subscribe to an event type.
func (t *tenantDirectory) match(eventType string) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	ids, known := t.matches[eventType]
	if known {
		return ids
	}
	for id, ep := range t.endpoints {
		if ep.Matches(eventType) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids) // so that a seed of entropy gives the same ids each time
	if len(t.matches) < maxTypes {
		t.matches[eventType] = ids
	}
	return ids
}

// of returns a tenant's directory, reading it if it is not known or known to
// be out of date.
func (d *directory) of(ctx context.Context, tenant string) (*tenantDirectory, error) {
	if t := d.known(tenant); t != nil {
		return t, nil
	}
	flight := d.flight.DoChan(tenant, func() (any, error) {
		return d.read(tenant)
	})
	select {
	case r := <-flight:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*tenantDirectory), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (d *directory) known(tenant string) *tenantDirectory {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.tenants[tenant]
	if t == nil || t.superseded.Load() || t.old() {
		return nil
	}
	return t
}

// outdate records that a tenant has reached a revision.
func (d *directory) outdate(tenant string, revision int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t := d.tenants[tenant]; t != nil && t.revision < revision {
		t.superseded.Store(true)
	}
}

// read brings a tenant's directory up to date: by what has changed if what is
// known is young enough, else as a whole.
func (d *directory) read(tenant string) (*tenantDirectory, error) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	return d.readFrom(ctx, d.store, tenant)
}

// tenantReader is what a directory is read from: a store or a transaction.
type tenantReader interface {
	TenantEndpoints(ctx context.Context, tenant string, after int64) ([]store.EndpointRecord, int64, error)
}

func (d *directory) readFrom(ctx context.Context, from tenantReader, tenant string) (*tenantDirectory, error) {
	at := now()
	base := d.base(tenant)
	after := int64(0)
	if base != nil {
		after = base.revision
	}
	records, revision, err := from.TenantEndpoints(ctx, tenant, after)
	if err != nil {
		return nil, err
	}
	next := &tenantDirectory{
		revision: revision, readAt: at,
		endpoints: make(map[string]*webhook.Endpoint, len(records)),
		matches:   make(map[string][]string),
	}
	if base != nil {
		for id, ep := range base.endpoints {
			next.endpoints[id] = ep
		}
	}
	for i := range records {
		if ep := &records[i].Endpoint; ep.Deleted() {
			delete(next.endpoints, ep.ID)
		} else {
			next.endpoints[ep.ID] = ep
		}
	}
	d.keep(tenant, next)
	return next, nil
}

// base returns what a read may build on: nothing if it is too old.
func (d *directory) base(tenant string) *tenantDirectory {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.tenants[tenant]
	if t == nil || t.old() {
		return nil
	}
	return t
}

func (d *directory) keep(tenant string, t *tenantDirectory) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if old := d.tenants[tenant]; old != nil && old.revision > t.revision {
		return
	}
	for other := range d.tenants {
		if len(d.tenants) < maxTenants {
			break
		}
		delete(d.tenants, other)
	}
	d.tenants[tenant] = t
}
