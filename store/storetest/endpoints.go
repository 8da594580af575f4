package storetest

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var endpointCases = []testCase{
	{"CreateKeepsAll", endpointCreateKeepsAll},
	{"UpdateReplaces", endpointUpdateReplaces},
	{"UpdateOfOldVersion", endpointUpdateOfOldVersion},
	{"OneOfManyUpdatesWins", endpointOneOfManyUpdatesWins},
	{"EmptySubscriptionStaysEmpty", endpointEmptySubscription},
	{"DeletedIsGone", endpointDeletedIsGone},
	{"KeepsAuth", endpointKeepsAuth},
	{"KeepsNoSecrets", endpointKeepsNoSecrets},
	{"DeletionForgetsSecrets", endpointDeletionForgetsSecrets},
	{"TenantsAreSeparate", endpointTenantsAreSeparate},
	{"ListPages", endpointListPages},
	{"ListWhileOthersCreate", endpointListWhileOthersCreate},
	{"IsDurable", endpointIsDurable},
}

func endpointCreateKeepsAll(w *world) {
	rec := w.newEndpoint(acme)
	rec.Description, rec.Labels = "Büro 7", []string{"prod", "eu"}
	rec.EventTypes = []string{"invoice.*", "order.created"}
	rec.Timeout, rec.MaxInFlight, rec.AutoPauseAfter = 7*time.Second, 12, -1
	rec.Retry = webhook.RetryPolicy{Schedule: []time.Duration{0, time.Minute}, Jitter: 0.25}
	rec.Signature, rec.DiscardResponses = webhook.Signature{Scheme: webhook.SchemeCustom, Header: "X-Acme-Hmac", Prefix: "sha256="}, true
	rec.Encryption.JWK = `{"kty": "RSA", "e":"AQAB", "n":"kept as it is"}`
	rec.Metadata = map[string]string{"plan": "gold"}
	rec.Status, rec.PauseCause, rec.StatusReason = webhook.EndpointPaused, webhook.PausedByHand, "Webhook paused by hand."
	rec.AllowedIPs, rec.DeniedIPs = []string{"192.0.2.0/24", "2001:db8::7"}, []string{"192.0.2.9"}
	rec.Sources, rec.Channels = []string{"billing"}, []string{"project 1", "all"}
	rec.Filter, rec.Transform, rec.Format = "data.a > 1 &&\n\tdata.b == 'ü'", "{'a': data.a}", webhook.FormatCloudEvents
	rec.Anonymize = []webhook.Anonymization{{Pointer: "/a~1b", Action: webhook.AnonymizeHash}, {Pointer: "/c/0", Action: webhook.AnonymizeRemove}}
	rec.Sealed = []byte{0, 1, 0xff, 0xfe}

	got, err := w.store.CreateEndpoint(w.ctx, w.now, rec, w.newSecret(acme, rec.ID), store.Creation{})
	w.must(err, "CreateEndpoint")
	want := rec
	want.Revision, want.Version, want.CreatedAt, want.UpdatedAt = got.Revision, 1, w.now, w.now
	if !same(got, want) || got.Revision <= 0 {
		w.t.Errorf("CreateEndpoint = %+v; want %+v with a revision", got, want)
	}
	read, err := w.store.Endpoint(w.ctx, acme, rec.ID)
	w.must(err, "Endpoint")
	if !same(read, want) {
		w.t.Errorf("Endpoint = %+v; want %+v: part of the configuration was lost", read, want)
	}
}

func endpointUpdateReplaces(w *world) {
	ep := w.endpoint(acme)
	created := w.now
	w.advance(time.Minute)
	ep.URL, ep.EventTypes, ep.Sealed = "https://other.example/", []string{"order.*"}, nil
	ep.Retry = webhook.RetryPolicy{Initial: time.Second, Multiplier: 1.5, MaxAttempts: 3}
	got := w.touch(ep)
	want := ep
	want.Revision, want.Version, want.CreatedAt, want.UpdatedAt = got.Revision, 2, created, w.now
	if !same(got, want) || got.Revision <= ep.Revision {
		w.t.Errorf("UpdateEndpoint = %+v; want %+v with a later revision", got, want)
	}
	read, err := w.store.Endpoint(w.ctx, acme, ep.ID)
	w.must(err, "Endpoint")
	if !same(read, want) {
		w.t.Errorf("Endpoint after UpdateEndpoint = %+v; want %+v", read, want)
	}
}

