package storetest

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var creationCases = []testCase{
	{"RepeatedReturnsTheFirst", creationRepeated},
	{"OtherContentConflicts", creationConflicts},
	{"DeletedIsNotMadeAgain", creationDeleted},
	{"ExpiredKeyIsFree", creationExpired},
	{"RefusedKeepsNoKey", creationRefused},
	{"OneOfManyCreates", creationOfMany},
	{"TenantsAreSeparate", creationTenants},
	{"IsDurable", creationDurable},
	{"CanceledWritesNothing", creationCanceled},
	{"ExpiredArePruned", creationPruned},
}

// terms are those of a creation by a key, which lasts an hour.
func (w *world) terms(key, content string) store.Creation {
	return store.Creation{Key: key, ContentHash: []byte(content), KeyExpires: w.now.Add(time.Hour)}
}

// createBy creates an endpoint, and returns what the store says of it.
func (w *world) createBy(st store.Store, tenant string, c store.Creation) (given, got store.EndpointRecord, audit webhook.AuditRecord, err error) {
	given = w.newEndpoint(tenant)
	audit = w.auditOf(tenant, given.ID)
	got, err = st.CreateEndpoint(w.ctx, w.now, given, w.newSecret(tenant, given.ID), c, audit)
	return given, got, audit, err
}

// wantCreated ends the test unless a creation makes a new endpoint, which it returns.
func (w *world) wantCreated(when, tenant string, c store.Creation) store.EndpointRecord {
	w.t.Helper()
	given, got, _, err := w.createBy(w.store, tenant, c)
	w.must(err, "CreateEndpoint "+when)
	if got.ID != given.ID {
		w.t.Fatalf("CreateEndpoint %s = %s, that of an earlier call; want a new endpoint", when, got.ID)
	}
	return got
}

// wantRepeated reports a creation that does not return an endpoint that there is.
func (w *world) wantRepeated(st store.Store, when string, c store.Creation, want store.EndpointRecord) {
	w.t.Helper()
	_, got, _, err := w.createBy(st, want.Tenant, c)
	if err != nil || !same(got, want) {
		w.t.Errorf("CreateEndpoint %s = %+v, %v; want %+v: what was created by the key", when, got, err, want)
	}
}

func creationRepeated(w *world) {
	_, first, audit, err := w.createBy(w.store, acme, w.terms("k", "content"))
	w.must(err, "CreateEndpoint with a key")
	w.advance(time.Minute)
	first.Description = "changed since"
	first, err = w.store.UpdateEndpoint(w.ctx, w.now, first)
	w.must(err, "UpdateEndpoint")
	w.advance(time.Minute)
	for range 2 {
		w.wantRepeated(w.store, "for the second time", w.terms("k", "content"), first)
	}
	w.wantRepeated(w.second(), "by another process", w.terms("k", "content"), first)
	full := w.terms("k", "content")
	full.Most = 1
	w.wantRepeated(w.store, "when there are as many as there may be", full, first)
	w.wantEndpoints(acme, 1)
	w.wantAudit("one creation and its repetitions", audit.ID)
	_, revision, err := w.store.TenantEndpoints(w.ctx, acme, 0)
	w.must(err, "TenantEndpoints")
	if revision != first.Revision {
		w.t.Errorf("revision of the tenant after a repetition = %d; want %d: nothing has changed", revision, first.Revision)
	}
	secrets, err := w.store.Secrets(w.ctx, acme, first.ID)
	w.must(err, "Secrets")
	if len(secrets) != 1 {
		w.t.Errorf("the endpoint has %d secrets after a repetition; want 1", len(secrets))
	}
	w.wantCreated("with another key", acme, w.terms("k2", "content"))
	w.wantCreated("with a key in capitals", acme, w.terms("K", "content"))
	for range 2 {
		w.wantCreated("without a key", acme, store.Creation{})
	}
}

func creationConflicts(w *world) {
	first := w.wantCreated("with a key", acme, w.terms("k", "content"))
	if _, _, _, err := w.createBy(w.store, acme, w.terms("k", "other")); !errors.Is(err, webhook.ErrIdempotencyConflict) {
		w.t.Errorf("CreateEndpoint with a key of other content = %v; want ErrIdempotencyConflict", err)
	}
	w.wantEndpoints(acme, 1)
	w.wantRepeated(w.store, "after a conflict", w.terms("k", "content"), first)
}

