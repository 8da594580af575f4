package storetest

import (
	"context"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// ofTenant is what a call names: all of it is one tenant's, or nobody's.
type ofTenant struct {
	endpoint, event, ended, waiting, job, token string
	subject, key, quota                         string
}

// tenantCall calls a method for a tenant with what a tenant has. The answer must not
// depend on ids that the tenant does not have.
type tenantCall struct {
	method string
	call   func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error)
}

// tenantCalls has every method that acts for a tenant at least once. A method of the
// contract is here or in notOfATenant.
var tenantCalls = []tenantCall{
	{"Publish", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		p := w.publication(tenant)
		p.Event.IdempotencyKey, p.ContentHash = of.key, []byte("other content")
		results, err := w.store.Publish(ctx, w.now, []store.Publication{p})
		return results[0].Outcome, err
	}},
	{"Published", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return one(w.store.Published(ctx, []store.EventKey{{Tenant: tenant, ID: of.event}}))
	}},
	{"TenantEndpoints", func(ctx context.Context, w *world, tenant string, _ ofTenant) (any, error) {
		list, _, err := w.store.TenantEndpoints(ctx, tenant, 0)
		return len(list), err
	}},
	{"EngineEndpoints", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return one(w.store.EngineEndpoints(ctx, []store.Lane{{Tenant: tenant, Endpoint: of.endpoint}}))
	}},
	{"CreateEndpoint", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		rec := w.newEndpoint(tenant)
		rec.ID = of.endpoint
		_, err := w.store.CreateEndpoint(ctx, w.now, rec, w.newSecret(tenant, rec.ID), store.Creation{}, w.auditOf(tenant, rec.ID))
		return nil, err
	}},
	{"UpdateEndpoint", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		rec := w.newEndpoint(tenant)
		rec.ID, rec.Version = of.endpoint, 1
		return one(w.store.UpdateEndpoint(ctx, w.now, rec, w.auditOf(tenant, rec.ID)))
	}},
	{"DeleteEndpoint", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return nil, w.store.DeleteEndpoint(ctx, w.now, tenant, of.endpoint, w.auditOf(tenant, of.endpoint))
	}},
	{"Endpoint", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return one(w.store.Endpoint(ctx, tenant, of.endpoint))
	}},
	{"ListEndpoints", func(ctx context.Context, w *world, tenant string, _ ofTenant) (any, error) {
		return one(w.store.ListEndpoints(ctx, tenant, store.Page{}))
	}},
	{"FindEvents", func(ctx context.Context, w *world, tenant string, _ ofTenant) (any, error) {
		return one(w.store.FindEvents(ctx, tenant, store.EventFilter{TypePrefix: "inv"}, store.Page{}))
	}},
	{"FindDeliveries", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return one(w.store.FindDeliveries(ctx, tenant, store.DeliveryFilter{Endpoint: of.endpoint, TypePrefix: "inv"}, store.Page{}))
	}},
	{"EventsWithoutData", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return one(w.store.EventsWithoutData(ctx, tenant, []string{of.event}))
	}},
	{"Outcomes", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return one(w.store.Outcomes(ctx, tenant, []string{of.event}))
	}},
	{"CountFilters", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return nil, w.store.CountFilters(ctx, w.now, tenant, []store.FilterCount{{Endpoint: of.endpoint, Passed: 1}})
	}},
	{"Secrets", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return one(w.store.Secrets(ctx, tenant, of.endpoint))
	}},
	{"RotateSecret", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return nil, w.store.RotateSecret(ctx, w.now, w.newSecret(tenant, of.endpoint), w.now, w.auditOf(tenant, of.endpoint))
	}},
	{"Cancel", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return one(w.store.Cancel(ctx, w.now, tenant, []string{of.waiting, of.ended}, w.auditOf(tenant, of.waiting)))
	}},
	{"Redeliver", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return nil, w.store.Redeliver(ctx, w.now, tenant, of.ended, w.auditOf(tenant, of.ended))
	}},
	{"ReserveRates", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		req := store.RateRequest{Tenant: tenant, Name: of.endpoint, Interval: time.Minute, Want: 1}
		return one(w.store.ReserveRates(ctx, w.now, []store.RateRequest{req}))
	}},
	{"ReserveQuota", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return one(w.store.ReserveQuota(ctx, w.now, store.QuotaRequest{Tenant: tenant, Name: of.quota, Window: month, Limit: 10, Need: 10}))
	}},
	{"QuotaUsed", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return one(w.store.QuotaUsed(ctx, tenant, of.quota, month))
	}},
	{"CountEndpoints", func(ctx context.Context, w *world, tenant string, _ ofTenant) (any, error) {
		return one(w.store.CountEndpoints(ctx, tenant))
	}},
	{"Event", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return one(w.store.Event(ctx, tenant, of.event))
	}},
	{"EventsByKey", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return one(w.store.EventsByKey(ctx, []store.EventKey{{Tenant: tenant, ID: of.event}}))
	}},
	{"ListEvents", func(ctx context.Context, w *world, tenant string, _ ofTenant) (any, error) {
		return one(w.store.ListEvents(ctx, tenant, store.Page{}))
	}},
	{"Delivery", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return one(w.store.Delivery(ctx, tenant, of.ended))
	}},
	{"TailDeliveries", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		got, err := w.store.TailDeliveries(ctx, w.now, w.now.Add(-time.Hour), []store.TailAsk{
			{Tenant: tenant, Backlog: true}, {Tenant: tenant, Endpoint: of.endpoint, Backlog: true, Known: []string{of.ended, of.waiting}},
		})
		return got.Deliveries, err
	}},
	{"ListDeliveries", func(ctx context.Context, w *world, tenant string, _ ofTenant) (any, error) {
		return one(w.store.ListDeliveries(ctx, tenant, store.DeliveryFilter{}, store.Page{}))
	}},
	{"ListDeliveries", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return one(w.store.ListDeliveries(ctx, tenant, store.DeliveryFilter{Endpoint: of.endpoint}, store.Page{}))
	}},
	{"ListDeliveries", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return one(w.store.ListDeliveries(ctx, tenant, store.DeliveryFilter{Event: of.event}, store.Page{}))
	}},
	{"Attempts", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return one(w.store.Attempts(ctx, tenant, of.ended))
	}},
	{"Place", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return one(w.store.Place(ctx, tenant, of.waiting))
	}},
	{"SubjectEvents", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return one(w.store.SubjectEvents(ctx, tenant, of.subject, store.Page{}))
	}},
	{"EraseSubject", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return one(w.store.EraseSubject(ctx, w.now, tenant, of.subject, many))
	}},
	{"PruneTenant", func(ctx context.Context, w *world, tenant string, _ ofTenant) (any, error) {
		return one(w.store.PruneTenant(ctx, w.now, tenant, w.now.Add(time.Hour), many))
	}},
	{"AddSubjectKeys", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		stored, err := w.store.AddSubjectKeys(ctx, []store.SubjectKey{keyOf(tenant, of.subject, 1, "sealed")})
		if err != nil {
			return nil, err
		}
		return string(stored[0].Sealed), nil
	}},
	{"SubjectKeys", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return one(w.store.SubjectKeys(ctx, []store.SubjectKeyName{{Tenant: tenant, Subject: of.subject, Period: 1}}))
	}},
	{"DeleteSubjectKeys", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return one(w.store.DeleteSubjectKeys(ctx, tenant, of.subject))
	}},
	{"CreateJob", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		j := store.Job{ID: of.job, Tenant: tenant, Kind: store.JobRedeliver}
		return nil, w.store.CreateJob(ctx, w.now, j, w.auditOf(tenant, of.job))
	}},
	{"Job", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return one(w.store.Job(ctx, tenant, of.job))
	}},
	{"CancelJob", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return nil, w.store.CancelJob(ctx, w.now, tenant, of.job, w.auditOf(tenant, of.job))
	}},
	{"AdvanceJob", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		s := store.JobStep{Tenant: tenant, ID: of.job, Cursor: "1", Redeliver: []string{of.ended}}
		return nil, w.store.AdvanceJob(ctx, w.now, w.epoch, s)
	}},
	{"Stats", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return one(w.store.Stats(ctx, tenant, store.StatScope{Endpoint: of.endpoint}, w.now.Add(-time.Hour), w.now.Add(time.Hour)))
	}},
	{"ListAudit", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return one(w.store.ListAudit(ctx, tenant, store.AuditFilter{Resource: of.endpoint}, store.Page{}))
	}},
	{"ListIncidents", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return one(w.store.ListIncidents(ctx, tenant, store.IncidentFilter{Subject: of.endpoint}, store.Page{}))
	}},
	{"CountIncidents", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		got, err := w.store.CountIncidents(ctx, w.now, []store.IncidentCount{w.incident(tenant, of.endpoint, 1)})
		if err != nil {
			return nil, err
		}
		return got[0].Count, nil
	}},
	{"CreateToken", func(ctx context.Context, w *world, tenant string, _ ofTenant) (any, error) {
		t, hash := w.token(tenant)
		_, err := w.store.CreateToken(ctx, w.now, t, hash, 1, w.auditOf(tenant, t.ID))
		w.must(w.store.RevokeToken(ctx, w.now, tenant, t.ID), "RevokeToken")
		return nil, err
	}},
	{"RevokeToken", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return nil, w.store.RevokeToken(ctx, w.now, tenant, of.token, w.auditOf(tenant, of.token))
	}},
	{"UseToken", func(ctx context.Context, w *world, tenant string, of ofTenant) (any, error) {
		return nil, w.store.UseToken(ctx, w.now.Add(time.Minute), tenant, of.token)
	}},
	{"ListTokens", func(ctx context.Context, w *world, tenant string, _ ofTenant) (any, error) {
		return one(w.store.ListTokens(ctx, tenant, webhook.TokenAPIKey, store.Page{}))
	}},
}

