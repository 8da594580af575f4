package storetest

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/postrider/postrider/store"
)

var directoryCases = []testCase{
	{"TenantEndpointsAfterRevision", directoryTenantEndpoints},
	{"TenantsAreSeparate", directoryTenantsAreSeparate},
	{"TenantRevisionOnlyGrows", directoryRevisionOnlyGrows},
	{"Tenants", directoryTenants},
	{"ChangedEndpointsPages", directoryChangedPages},
	{"ChangedEndpointsOfAllTenants", directoryChangedOfAllTenants},
	{"LatestChangeIsTheEnd", directoryLatestChange},
	{"ChangesAreNotMissed", directoryChangesAreNotMissed},
	{"ChangesOfOtherProcesses", directoryChangesOfOtherProcesses},
	{"EngineEndpointsAreWhole", engineEndpointIsWhole},
	{"EngineEndpointsTombstone", engineEndpointTombstone},
	{"EngineEndpointsOfMany", engineEndpointsOfMany},
	{"EngineEndpointsAreOfOneMoment", engineEndpointIsOfOneMoment},
}

func directoryTenants(w *world) {
	if got, cursor, err := w.store.Tenants(w.ctx, "", 10); err != nil || len(got) != 0 || cursor != "" {
		w.t.Errorf("Tenants of a fresh store = %q, cursor %q, error %v; want none, and to go on from the beginning", got, cursor, err)
	}
	want := []string{nobody, "=", "Zoë", acme, globex}
	for _, name := range want {
		w.endpoint(name)
		w.endpoint(name)
	}
	w.stored(w.publication("without endpoints"))
	slices.Sort(want)
	for _, limit := range []int{1, 2, 5, 6} {
		var got []string
		for cursor := ""; ; {
			names, next, err := w.store.Tenants(w.ctx, cursor, limit)
			w.must(err, "Tenants")
			got = append(got, names...)
			if cursor = next; len(names) < limit {
				break
			}
		}
		if !slices.Equal(got, want) {
			w.t.Errorf("Tenants, %d at a time = %q; want %q: a broadcast would miss somebody", limit, got, want)
		}
	}
}

// tenantEndpoints returns the ids of a tenant's endpoints that changed after a
// revision, sorted.
func (w *world) tenantEndpoints(tenant string, after int64) []string {
	w.t.Helper()
	eps, _, err := w.store.TenantEndpoints(w.ctx, tenant, after)
	w.must(err, "TenantEndpoints")
	return endpointIDs(eps)
}

func endpointIDs(eps []store.EndpointRecord) []string {
	var ids []string
	for _, ep := range eps {
		ids = append(ids, ep.ID)
	}
	return sorted(ids)
}

func directoryTenantEndpoints(w *world) {
	a, b := w.endpoint(acme), w.endpoint(acme)
	eps, rev, err := w.store.TenantEndpoints(w.ctx, acme, 0)
	w.must(err, "TenantEndpoints")
	if got := endpointIDs(eps); !slices.Equal(got, sorted([]string{a.ID, b.ID})) || rev != b.Revision {
		w.t.Errorf("TenantEndpoints(0) = %v at %d; want both endpoints at %d", got, rev, b.Revision)
	}
	if got := w.tenantEndpoints(acme, a.Revision); !slices.Equal(got, []string{b.ID}) {
		w.t.Errorf("TenantEndpoints after the first one's revision = %v; want only the second: a reload reads what changed", got)
	}
	a = w.touch(a)
	if got := w.tenantEndpoints(acme, b.Revision); !slices.Equal(got, []string{a.ID}) {
		w.t.Errorf("TenantEndpoints after an update = %v; want the updated one", got)
	}
	w.must(w.store.DeleteEndpoint(w.ctx, w.now, acme, b.ID), "DeleteEndpoint")
	eps, rev, err = w.store.TenantEndpoints(w.ctx, acme, a.Revision)
	w.must(err, "TenantEndpoints")
	if len(eps) != 1 || eps[0].ID != b.ID || !eps[0].Deleted() || eps[0].Revision != rev {
		w.t.Errorf("TenantEndpoints after a deletion = %+v at %d; want the tombstone: events would go to a deleted endpoint", eps, rev)
	}
	if got := w.tenantEndpoints(acme, rev); len(got) != 0 {
		w.t.Errorf("TenantEndpoints after the tenant's revision = %v; want none", got)
	}
}

