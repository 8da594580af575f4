package storetest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var incidentCases = []testCase{
	{"OneOfWhatIsTheSame", incidentOne},
	{"BelowThresholdIsNotListed", incidentBelow},
	{"NewWindowNewIncident", incidentWindow},
	{"KeysAreSeparate", incidentKeys},
	{"ProcessesShare", incidentShared},
	{"OneBeginsIt", incidentManyCallers},
	{"SeveralInACall", incidentSeveral},
	{"Filtered", incidentFiltered},
	{"Pages", incidentPages},
	{"TenantsAreSeparate", incidentTenants},
	{"IsDurable", incidentDurable},
	{"CanceledCountsNothing", incidentCanceled},
	{"OldOnesArePruned", incidentPruned},
}

// incidentRule is that of the cases.
var incidentRule = webhook.IncidentRule{Threshold: 3, Window: time.Hour}

func (w *world) incident(tenant, subject string, count int64) store.IncidentCount {
	return store.IncidentCount{
		ID: w.id(webhook.PrefixIncident), Tenant: tenant, Kind: webhook.IncidentBlockedAddress, Subject: subject, Count: count, Rule: incidentRule,
	}
}

// countIncidents counts in the store of the case.
func (w *world) countIncidents(counts ...store.IncidentCount) []webhook.Incident {
	w.t.Helper()
	return w.countIncidentsIn(w.store, counts...)
}

func (w *world) countIncidentsIn(st store.Store, counts ...store.IncidentCount) []webhook.Incident {
	w.t.Helper()
	got, err := st.CountIncidents(w.ctx, w.now, counts)
	w.must(err, "CountIncidents")
	if len(got) != len(counts) {
		w.t.Fatalf("CountIncidents of %d = %d incidents; want one for each", len(counts), len(got))
	}
	return got
}

func (w *world) listIncidents(tenant string, filter store.IncidentFilter, page store.Page) []webhook.Incident {
	w.t.Helper()
	list, err := w.store.ListIncidents(w.ctx, tenant, filter, page)
	w.must(err, "ListIncidents")
	return list
}

func (w *world) wantIncidents(after string, want ...webhook.Incident) {
	w.t.Helper()
	if got := w.listIncidents(acme, store.IncidentFilter{}, store.Page{}); !sameList(got, want) {
		w.t.Errorf("ListIncidents after %s = %+v; want %+v", after, got, want)
	}
}

func incidentOne(w *world) {
	first := w.incident(acme, "ep_1", 2)
	want := webhook.Incident{
		ID: first.ID, Tenant: acme, Kind: first.Kind, Subject: "ep_1", Since: w.now, Last: w.now, Count: 2, Threshold: 3,
	}
	if got := w.countIncidents(first)[0]; !same(got, want) {
		w.t.Errorf("CountIncidents of a new one = %+v; want %+v", got, want)
	}
	for range 48 {
		w.advance(time.Second)
		want.Count, want.Last = want.Count+1, w.now
		if got := w.countIncidents(w.incident(acme, "ep_1", 1))[0]; !same(got, want) {
			w.t.Fatalf("CountIncidents of what is the same = %+v; want %+v", got, want)
		}
	}
	w.wantIncidents("50 of the same", want)
}

func incidentBelow(w *world) {
	got := w.countIncidents(w.incident(acme, "ep_1", 2))[0]
	w.wantIncidents("two of a threshold of three")
	got.Count, got.Last = 3, w.now
	w.countIncidents(w.incident(acme, "ep_1", 1))
	w.wantIncidents("three of a threshold of three", got)
}

func incidentWindow(w *world) {
	old := w.countIncidents(w.incident(acme, "", 5))[0]
	w.advance(incidentRule.Window - time.Second)
	still := w.countIncidents(w.incident(acme, "", 1))[0]
	if still.ID != old.ID {
		w.t.Errorf("CountIncidents within the window = %s; want the incident that it began with, %s", still.ID, old.ID)
	}
	w.advance(time.Second)
	next := w.countIncidents(w.incident(acme, "", 4))[0]
	if next.ID == old.ID || next.Count != 4 || !next.Since.Equal(w.now) {
		w.t.Errorf("CountIncidents after the window = %+v; want another incident", next)
	}
	w.wantIncidents("two windows", next, still)
}

func incidentKeys(w *world) {
	for i, n := range []store.IncidentCount{
		w.incident(acme, "a", 3), w.incident(acme, "b", 4), w.incident(globex, "a", 5),
		{ID: w.id(webhook.PrefixIncident), Tenant: acme, Kind: webhook.IncidentCursor, Subject: "a", Count: 6, Rule: incidentRule},
	} {
		if got := w.countIncidents(n)[0]; got.Count != int64(i+3) || got.ID != n.ID {
			w.t.Errorf("CountIncidents of another key = %+v; want an incident of its own with %d", got, i+3)
		}
	}
}

func incidentShared(w *world) {
	other := w.second()
	first := w.countIncidents(w.incident(acme, "x", 2))[0]
	got := w.countIncidentsIn(other, w.incident(acme, "x", 2))[0]
	if got.ID != first.ID || got.Count != 4 {
		w.t.Errorf("CountIncidents by another process = %+v; want the incident of the first, with 4", got)
	}
}

