package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

var auditCases = []testCase{
	{"ReadAsWritten", auditReadAsWritten},
	{"EveryChangeOnce", auditEveryChange},
	{"NoChangeNoRecord", auditNoChange},
	{"RefusedWritesNone", auditRefused},
	{"UndoneWithItsChange", auditAtomic},
	{"CanceledWritesNone", auditCanceled},
	{"CancelAfterACrashOnce", auditCancelMarkedOnce},
	{"Filtered", auditFiltered},
	{"Pages", auditPages},
	{"TenantsAreSeparate", auditTenants},
	{"IsDurable", auditDurable},
	{"OldOnesArePruned", auditPruned},
}

// auditOf returns a record that nobody stored yet.
func (w *world) auditOf(tenant, resource string) webhook.AuditRecord {
	return webhook.AuditRecord{
		ID: w.id(webhook.PrefixAudit), Tenant: tenant, Action: webhook.ActionEndpointUpdated,
		Actor: webhook.Actor{Name: "ada", Address: "192.0.2.7"}, Resource: resource,
		Before: json.RawMessage(`{"a": 1}`), After: json.RawMessage(`{"a":"é"}`),
	}
}

func (w *world) listAudit(tenant string, filter store.AuditFilter, page store.Page) []webhook.AuditRecord {
	w.t.Helper()
	list, err := w.store.ListAudit(w.ctx, tenant, filter, page)
	w.must(err, "ListAudit")
	return list
}

// wantAudit compares the audit log of acme with the ids of records, newest first.
func (w *world) wantAudit(after string, want ...string) {
	w.t.Helper()
	var got []string
	for _, r := range w.listAudit(acme, store.AuditFilter{}, store.Page{Limit: many}) {
		got = append(got, r.ID)
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("audit log after %s = %q; want %q", after, got, want)
	}
}

// audited stores an endpoint of acme with n records, a minute apart, and returns
// them, oldest first.
func (w *world) audited(n int) []webhook.AuditRecord {
	w.t.Helper()
	ep := w.endpoint(acme)
	var records []webhook.AuditRecord
	for range n {
		w.advance(time.Minute)
		r := w.auditOf(acme, ep.ID)
		var err error
		ep, err = w.store.UpdateEndpoint(w.ctx, w.now, ep, r)
		w.must(err, "UpdateEndpoint")
		r.At = w.now
		records = append(records, r)
	}
	return records
}

func auditReadAsWritten(w *world) {
	r := w.audited(1)[0]
	bare := webhook.AuditRecord{ID: w.id(webhook.PrefixAudit), Tenant: acme, Action: webhook.ActionRedeliveryStarted, At: w.now}
	j := store.Job{ID: w.id(webhook.PrefixJob), Tenant: acme, Kind: store.JobRedeliver}
	w.must(w.store.CreateJob(w.ctx, w.now, j, bare), "CreateJob")
	if got, want := w.listAudit(acme, store.AuditFilter{}, store.Page{}), []webhook.AuditRecord{bare, r}; !sameList(got, want) {
		w.t.Errorf("ListAudit = %+v; want %+v: byte for byte, with the time of the change", got, want)
	}
}

// mutation is a method that changes something, and takes records.
type mutation struct {
	name string
	call func(ctx context.Context, r ...webhook.AuditRecord) error
}

// mutations returns a call of each of them that changes something of acme's, if they
// are called once and in their order.
func (w *world) mutations() []mutation {
	w.t.Helper()
	rec, at := w.newEndpoint(acme), w.now
	kept := w.endpoint(acme)
	ended, waiting := w.waiting(acme, kept.ID, 1)[0], w.waiting(acme, kept.ID, 1)[0]
	_, err := w.store.Cancel(w.ctx, w.now, acme, []string{ended})
	w.must(err, "Cancel")
	j := store.Job{ID: w.id(webhook.PrefixJob), Tenant: acme, Kind: store.JobRedeliver}
	w.stored(w.about(jane, acme, kept.ID))
	var stored store.EndpointRecord
	token, hash := w.token(acme)
	return []mutation{
		{"CreateEndpoint", func(ctx context.Context, r ...webhook.AuditRecord) (err error) {
			stored, err = w.store.CreateEndpoint(ctx, at, rec, w.newSecret(acme, rec.ID), store.Creation{}, r...)
			return err
		}},
		{"UpdateEndpoint", func(ctx context.Context, r ...webhook.AuditRecord) error {
			return second(w.store.UpdateEndpoint(ctx, at, stored, r...))
		}},
		{"RotateSecret", func(ctx context.Context, r ...webhook.AuditRecord) error {
			return w.store.RotateSecret(ctx, at, w.newSecret(acme, rec.ID), at, r...)
		}},
		{"DeleteEndpoint", func(ctx context.Context, r ...webhook.AuditRecord) error {
			return w.store.DeleteEndpoint(ctx, at, acme, rec.ID, r...)
		}},
		{"Cancel", func(ctx context.Context, r ...webhook.AuditRecord) error {
			return second(w.store.Cancel(ctx, at, acme, []string{waiting}, r...))
		}},
		{"Redeliver", func(ctx context.Context, r ...webhook.AuditRecord) error {
			return w.store.Redeliver(ctx, at, acme, ended, r...)
		}},
		{"CreateJob", func(ctx context.Context, r ...webhook.AuditRecord) error { return w.store.CreateJob(ctx, at, j, r...) }},
		{"CancelJob", func(ctx context.Context, r ...webhook.AuditRecord) error {
			return w.store.CancelJob(ctx, at, acme, j.ID, r...)
		}},
		{"CreateToken", func(ctx context.Context, r ...webhook.AuditRecord) error {
			return second(w.store.CreateToken(ctx, at, token, hash, many, r...))
		}},
		{"RevokeToken", func(ctx context.Context, r ...webhook.AuditRecord) error {
			return w.store.RevokeToken(ctx, at, acme, token.ID, r...)
		}},
	}
}