func directoryTenantsAreSeparate(w *world) {
	a, none := w.endpoint(acme), w.endpoint(nobody)
	if got := w.tenantEndpoints(globex, 0); len(got) != 0 || w.revision(globex) != 0 {
		w.t.Errorf("TenantEndpoints of a tenant without endpoints = %v at %d; want none at 0", got, w.revision(globex))
	}
	if got := w.tenantEndpoints(acme, 0); !slices.Equal(got, []string{a.ID}) {
		w.t.Errorf("TenantEndpoints = %v; want only the tenant's own: events would go to another tenant", got)
	}
	if got := w.tenantEndpoints(nobody, 0); !slices.Equal(got, []string{none.ID}) {
		w.t.Errorf("TenantEndpoints of the empty tenant = %v; want only its own: \"\" is a tenant, not all of them", got)
	}
}

func directoryRevisionOnlyGrows(w *world) {
	last := int64(0)
	check := func(call string) {
		w.t.Helper()
		if rev := w.revision(acme); rev <= last {
			w.t.Errorf("tenant's revision after %s = %d; want more than %d: publishers would not notice the change", call, rev, last)
		} else {
			last = rev
		}
	}
	ep := w.endpoint(acme)
	check("CreateEndpoint")
	ep = w.touch(ep)
	check("UpdateEndpoint")
	if ep.Revision != last {
		w.t.Errorf("UpdateEndpoint: revision %d; want the tenant's, %d", ep.Revision, last)
	}
	w.must(w.store.RotateSecret(w.ctx, w.now, w.newSecret(acme, ep.ID), w.now), "RotateSecret")
	check("RotateSecret")
	w.must(w.store.DeleteEndpoint(w.ctx, w.now, acme, ep.ID), "DeleteEndpoint")
	check("DeleteEndpoint")
	w.endpoint(acme)
	check("CreateEndpoint after all were deleted")
}

// changes reads all changes after a cursor, a few at a time.
func (w *world) changes(st store.Store, cursor int64, limit int) ([]store.EndpointRecord, int64) {
	w.t.Helper()
	var all []store.EndpointRecord
	for range many {
		eps, next, err := st.ChangedEndpoints(w.ctx, cursor, limit)
		w.must(err, "ChangedEndpoints")
		if len(eps) > limit {
			w.t.Fatalf("ChangedEndpoints = %d endpoints; want at most %d", len(eps), limit)
		}
		all = append(all, eps...)
		if len(eps) == 0 && next == cursor {
			return all, cursor
		}
		cursor = next
	}
	w.t.Fatalf("ChangedEndpoints never came to an end")
	return nil, 0
}

func directoryChangedPages(w *world) {
	var want []string
	for i := range 7 {
		want = append(want, w.endpoint(fmt.Sprint("tenant ", i%2)).ID)
	}
	all, cursor := w.changes(w.store, 0, 2)
	var got []string
	for _, ep := range all {
		got = append(got, ep.ID)
	}
	if !slices.Equal(slices.Compact(got), want) {
		w.t.Errorf("ChangedEndpoints, two at a time = %v; want %v, oldest first: a change would be missed", got, want)
	}
	if again, _ := w.changes(w.store, cursor, 2); len(again) != 0 {
		w.t.Errorf("ChangedEndpoints from the end = %d endpoints; want none", len(again))
	}
}

func directoryChangedOfAllTenants(w *world) {
	a, b := w.endpoint(acme), w.endpoint(globex)
	_, cursor := w.changes(w.store, 0, 10)
	w.must(w.store.DeleteEndpoint(w.ctx, w.now, globex, b.ID), "DeleteEndpoint")
	w.must(w.store.RotateSecret(w.ctx, w.now, w.newSecret(acme, a.ID), w.now), "RotateSecret")
	got, _ := w.changes(w.store, cursor, 10)
	if len(got) != 2 || got[0].ID != b.ID || !got[0].Deleted() || got[1].ID != a.ID || got[1].Tenant != acme {
		w.t.Errorf("ChangedEndpoints = %+v; want the tombstone of %s, then %s: another process would go on sending", got, b.ID, a.ID)
	}
}