func creationDeleted(w *world) {
	first := w.wantCreated("with a key", acme, w.terms("k", "content"))
	w.must(w.store.DeleteEndpoint(w.ctx, w.now, acme, first.ID), "DeleteEndpoint")
	if _, got, _, err := w.createBy(w.store, acme, w.terms("k", "content")); !errors.Is(err, store.ErrNotFound) {
		w.t.Errorf("CreateEndpoint by the key of a deleted one = %s, %v; want ErrNotFound: a late repetition must not bring it back", got.ID, err)
	}
	w.wantEndpoints(acme, 0)
}

func creationExpired(w *world) {
	first := w.wantCreated("with a key", acme, w.terms("k", "content"))
	w.advance(time.Hour - time.Second)
	w.wantRepeated(w.store, "a second before the key expires", w.terms("k", "content"), first)
	w.advance(time.Second)
	second := w.wantCreated("when the key has expired", acme, w.terms("k", "other"))
	w.advance(time.Minute)
	w.wantRepeated(w.store, "by the key that is used anew", w.terms("k", "other"), second)
}

func creationRefused(w *world) {
	w.endpoint(acme)
	c := w.terms("k", "content")
	c.Most = 1
	if _, _, _, err := w.createBy(w.store, acme, c); !errors.Is(err, store.ErrTooMany) {
		w.t.Errorf("CreateEndpoint of more than there may be = %v; want ErrTooMany", err)
	}
	c.Most = 2
	w.wantCreated("with the key of one that was refused", acme, c)
}

func creationOfMany(w *world) {
	stores := []store.Store{w.store}
	if w.h.Second != nil {
		stores = append(stores, w.h.Second(w.t))
	}
	const callers = 16
	var made atomic.Int32
	var ids [callers]string
	type call struct {
		rec    store.EndpointRecord
		secret store.SecretRecord
	}
	var calls [callers]call
	for i := range calls {
		rec := w.newEndpoint(acme)
		calls[i] = call{rec, w.newSecret(acme, rec.ID)}
	}
	c := w.terms("k", "content")
	concurrently(w.t, callers, func(i int) error {
		got, err := stores[i%len(stores)].CreateEndpoint(w.ctx, w.now, calls[i].rec, calls[i].secret, c)
		if got.ID == calls[i].rec.ID {
			made.Add(1)
		}
		ids[i] = got.ID
		return err
	})
	w.wantEndpoints(acme, 1)
	for _, id := range ids {
		if id != ids[0] || made.Load() != 1 {
			w.t.Fatalf("CreateEndpoint by %d callers with one key made %d, %q; want one, which all get", callers, made.Load(), ids)
		}
	}
}

func creationTenants(w *world) {
	w.wantCreated("with a key", acme, w.terms("k", "content"))
	other := w.wantCreated("with the same key of another tenant", globex, w.terms("k", "other"))
	w.wantRepeated(w.store, "by that tenant", w.terms("k", "other"), other)
}

func creationDurable(w *world) {
	first := w.wantCreated("with a key", acme, w.terms("k", "content"))
	w.reopen()
	w.wantRepeated(w.store, "after opening the database again", w.terms("k", "content"), first)
}

func creationCanceled(w *world) {
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	rec := w.newEndpoint(acme)
	if _, err := w.store.CreateEndpoint(ctx, w.now, rec, w.newSecret(acme, rec.ID), w.terms("k", "content")); err == nil {
		w.t.Error("CreateEndpoint with a canceled context = no error; want one")
	}
	w.wantCreated("with the key of a canceled call", acme, w.terms("k", "other"))
}

func creationPruned(w *world) {
	for _, key := range []string{"a", "b", "c"} {
		w.wantCreated("with key "+key, acme, w.terms(key, "content"))
	}
	w.advance(time.Hour - time.Second)
	late := w.wantCreated("with a later key", acme, w.terms("d", "content"))
	if got := w.pruneAll(); got.IdempotencyKeys != 0 {
		w.t.Errorf("Prune before keys of creations expire = %d keys; want 0", got.IdempotencyKeys)
	}
	w.advance(time.Second)
	if got := w.pruneBy(1); got.IdempotencyKeys != 3 {
		w.t.Errorf("Prune when 3 keys of creations have expired = %d; want 3", got.IdempotencyKeys)
	}
	w.wantRepeated(w.store, "with a key that has not expired, after Prune", w.terms("d", "content"), late)
	w.wantEndpoints(acme, 4)
}