func endpointUpdateOfOldVersion(w *world) {
	old := w.endpoint(acme)
	present := w.touch(old)
	old.URL = "https://lost-update.example/"
	if got, err := w.store.UpdateEndpoint(w.ctx, w.now, old); !errors.Is(err, store.ErrVersion) {
		w.t.Errorf("UpdateEndpoint of an old version = %+v, error %v; want ErrVersion: one administrator would undo another's change", got, err)
	}
	read, err := w.store.Endpoint(w.ctx, acme, old.ID)
	w.must(err, "Endpoint")
	if !same(read, present) || w.revision(acme) != present.Revision {
		w.t.Errorf("Endpoint after ErrVersion = %+v; want it unchanged: %+v", read, present)
	}
	unknown := w.newEndpoint(acme)
	unknown.Version = 1
	if got, err := w.store.UpdateEndpoint(w.ctx, w.now, unknown); !errors.Is(err, store.ErrNotFound) {
		w.t.Errorf("UpdateEndpoint of an unknown one = %+v, error %v; want ErrNotFound", got, err)
	}
}

func endpointOneOfManyUpdatesWins(w *world) {
	ep := w.endpoint(acme)
	const callers = 8
	errs := make([]error, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() { _, errs[i] = w.store.UpdateEndpoint(w.ctx, w.now, ep) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, store.ErrVersion):
			w.t.Errorf("UpdateEndpoint while others update: error %v; want none or ErrVersion", err)
		}
	}
	if won != 1 {
		w.t.Errorf("UpdateEndpoint of one version by %d callers: %d succeeded; want 1: updates would be lost", callers, won)
	}
}

func endpointEmptySubscription(w *world) {
	ep := w.endpoint(acme)
	ep.EventTypes = []string{}
	w.touch(ep)
	got, err := w.store.Endpoint(w.ctx, acme, ep.ID)
	w.must(err, "Endpoint")
	if got.EventTypes == nil || len(got.EventTypes) != 0 {
		w.t.Errorf("Endpoint subscribed to nothing: event types %#v; want empty and not nil: nil means \"*\", and it would get everything", got.EventTypes)
	}
}

func endpointDeletedIsGone(w *world) {
	ep := w.endpoint(acme)
	w.must(w.store.DeleteEndpoint(w.ctx, w.now, acme, ep.ID), "DeleteEndpoint")
	for call, err := range map[string]error{
		"Endpoint":       second(w.store.Endpoint(w.ctx, acme, ep.ID)),
		"UpdateEndpoint": second(w.store.UpdateEndpoint(w.ctx, w.now, ep)),
		"DeleteEndpoint": w.store.DeleteEndpoint(w.ctx, w.now, acme, ep.ID),
		"RotateSecret":   w.store.RotateSecret(w.ctx, w.now, w.newSecret(acme, ep.ID), w.now),
	} {
		if !errors.Is(err, store.ErrNotFound) {
			w.t.Errorf("%s of a deleted endpoint: error %v; want ErrNotFound", call, err)
		}
	}
	if list, err := w.store.ListEndpoints(w.ctx, acme, store.Page{}); err != nil || len(list) != 0 {
		w.t.Errorf("ListEndpoints after DeleteEndpoint = %d endpoints, error %v; want 0", len(list), err)
	}
	secrets, err := w.store.Secrets(w.ctx, acme, ep.ID)
	if err != nil || len(secrets) != 0 {
		w.t.Errorf("Secrets after DeleteEndpoint = %d, error %v; want 0: deletion removes them", len(secrets), err)
	}
}

func second[T any](_ T, err error) error { return err }