func directoryLatestChange(w *world) {
	if cursor, err := w.store.LatestChange(w.ctx); err != nil || cursor < 0 {
		w.t.Errorf("LatestChange of an empty store = %d, error %v; want a cursor", cursor, err)
	}
	w.endpoint(acme)
	cursor, err := w.store.LatestChange(w.ctx)
	w.must(err, "LatestChange")
	fresh := w.endpoint(globex)
	got, _ := w.changes(w.store, cursor, 10)
	if ids := endpointIDs(got); !slices.Contains(ids, fresh.ID) {
		w.t.Errorf("ChangedEndpoints after LatestChange = %v; want %s among them: a change would be missed", ids, fresh.ID)
	}
}

// directoryChangesAreNotMissed follows changes while several writers make
// them. A cursor from a sequence that is taken before the commit fails here.
func directoryChangesAreNotMissed(w *world) {
	const writers, each = 4, 8
	final := make([]store.EndpointRecord, writers)
	var writing sync.WaitGroup
	for i := range writers {
		final[i] = w.endpoint(fmt.Sprint("tenant ", i))
		writing.Go(func() {
			for range each {
				ep, err := w.store.UpdateEndpoint(w.ctx, w.now, final[i])
				if err != nil {
					w.t.Errorf("UpdateEndpoint while others write: error %v; want none", err)
					return
				}
				final[i] = ep
			}
		})
	}
	done := make(chan struct{})
	go func() { writing.Wait(); close(done) }()

	seen, cursor, finished := map[string]int64{}, int64(0), false
	for rounds := 0; ; {
		select {
		case <-done:
			finished = true
		default:
		}
		eps, next, err := w.store.ChangedEndpoints(w.ctx, cursor, 2)
		if err != nil {
			<-done
			w.t.Fatalf("ChangedEndpoints while others write: error %v; want none", err)
		}
		for _, ep := range eps {
			seen[ep.ID] = max(seen[ep.ID], ep.Revision)
		}
		if finished && len(eps) == 0 && next == cursor {
			break
		}
		if cursor = next; finished {
			if rounds++; rounds > many {
				w.t.Fatalf("ChangedEndpoints never came to an end after the last change")
			}
		}
	}
	for _, ep := range final {
		if seen[ep.ID] != ep.Revision {
			w.t.Errorf("ChangedEndpoints followed to the end saw revision %d of an endpoint; want its last, %d: a process would send by an old configuration for ever", seen[ep.ID], ep.Revision)
		}
	}
}

func directoryChangesOfOtherProcesses(w *world) {
	other := w.second()
	ep := w.endpoint(acme)
	if got, _ := w.changes(other, 0, 10); !slices.Equal(endpointIDs(got), []string{ep.ID}) {
		w.t.Errorf("ChangedEndpoints in another process = %v; want the change that was committed before the call", endpointIDs(got))
	}
}

// engine reads what a lane starts from.
func (w *world) engine(tenant, id string) store.EngineEndpoint {
	w.t.Helper()
	eps := w.engines(store.Lane{Tenant: tenant, Endpoint: id})
	if len(eps) != 1 || eps[0].ID != id || eps[0].Tenant != tenant {
		w.t.Fatalf("EngineEndpoints of one endpoint = %+v; want it", eps)
	}
	return eps[0]
}

func (w *world) engines(keys ...store.Lane) []store.EngineEndpoint {
	w.t.Helper()
	eps, err := w.store.EngineEndpoints(w.ctx, keys)
	w.must(err, "EngineEndpoints")
	return eps
}