// notOfATenant are the other methods, and why a tenant cannot reach them.
var notOfATenant = map[string]string{
	"ChangedEndpoints": "the engine follows all tenants", "LatestChange": "the engine follows all tenants",
	"Tenants": "the engine's, for a broadcast of the host", "ChangedHealth": "the engine's, for all tenants",
	"Acquire": "of a process", "Renew": "of a process", "Resign": "of a process", "Reap": "of a process",
	"Held": "what a process has; the fence decides", "Poll": "what is due of all tenants", "Take": "what is due of all tenants",
	"Start": "what a process has; the fence decides", "Settle": "what a process has; the fence decides", "Bind": "what a process has; the fence decides",
	"LeaseJobs":        "of a process, for all tenants",
	"PruneSubjectKeys": "by age, for all tenants", "SealedValues": "the host's, for all tenants", "ReplaceSealed": "the host's, for all tenants",
	"Lag": "of a process, for all tenants", "Prune": "by age, for all tenants", "Setting": "of all processes",
	"TokenByHash":  "who has the secret says whose it is",
	"PutEventType": "types are the host's", "EventTypes": "types are the host's",
}

// one returns a value and an error.
func one[T any](v T, err error) (any, error) { return v, err }

var tenantCases = func() []testCase {
	cases := []testCase{{"AllMethodsAreCovered", tenantsCovered}}
	seen := make(map[string]int)
	for _, c := range tenantCalls {
		name := c.method
		if seen[c.method]++; seen[c.method] > 1 {
			name += strconv.Itoa(seen[c.method])
		}
		cases = append(cases, testCase{name, func(w *world) { tenantAnswer(w, c) }})
	}
	return cases
}()