func incidentManyCallers(w *world) {
	const callers, each = 8, 10
	var all sync.WaitGroup
	var mu sync.Mutex
	crossed := 0
	for range callers {
		var counts []store.IncidentCount
		for range each {
			counts = append(counts, w.incident(acme, "x", 1))
		}
		all.Go(func() {
			for _, c := range counts {
				got, err := w.store.CountIncidents(w.ctx, w.now, []store.IncidentCount{c})
				if err != nil || len(got) != 1 {
					w.t.Errorf("CountIncidents by many callers: %v", err)
					return
				}
				if got[0].Count == got[0].Threshold {
					mu.Lock()
					crossed++
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	list := w.listIncidents(acme, store.IncidentFilter{}, store.Page{})
	if len(list) != 1 || list[0].Count != callers*each || crossed != 1 {
		w.t.Errorf("CountIncidents of %d by many callers = %+v, and %d crossed the threshold; want one incident, told once", callers*each, list, crossed)
	}
}

func incidentSeveral(w *world) {
	counts := []store.IncidentCount{w.incident(acme, "a", 1), w.incident(globex, "a", 2), w.incident(acme, "a", 4), w.incident(acme, "b", 8)}
	var got []int64
	for i, inc := range w.countIncidents(counts...) {
		got = append(got, inc.Count)
		if inc.Tenant != counts[i].Tenant || inc.Subject != counts[i].Subject {
			w.t.Errorf("CountIncidents: answer %d is about %s of %s; want the order of the call", i, inc.Subject, inc.Tenant)
		}
	}
	if want := []int64{1, 2, 5, 8}; !slices.Equal(got, want) {
		w.t.Errorf("CountIncidents of several = %v; want %v", got, want)
	}
}

// incidentsOf stores incidents of acme, a minute apart, and returns them newest
// first.
func (w *world) incidentsOf(subjects ...string) (list []webhook.Incident) {
	w.t.Helper()
	for _, s := range subjects {
		w.advance(time.Minute)
		list = append(w.countIncidents(w.incident(acme, s, 3)), list...)
	}
	return list
}

func incidentFiltered(w *world) {
	all := w.incidentsOf("a", "b", "c")
	w.advance(time.Minute)
	odd := w.incident(acme, "a", 3)
	odd.Kind = webhook.IncidentCursor
	all = append(w.countIncidents(odd), all...)
	for _, f := range []store.IncidentFilter{
		{},
		{Kind: odd.Kind},
		{Subject: "a"},
		{Kind: odd.Kind, Subject: "b"},
		{From: all[1].Since},
		{To: all[1].Since},
		{From: all[2].Since, To: all[0].Since, Subject: "b"},
	} {
		var want []webhook.Incident
		for i := range all {
			if f.Wants(&all[i]) {
				want = append(want, all[i])
			}
		}
		if got := w.listIncidents(acme, f, store.Page{}); !sameList(got, want) {
			w.t.Errorf("ListIncidents with %+v = %d incidents; want %d", f, len(got), len(want))
		}
	}
}

func incidentPages(w *world) {
	all := w.incidentsOf("a", "b", "c", "d", "e")
	first := w.listIncidents(acme, store.IncidentFilter{}, store.Page{Limit: 3})
	rest := w.listIncidents(acme, store.IncidentFilter{}, store.Page{Limit: 3, After: first[len(first)-1].ID})
	if !sameList(append(first, rest...), all) {
		w.t.Errorf("ListIncidents in pages = %d and %d incidents; want all %d, newest first", len(first), len(rest), len(all))
	}
}

func incidentTenants(w *world) {
	w.incidentsOf("a")
	for _, tenant := range []string{globex, nobody} {
		if got := w.listIncidents(tenant, store.IncidentFilter{Subject: "a"}, store.Page{}); len(got) != 0 {
			w.t.Errorf("ListIncidents of tenant %q = %d incidents; want 0: they are another's", tenant, len(got))
		}
	}
}

func incidentDurable(w *world) {
	first := w.incidentsOf("a")[0]
	w.reopen()
	w.wantIncidents("opening the database again", first)
	if got := w.countIncidents(w.incident(acme, "a", 1))[0]; got.ID != first.ID || got.Count != 4 {
		w.t.Errorf("CountIncidents after opening the database again = %+v; want the incident of before with 4", got)
	}
}

func incidentCanceled(w *world) {
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	if _, err := w.store.CountIncidents(ctx, w.now, []store.IncidentCount{w.incident(acme, "a", 9)}); err == nil {
		w.t.Error("CountIncidents with a canceled context = no error; want one")
	}
	w.wantIncidents("a call with a canceled context")
}

func incidentPruned(w *world) {
	w.countIncidents(w.incident(acme, "few", 2))
	open := w.incident(acme, "still open", 2)
	open.Rule.Window = 2 * retention.Audit
	w.countIncidents(open)
	old := w.incidentsOf("a", "b", "c")
	w.advance(incidentRule.Window)
	if got := w.pruneAll(); got.Incidents != 1 {
		w.t.Errorf("Prune when a window has ended = %d incidents; want 1, that which did not reach its threshold", got.Incidents)
	}
	w.wantIncidents("Prune within the retention", old...)
	w.now = old[1].Last.Add(retention.Audit + time.Second)
	if got := w.pruneBy(1); got.Incidents != 3 {
		w.t.Errorf("Prune after the retention = %d incidents; want 3: two of old and one that was never counted again", got.Incidents)
	}
	w.wantIncidents("Prune after the retention", old[0])
}