func engineEndpointIsWhole(w *world) {
	ep := w.endpoint(acme)
	got := w.engine(acme, ep.ID)
	if !same(got.EndpointRecord, ep) {
		w.t.Errorf("EngineEndpoints = %+v; want %+v", got.EndpointRecord, ep)
	}
	secrets, err := w.store.Secrets(w.ctx, acme, ep.ID)
	w.must(err, "Secrets")
	if len(got.Secrets) != 1 || !sameList(got.Secrets, secrets) {
		w.t.Errorf("EngineEndpoint: secrets %+v; want those of Secrets, %+v: deliveries could not be signed", got.Secrets, secrets)
	}
	if h := got.Health; h.Failures != 0 || h.Trips != 0 || !h.LastSuccessAt.IsZero() || !h.LastFailureAt.IsZero() {
		w.t.Errorf("EngineEndpoints of a new endpoint: health %+v; want none", h)
	}
}

func engineEndpointTombstone(w *world) {
	ep := w.endpoint(acme)
	w.advance(time.Minute)
	w.must(w.store.DeleteEndpoint(w.ctx, w.now, acme, ep.ID), "DeleteEndpoint")
	got := w.engine(acme, ep.ID)
	if !got.DeletedAt.Equal(w.now) || got.Revision <= ep.Revision {
		w.t.Errorf("EngineEndpoints of a deleted endpoint = %+v; want a tombstone of now with a later revision: its deliveries are canceled by it", got)
	}
	if len(got.Secrets) != 0 {
		w.t.Errorf("EngineEndpoints of a deleted endpoint: %d secrets; want 0: deletion removes them", len(got.Secrets))
	}
}

func engineEndpointsOfMany(w *world) {
	a, b := w.endpoint(acme), w.endpoint(globex)
	secrets := map[string]string{a.ID: secretOf(w.engine(acme, a.ID)), b.ID: secretOf(w.engine(globex, b.ID))}
	got := w.engines(
		store.Lane{Tenant: globex, Endpoint: b.ID}, store.Lane{Tenant: acme, Endpoint: "ep_unknown"},
		store.Lane{Tenant: globex, Endpoint: a.ID}, store.Lane{Tenant: acme, Endpoint: a.ID},
	)
	if len(got) != 2 {
		w.t.Errorf("EngineEndpoints of two, an unknown and a foreign one = %d endpoints; want 2", len(got))
	}
	for _, ep := range got {
		if secretOf(ep) == "" || secretOf(ep) != secrets[ep.ID] {
			w.t.Errorf("EngineEndpoints: secrets %+v of %s; want %s: deliveries would be signed with another endpoint's secret", ep.Secrets, ep.ID, secrets[ep.ID])
		}
	}
	if got := w.engines(); len(got) != 0 {
		w.t.Errorf("EngineEndpoints of nothing = %d endpoints; want none", len(got))
	}
}

// secretOf names the one secret of an endpoint that was never rotated.
func secretOf(ep store.EngineEndpoint) string {
	if len(ep.Secrets) != 1 {
		return ""
	}
	return ep.Secrets[0].ID
}

// engineEndpointIsOfOneMoment rotates while it reads: the number of rotations
// is in the revision and in the secrets, and both must agree.
func engineEndpointIsOfOneMoment(w *world) {
	ep := w.endpoint(acme)
	const rotations = 16
	byRevision := map[int64]string{ep.Revision: w.present(ep).ID}
	var got []store.EngineEndpoint
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range rotations {
			if err := w.store.RotateSecret(w.ctx, w.now, w.newSecret(acme, ep.ID), w.now.Add(time.Hour)); err != nil {
				w.t.Errorf("RotateSecret while others read: error %v; want none", err)
			}
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		got = append(got, w.engine(acme, ep.ID))
	}
	for _, e := range got {
		if len(e.Secrets) == 0 {
			w.t.Fatalf("EngineEndpoints while secrets rotate: no secret; want at least the present one")
		}
		first := byRevision[e.Revision]
		if first == "" {
			byRevision[e.Revision] = e.Secrets[0].ID
		} else if first != e.Secrets[0].ID {
			w.t.Errorf("EngineEndpoints at revision %d with two different present secrets; want one: configuration and secrets are of one moment", e.Revision)
		}
	}
	if last := got[len(got)-1]; len(last.Secrets) != rotations+1 {
		w.t.Errorf("EngineEndpoints after %d rotations: %d secrets; want %d", rotations, len(last.Secrets), rotations+1)
	}
}
