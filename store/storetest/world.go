package storetest

import (
	"bytes"
	"context"
	"encoding/binary"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// The names that cases use. The empty tenant is a tenant too.
const (
	acme   = "acme"
	globex = "globex"
	nobody = ""

	// leaseLength is the length of every lease.
	leaseLength = 30 * time.Second
	// many is more rows than any case that uses it has.
	many = 1000
)

// world is what a case works on: one database, and the time there.
type world struct {
	t      *testing.T
	ctx    context.Context
	h      Harness
	store  store.Store
	now    time.Time
	epoch  int64 // of the last lease that acquire began
	serial *atomic.Uint64
}

func newWorld(t *testing.T, h Harness) *world {
	return &world{
		t: t, ctx: t.Context(), h: h, store: h.Store,
		now:    time.Date(2026, time.March, 2, 9, 30, 0, 0, time.UTC),
		serial: new(atomic.Uint64),
	}
}

// must ends the case if a call failed that this case only needs.
func (w *world) must(err error, call string) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("%s = error %v; want none", call, err)
	}
}

// advance moves the time on.
func (w *world) advance(d time.Duration) { w.now = w.now.Add(d) }

// expire moves the time on until a retention that began now is over.
func (w *world) expire(retention time.Duration) { w.advance(retention + w.h.Part + time.Minute) }

// byRow skips the case for stores that remove history in parts.
func (w *world) byRow() {
	w.t.Helper()
	if w.h.Part > 0 {
		w.t.Skip("the store removes history in parts")
	}
}

// second returns the store of another process, or skips the case.
func (w *world) second() store.Store {
	w.t.Helper()
	if w.h.Second == nil {
		w.t.Skip("the harness has no second process")
	}
	return w.h.Second(w.t)
}

// reopen closes and opens the database, or skips the case.
func (w *world) reopen() {
	w.t.Helper()
	if w.h.Reopen == nil {
		w.t.Skip("the harness cannot reopen")
	}
	w.store = w.h.Reopen(w.t)
}

// shared skips the case for stores that allow only one delivering process.
func (w *world) shared() {
	w.t.Helper()
	if w.h.Exclusive {
		w.t.Skip("the store allows one delivering process")
	}
}

// id returns a fresh id of the present time, greater than those before it.
func (w *world) id(p webhook.Prefix) string {
	return w.idAt(p, w.now)
}

func (w *world) idAt(p webhook.Prefix, at time.Time) string {
	w.t.Helper()
	var entropy [10]byte
	binary.BigEndian.PutUint64(entropy[2:], w.serial.Add(1))
	id, err := webhook.NewIDFrom(p, at, bytes.NewReader(entropy[:]))
	w.must(err, "NewIDFrom")
	return id
}

// newEndpoint returns a configuration that nobody stored yet.
func (w *world) newEndpoint(tenant string) store.EndpointRecord {
	ep := webhook.Endpoint{
		ID: w.id(webhook.PrefixEndpoint), Tenant: tenant,
		URL: "https://receiver.example/hooks", EventTypes: []string{"*"},
	}.WithDefaults()
	return store.EndpointRecord{Endpoint: ep, Sealed: []byte("sealed headers")}
}

// newSecret returns a secret that nobody stored yet.
func (w *world) newSecret(tenant, endpoint string) store.SecretRecord {
	id := w.id(webhook.PrefixSecret)
	return store.SecretRecord{
		ID: id, Tenant: tenant, Endpoint: endpoint, Signature: webhook.Signature{Scheme: webhook.SchemeV1},
		Sealed: []byte("sealed " + id), Fingerprint: "sha256:" + id, CreatedAt: w.now,
	}
}

// endpoint stores an endpoint with its first secret.
func (w *world) endpoint(tenant string) store.EndpointRecord {
	w.t.Helper()
	ep := w.newEndpoint(tenant)
	ep, err := w.store.CreateEndpoint(w.ctx, w.now, ep, w.newSecret(tenant, ep.ID), store.Creation{})
	w.must(err, "CreateEndpoint")
	return ep
}

// touch changes an endpoint and returns it with its new revision.
func (w *world) touch(ep store.EndpointRecord) store.EndpointRecord {
	w.t.Helper()
	ep, err := w.store.UpdateEndpoint(w.ctx, w.now, ep)
	w.must(err, "UpdateEndpoint")
	return ep
}

// revision returns a tenant's revision.
func (w *world) revision(tenant string) int64 {
	w.t.Helper()
	_, rev, err := w.store.TenantEndpoints(w.ctx, tenant, 0)
	w.must(err, "TenantEndpoints")
	return rev
}

// publication returns a new event for the endpoints, at the tenant's present
// revision, that is not handed over.
func (w *world) publication(tenant string, endpoints ...string) store.Publication {
	w.t.Helper()
	p := store.Publication{
		Event: webhook.Event{
			ID: w.id(webhook.PrefixEvent), Tenant: tenant, Type: "invoice.paid",
			Data: []byte(`{"id":"inv_1"}`), Timestamp: w.now,
		},
		ContentHash: []byte("hash of the content"),
		KeyExpires:  w.now.Add(24 * time.Hour),
		Revision:    w.revision(tenant),
	}
	for _, ep := range endpoints {
		p.Deliveries = append(p.Deliveries, store.NewDelivery{ID: w.id(webhook.PrefixDelivery), Endpoint: ep})
	}
	return p
}

// publish publishes at the present time.
func (w *world) publish(pubs ...store.Publication) []store.PublishResult {
	w.t.Helper()
	return w.publishIn(w.store, pubs...)
}

// publishIn publishes in one of several processes.
func (w *world) publishIn(st store.Store, pubs ...store.Publication) []store.PublishResult {
	w.t.Helper()
	results, err := st.Publish(w.ctx, w.now, pubs)
	w.must(err, "Publish")
	if len(results) != len(pubs) {
		w.t.Fatalf("Publish of %d publications = %d results; want one for each, in their order", len(pubs), len(results))
	}
	return results
}

// stored publishes and ends the case unless everything is stored.
func (w *world) stored(pubs ...store.Publication) {
	w.t.Helper()
	for i, r := range w.publish(pubs...) {
		if r.Outcome != store.PublishStored {
			w.t.Fatalf("Publish: outcome of publication %d = %v; want PublishStored", i, r.Outcome)
		}
	}
}

// waiting publishes n events for an endpoint, one after the other, and returns
// the ids of the deliveries, which wait.
func (w *world) waiting(tenant, endpoint string, n int) []string {
	w.t.Helper()
	var ids []string
	for range n {
		p := w.publication(tenant, endpoint)
		w.stored(p)
		ids = append(ids, p.Deliveries[0].ID)
	}
	return ids
}