// tenantsCovered compares the lists with the contract.
func tenantsCovered(w *world) {
	listed := make(map[string]bool)
	for _, c := range tenantCalls {
		listed[c.method] = true
	}
	for m := range reflect.TypeFor[store.Store]().Methods() {
		if listed[m.Name] == (notOfATenant[m.Name] != "") {
			w.t.Errorf("store.Store.%s is on both lists of methods or on none: nothing tells whether tenants are separate there", m.Name)
		}
	}
}

// belongings makes acme have one of everything.
func (w *world) belongings() ofTenant {
	w.t.Helper()
	epoch := w.acquire()
	ep := w.endpoint(acme)
	publish := func() store.Publication {
		p := w.publication(acme, ep.ID)
		p.Event.Subject, p.Event.IdempotencyKey = "ada", w.id(webhook.PrefixEvent)
		w.stored(p)
		return p
	}
	first := publish()
	w.accepted(epoch, w.delivered(w.poll(epoch)[0]))
	second := publish()
	j := w.createJob()
	w.leaseJobs(w.store, epoch)
	w.quota(quotaOf(10, 3, 0))
	_, err := w.store.ReserveRates(w.ctx, w.now, []store.RateRequest{{Tenant: acme, Name: ep.ID, Interval: time.Minute, Want: 1}})
	w.must(err, "ReserveRates")
	w.countIncidents(w.incident(acme, ep.ID, 5))
	w.addKeys(w.store, keyOf(acme, "ada", 1, "acme's key"))
	_, err = w.store.UpdateEndpoint(w.ctx, w.now, ep, w.auditOf(acme, ep.ID))
	w.must(err, "UpdateEndpoint")
	token := w.createToken(w.token(acme))
	return ofTenant{
		endpoint: ep.ID, event: first.Event.ID, ended: first.Deliveries[0].ID, waiting: second.Deliveries[0].ID, job: j.ID,
		token: token.ID, subject: "ada", key: first.Event.IdempotencyKey, quota: "events",
	}
}