func endpointTenantsAreSeparate(w *world) {
	ep := w.endpoint(acme)
	foreign := ep
	foreign.Tenant = globex
	for call, err := range map[string]error{
		"Endpoint":       second(w.store.Endpoint(w.ctx, globex, ep.ID)),
		"UpdateEndpoint": second(w.store.UpdateEndpoint(w.ctx, w.now, foreign)),
		"DeleteEndpoint": w.store.DeleteEndpoint(w.ctx, w.now, globex, ep.ID),
		"RotateSecret":   w.store.RotateSecret(w.ctx, w.now, w.newSecret(globex, ep.ID), w.now),
	} {
		if !errors.Is(err, store.ErrNotFound) {
			w.t.Errorf("%s of another tenant's endpoint: error %v; want ErrNotFound", call, err)
		}
	}
	for _, tenant := range []string{globex, nobody} {
		if list, err := w.store.ListEndpoints(w.ctx, tenant, store.Page{}); err != nil || len(list) != 0 {
			w.t.Errorf("ListEndpoints of tenant %q = %d endpoints, error %v; want 0: they are another's", tenant, len(list), err)
		}
		if secrets, err := w.store.Secrets(w.ctx, tenant, ep.ID); err != nil || len(secrets) != 0 {
			w.t.Errorf("Secrets of tenant %q = %d, error %v; want 0: the endpoint is another's", tenant, len(secrets), err)
		}
	}
	if rev := w.revision(globex); rev != 0 {
		w.t.Errorf("revision of a tenant after ErrNotFound = %d; want 0: nothing of it changed", rev)
	}
	read, err := w.store.Endpoint(w.ctx, acme, ep.ID)
	if err != nil || !same(read, ep) {
		w.t.Errorf("Endpoint after another tenant's attempts = %+v, error %v; want it unchanged", read, err)
	}
}

// pageAll reads a list page by page, calling between after every page.
func pageAll[T any](w *world, call string, limit int, list func(store.Page) ([]T, error), id func(T) string, between func()) []string {
	w.t.Helper()
	var ids []string
	page := store.Page{Limit: limit}
	for range many {
		got, err := list(page)
		w.must(err, call)
		if len(got) > limit {
			w.t.Fatalf("%s with limit %d = %d entries", call, limit, len(got))
		}
		for _, v := range got {
			ids = append(ids, id(v))
		}
		if len(got) < limit {
			return ids
		}
		page.After = ids[len(ids)-1]
		between()
	}
	w.t.Fatalf("%s never came to an end", call)
	return nil
}

func nothing() {}

func newestFirst(ids []string) []string {
	ids = sorted(ids)
	slices.Reverse(ids)
	return ids
}

func (w *world) endpointPages(limit int, between func()) []string {
	w.t.Helper()
	return pageAll(w, "ListEndpoints", limit,
		func(p store.Page) ([]store.EndpointRecord, error) { return w.store.ListEndpoints(w.ctx, acme, p) },
		func(ep store.EndpointRecord) string { return ep.ID }, between)
}

func endpointListPages(w *world) {
	var want []string
	for range 7 { // of one millisecond
		want = append(want, w.endpoint(acme).ID)
		w.endpoint(globex)
	}
	want = newestFirst(want)
	for _, limit := range []int{1, 3, 7, 8} {
		if got := w.endpointPages(limit, nothing); !slices.Equal(got, want) {
			w.t.Errorf("ListEndpoints, %d at a time = %v; want %v: an endpoint is skipped or shown twice", limit, got, want)
		}
	}
}

func endpointListWhileOthersCreate(w *world) {
	var want []string
	for range 6 {
		w.advance(time.Millisecond)
		want = append(want, w.endpoint(acme).ID)
	}
	got := w.endpointPages(2, func() {
		w.advance(time.Millisecond)
		w.endpoint(acme)
	})
	if !slices.Equal(got, newestFirst(want)) {
		w.t.Errorf("ListEndpoints while others create = %v; want %v: new ones come before the first page", got, newestFirst(want))
	}
}

func endpointIsDurable(w *world) {
	ep := w.touch(w.endpoint(acme))
	w.reopen()
	got, err := w.store.Endpoint(w.ctx, acme, ep.ID)
	if err != nil || !same(got, ep) {
		w.t.Errorf("Endpoint after a crash = %+v, error %v; want %+v", got, err, ep)
	}
	if next := w.touch(ep); next.Revision <= ep.Revision {
		w.t.Errorf("UpdateEndpoint after a crash: revision %d; want more than %d", next.Revision, ep.Revision)
	}
}
