package directory

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

const (
	// maxTenants bounds the tenants whose endpoints are kept in memory.
	maxTenants = 10_000
	// maxMatches bounds the pairs of event type and source per tenant whose
	// matches are kept.
	maxMatches = 1024
	// readTimeout bounds one call to the store.
	readTimeout = 30 * time.Second
)

// Directory answers from memory where an event goes. It is safe for concurrent
// use.
type Directory struct {
	store  store.Directory
	maxAge time.Duration
	flight singleflight.Group

	mu      sync.Mutex
	tenants map[string]*Tenant
}

// New returns an empty directory over a store. maxAge is how old what was read
// may get before it is read anew as a whole; it must be well below the time for
// which the store remembers deleted endpoints, since a deletion whose tombstone
// is gone is never heard of.
func New(st store.Directory, maxAge time.Duration) *Directory {
	return &Directory{store: st, maxAge: maxAge, tenants: make(map[string]*Tenant)}
}

// Tenant is one tenant's endpoints at a revision. It is never changed but for
// what it has found; a newer revision makes a new one. It is safe for concurrent
// use.
type Tenant struct {
	revision  int64
	readAt    time.Time
	endpoints map[string]*webhook.Endpoint
	// superseded says that the tenant is known to have moved on.
	superseded atomic.Bool

	mu      sync.Mutex
	matches map[matchKey]match
}

// matchKey is what of an event decides where it goes, channels aside: of them there
// are too many kinds to be remembered.
type matchKey struct{ eventType, source string }

// match is where events of a key go. Channels says that some of the endpoints have
// channels of their own.
type match struct {
	endpoints []*webhook.Endpoint
	channels  bool
}

// Revision returns the tenant's revision that the answers of Match are true of.
func (t *Tenant) Revision() int64 { return t.revision }

// Match returns the endpoints that subscribe to events of this type, source and
// channels, in the order of their ids. The caller must not change anything of them.
func (t *Tenant) Match(eventType, source string, channels []string) []*webhook.Endpoint {
	m := t.match(matchKey{eventType, source})
	if !m.channels || webhook.Reserved(eventType) {
		return m.endpoints
	}
	found := make([]*webhook.Endpoint, 0, len(m.endpoints))
	for _, ep := range m.endpoints {
		if ep.InChannels(channels) {
			found = append(found, ep)
		}
	}
	return found
}

func (t *Tenant) match(key matchKey) match {
	t.mu.Lock()
	defer t.mu.Unlock()
	m, known := t.matches[key]
	if known {
		return m
	}
	for _, ep := range t.endpoints {
		if ep.Matches(key.eventType, key.source) {
			m.endpoints = append(m.endpoints, ep)
			m.channels = m.channels || len(ep.Channels) > 0
		}
	}
	// So that a seed of entropy gives the same ids each time.
	slices.SortFunc(m.endpoints, func(a, b *webhook.Endpoint) int { return strings.Compare(a.ID, b.ID) })
	if len(t.matches) < maxMatches {
		t.matches[key] = m
	}
	return m
}

// Of returns a tenant's endpoints, reading them if they are not known or known to
// be out of date. Errors are the store's, and that of ctx if it ends first; the
// read then goes on for others who wait for it.
func (d *Directory) Of(ctx context.Context, tenant string) (*Tenant, error) {
	if t := d.Known(tenant); t != nil {
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
		return r.Val.(*Tenant), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Known returns a tenant's endpoints if they can be had without reading, else nil.
func (d *Directory) Known(tenant string) *Tenant {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.tenants[tenant]
	if t == nil || t.superseded.Load() || d.old(t) {
		return nil
	}
	return t
}

func (d *Directory) old(t *Tenant) bool { return clock.Now().Sub(t.readAt) > d.maxAge }

// Outdate records that a tenant has reached a revision: what is known of an older
// one is read again when it is next asked for.
func (d *Directory) Outdate(tenant string, revision int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t := d.tenants[tenant]; t != nil && t.revision < revision {
		t.superseded.Store(true)
	}
}

// read brings a tenant's directory up to date: by what has changed if what is
// known is young enough, else as a whole.
func (d *Directory) read(tenant string) (*Tenant, error) {
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	return d.ReadFrom(ctx, d.store, tenant)
}

// Reader is what a directory is read from: a store, or a transaction of one (see
// store.Directory).
type Reader interface {
	TenantEndpoints(ctx context.Context, tenant string, after int64) ([]store.EndpointRecord, int64, error)
}

// ReadFrom reads what has changed of a tenant's endpoints and returns them as they
// are now. It is for those inside a transaction, which may be all of the database
// that there is to be had. Errors are the reader's.
func (d *Directory) ReadFrom(ctx context.Context, from Reader, tenant string) (*Tenant, error) {
	at := clock.Now()
	base := d.base(tenant)
	after := int64(0)
	if base != nil {
		after = base.revision
	}
	records, revision, err := from.TenantEndpoints(ctx, tenant, after)
	if err != nil {
		return nil, err
	}
	next := &Tenant{
		revision: revision, readAt: at,
		endpoints: make(map[string]*webhook.Endpoint, len(records)),
		matches:   make(map[matchKey]match),
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
func (d *Directory) base(tenant string) *Tenant {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.tenants[tenant]
	if t == nil || d.old(t) {
		return nil
	}
	return t
}

func (d *Directory) keep(tenant string, t *Tenant) {
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