// nobodys names things that nobody has.
func (w *world) nobodys() ofTenant {
	return ofTenant{
		endpoint: w.id(webhook.PrefixEndpoint), event: w.id(webhook.PrefixEvent), ended: w.id(webhook.PrefixDelivery),
		waiting: w.id(webhook.PrefixDelivery), job: w.id(webhook.PrefixJob), token: w.id(webhook.PrefixAPIKey), subject: "nobody", key: "nobody", quota: "nothing",
	}
}

// tenantAnswer calls a method for globex with what acme has and with what nobody has: the answers are the same, and acme keeps what it
// has.
func tenantAnswer(w *world, c tenantCall) {
	theirs, nobodys := w.belongings(), w.nobodys()
	before := w.all(theirs)
	foreign, foreignErr := c.call(w.ctx, w, globex, theirs)
	unknown, unknownErr := c.call(w.ctx, w, globex, nobodys)
	if fmt.Sprint(foreignErr) != fmt.Sprint(unknownErr) {
		w.t.Errorf("%s of another tenant's = error %v; want that of what nobody has, %v", c.method, foreignErr, unknownErr)
	}
	if a, b := fmt.Sprintf("%+v", foreign), fmt.Sprintf("%+v", unknown); a != b || strings.Contains(a, acme) {
		w.t.Errorf("%s of another tenant's = %s; want what nobody's gets, %s", c.method, a, b)
	}
	if after := w.all(theirs); before != after {
		w.t.Errorf("%s by another tenant changed\n%s to\n%s", c.method, before, after)
	}
}

// all returns what can be read of acme.
func (w *world) all(of ofTenant) string {
	w.t.Helper()
	var b strings.Builder
	for _, c := range tenantCalls {
		switch c.method {
		case "Endpoint", "EngineEndpoints", "ListEndpoints", "Secrets", "QuotaUsed", "CountEndpoints", "Event", "ListEvents", "Delivery",
			"ListDeliveries", "Attempts", "Place", "SubjectEvents", "SubjectKeys", "Job", "Stats", "ListAudit", "ListIncidents", "ListTokens":
			v, err := c.call(w.ctx, w, acme, of)
			w.must(err, c.method)
			fmt.Fprintf(&b, "%s: %+v\n", c.method, v)
		}
	}
	rates, err := w.store.ReserveRates(w.ctx, w.now, []store.RateRequest{{Tenant: acme, Name: of.endpoint, Interval: time.Minute}})
	w.must(err, "ReserveRates")
	fmt.Fprintf(&b, "ReserveRates: %+v\n", rates)
	return b.String()
}