func auditEveryChange(w *world) {
	var want []string
	for _, m := range w.mutations() {
		r := w.auditOf(acme, "x")
		w.must(m.call(w.ctx, r), m.name)
		want = slices.Insert(want, 0, r.ID)
		w.wantAudit(m.name, want...)
	}
}

// auditNoChange repeats what changes nothing the second time.
func auditNoChange(w *world) {
	var want []string
	for _, m := range w.mutations() {
		first, again := w.auditOf(acme, "x"), w.auditOf(acme, "x")
		w.must(m.call(w.ctx, first), m.name)
		want = slices.Insert(want, 0, first.ID)
		switch m.name {
		case "Cancel", "Redeliver", "CancelJob", "EraseSubject":
			w.must(m.call(w.ctx, again), m.name+" again")
			w.wantAudit(m.name+", which changed nothing the second time,", want...)
		}
	}
}

// auditRefused makes calls that the store refuses.
func auditRefused(w *world) {
	ep := w.audited(1)
	first := ep[0]
	unknown, r := w.newEndpoint(acme), w.auditOf(acme, "x")
	stale := w.touch(w.endpoint(acme))
	stale.Version--
	for name, err := range map[string]error{
		"CreateEndpoint of too many": second(w.store.CreateEndpoint(w.ctx, w.now, unknown, w.newSecret(acme, unknown.ID), store.Creation{Most: 1}, r)),
		"UpdateEndpoint of nothing":  second(w.store.UpdateEndpoint(w.ctx, w.now, unknown, r)),
		"UpdateEndpoint out of date": second(w.store.UpdateEndpoint(w.ctx, w.now, stale, r)),
		"DeleteEndpoint of nothing":  w.store.DeleteEndpoint(w.ctx, w.now, acme, unknown.ID, r),
		"RotateSecret of nothing":    w.store.RotateSecret(w.ctx, w.now, w.newSecret(acme, unknown.ID), w.now, r),
		"Redeliver of nothing":       w.store.Redeliver(w.ctx, w.now, acme, w.id(webhook.PrefixDelivery), r),
		"CancelJob of nothing":       w.store.CancelJob(w.ctx, w.now, acme, w.id(webhook.PrefixJob), r),
	} {
		if err == nil {
			w.t.Errorf("%s: no error; want one", name)
		}
	}
	if _, err := w.store.Cancel(w.ctx, w.now, acme, []string{w.id(webhook.PrefixDelivery)}, r); err != nil {
		w.t.Errorf("Cancel of nothing: %v; want no error", err)
	}
	w.wantAudit("calls that were refused", first.ID)
}

// auditAtomic makes each record impossible to store, because its id is in use: the
// change must not be there either, and so can be made.
func auditAtomic(w *world) {
	used := w.audited(1)[0]
	want := []string{used.ID}
	for _, m := range w.mutations() {
		if err := m.call(w.ctx, used); err == nil {
			w.t.Errorf("%s with a record whose id is in use = no error; want one", m.name)
		}
		w.wantAudit(m.name+", whose record could not be stored,", want...)
		r := w.auditOf(acme, "x")
		if err := m.call(w.ctx, r); err != nil {
			w.t.Errorf("%s after one whose record could not be stored: %v; want it done: nothing of the first was to stay", m.name, err)
		}
		want = slices.Insert(want, 0, r.ID)
		w.wantAudit(m.name+", the second time,", want...)
	}
}

func auditCanceled(w *world) {
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	for _, m := range w.mutations() {
		if err := m.call(ctx, w.auditOf(acme, "x")); err == nil {
			w.t.Errorf("%s with a canceled context = no error; want one", m.name)
		}
	}
	w.wantAudit("calls with a canceled context")
}

// auditCancelMarkedOnce cancels what a process has: that it is marked is one change.
func auditCancelMarkedOnce(w *world) {
	c := w.job(w.acquire())
	first, again := w.auditOf(acme, c.Delivery), w.auditOf(acme, c.Delivery)
	for _, r := range []webhook.AuditRecord{first, again} {
		answers, err := w.store.Cancel(w.ctx, w.now, acme, []string{c.Delivery}, r)
		w.must(err, "Cancel")
		if len(answers) != 1 || answers[0].Outcome != webhook.CancelRequested {
			w.t.Errorf("Cancel of a leased delivery = %+v; want it requested", answers)
		}
	}
	w.wantAudit("Cancel of a leased delivery, twice", first.ID)
}

func auditFiltered(w *world) {
	records := w.audited(5)
	odd := w.auditOf(acme, "ep_other")
	odd.Action, odd.Actor.Name = webhook.ActionEndpointCreated, "grace"
	rec := w.newEndpoint(acme)
	w.advance(time.Minute)
	_, err := w.store.CreateEndpoint(w.ctx, w.now, rec, w.newSecret(acme, rec.ID), store.Creation{}, odd)
	w.must(err, "CreateEndpoint")
	odd.At = w.now
	all := append(slices.Clone(records), odd)
	slices.Reverse(all)
	for _, f := range []store.AuditFilter{
		{},
		{Action: odd.Action},
		{Action: records[0].Action},
		{Actor: "grace"},
		{Actor: "nobody"},
		{Resource: "ep_other"},
		{Resource: records[0].Resource},
		{Resource: records[0].Resource, Actor: "ada", Action: records[0].Action},
		{From: records[2].At},
		{To: records[2].At},
		{From: records[1].At, To: records[3].At},
		{Resource: "ep_other", To: odd.At},
	} {
		var want []webhook.AuditRecord
		for i := range all {
			if f.Wants(&all[i]) {
				want = append(want, all[i])
			}
		}
		if got := w.listAudit(acme, f, store.Page{}); !sameList(got, want) {
			w.t.Errorf("ListAudit with %+v = %d records; want %d", f, len(got), len(want))
		}
	}
}

func auditPages(w *world) {
	records := w.audited(7)
	slices.Reverse(records)
	var got []webhook.AuditRecord
	for page := (store.Page{Limit: 3}); ; {
		list := w.listAudit(acme, store.AuditFilter{Actor: "ada"}, page)
		got = append(got, list...)
		if len(list) < 3 {
			break
		}
		page.After = list[2].ID
	}
	if !sameList(got, records) {
		w.t.Errorf("ListAudit in pages of 3 = %d records; want all %d, newest first", len(got), len(records))
	}
}

func auditTenants(w *world) {
	own := w.audited(1)[0]
	for _, tenant := range []string{globex, nobody} {
		if got := w.listAudit(tenant, store.AuditFilter{Resource: own.Resource}, store.Page{}); len(got) != 0 {
			w.t.Errorf("ListAudit of tenant %q = %d records; want 0: they are another's", tenant, len(got))
		}
	}
	r := w.auditOf(globex, own.Resource)
	if err := w.store.DeleteEndpoint(w.ctx, w.now, globex, own.Resource, r); err == nil {
		w.t.Error("DeleteEndpoint of another tenant's = no error; want one")
	}
	if got := w.listAudit(globex, store.AuditFilter{}, store.Page{}); len(got) != 0 {
		w.t.Errorf("ListAudit of a tenant that tried to delete another's endpoint = %d records; want 0", len(got))
	}
}

func auditDurable(w *world) {
	r := w.audited(1)[0]
	w.reopen()
	w.wantAudit("opening the database again", r.ID)
}

func auditPruned(w *world) {
	old := w.audited(12)
	w.advance(retention.Audit - 5*time.Minute - time.Second)
	fresh := w.audited(1)[0]
	pruned := w.pruneAll()
	if pruned.Audit != 7 { // those of the first seven minutes
		w.t.Errorf("Prune = %d audit records; want 7", pruned.Audit)
	}
	want := []string{fresh.ID}
	for _, r := range slices.Backward(old[7:]) {
		want = append(want, r.ID)
	}
	w.wantAudit(fmt.Sprintf("Prune with a retention of %v", retention.Audit), want...)
}
