package postgres_test

import (
	"cmp"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// jobs lease a job and redeliver five deliveries of the history.
func (w *life) jobs() []step {
	job := store.Job{ID: webhook.NewID(webhook.PrefixJob), Tenant: "dead"}
	return []step{
		{"CreateJob", 1, func(p *process) error { return p.CreateJob(w.ctx, time.Now(), job) }},
		{"LeaseJobs", 10, func(p *process) error {
			jobs, err := p.LeaseJobs(w.ctx, time.Now(), w.epoch, 1)
			if err == nil && len(jobs) == 1 {
				job = jobs[0] // of several runs of the test, the oldest
			}
			return cmp.Or(err, wantLen(jobs, 1))
		}},
		{"Redeliver by a job", 10, func(p *process) error {
			s := store.JobStep{Tenant: job.Tenant, ID: job.ID, Was: job.Cursor, Cursor: "1"}
			for i := range 5 {
				s.Redeliver = append(s.Redeliver, w.b.id(w.t, webhook.PrefixDelivery, 20+5*int(w.epoch)+i))
			}
			return p.AdvanceJob(w.ctx, time.Now(), w.epoch, s)
		}},
		{"AdvanceJob", 1, func(p *process) error {
			return p.AdvanceJob(w.ctx, time.Now(), w.epoch, store.JobStep{Tenant: job.Tenant, ID: job.ID, Was: "1", End: true})
		}},
		{"Job", 1, func(p *process) error { _, err := p.Job(w.ctx, job.Tenant, job.ID); return err }},
		{"CancelJob", 2, func(p *process) error { return p.CancelJob(w.ctx, time.Now(), job.Tenant, job.ID) }},
		{"Tenants", 10, func(p *process) error {
			_, next, err := p.Tenants(w.ctx, "", 5)
			if err == nil {
				_, _, err = p.Tenants(w.ctx, next, 5)
			}
			return err
		}},
	}
}

func (w *life) directory() []step {
	return []step{
		{"TenantEndpoints, all", 1, func(p *process) error { _, _, err := p.TenantEndpoints(w.ctx, w.ep.name, 0); return err }},
		{"TenantEndpoints, the new ones", 1, func(p *process) error {
			_, revision, err := p.TenantEndpoints(w.ctx, "tenant 7", 1<<60)
			if err == nil && revision > 0 {
				_, _, err = p.TenantEndpoints(w.ctx, "tenant 7", revision-1)
			}
			return err
		}},
		{"ChangedEndpoints", 10, func(p *process) error { _, _, err := p.ChangedEndpoints(w.ctx, 0, 10); return err }},
		{"ChangedHealth", 1, func(p *process) error { _, err := p.ChangedHealth(w.ctx, time.Now(), time.Hour); return err }},
		{"LatestChange", 1, func(p *process) error { _, err := p.LatestChange(w.ctx); return err }},
		{"EngineEndpoints", 1, func(p *process) error {
			found, err := p.EngineEndpoints(w.ctx, []store.Lane{w.ep.lane()})
			return cmp.Or(err, wantLen(found, 1))
		}},
		{"UpdateEndpoint", 2, func(p *process) (err error) {
			for _, status := range []webhook.EndpointStatus{webhook.EndpointPaused, webhook.EndpointActive} {
				if w.ep.ep.Status = status; err == nil {
					w.ep.ep, err = p.UpdateEndpoint(w.ctx, time.Now(), w.ep.ep)
				}
			}
			return err
		}},
		{"RotateSecret", 2, func(p *process) error {
			secret := store.SecretRecord{ID: webhook.NewID(webhook.PrefixSecret), Tenant: w.ep.name, Endpoint: w.ep.ep.ID}
			return p.RotateSecret(w.ctx, time.Now(), secret, time.Now())
		}},
		{"Secrets", 2, func(p *process) error { _, err := p.Secrets(w.ctx, w.ep.name, w.ep.ep.ID); return err }},
		{"Endpoint", 1, func(p *process) error { _, err := p.Endpoint(w.ctx, w.ep.name, w.ep.ep.ID); return err }},
		{"ListEndpoints", 5, func(p *process) error { _, err := p.ListEndpoints(w.ctx, "tenant 7", store.Page{Limit: 5}); return err }},
		{"DeleteEndpoint", 2, func(p *process) error { return p.DeleteEndpoint(w.ctx, time.Now(), w.ep.name, w.ep.ep.ID) }},
	}
}

func (w *life) reads() []step {
	steps := []step{
		{"EventsByKey", 128, func(p *process) error {
			events, err := p.EventsByKey(w.ctx, w.events())
			return cmp.Or(err, wantLen(events, 128))
		}},
		{"Event", 1, func(p *process) error {
			_, err := p.Event(w.ctx, "dead", w.b.id(w.t, webhook.PrefixEvent, 1))
			return err
		}},
		{"ListEvents", 10, func(p *process) error { _, err := p.ListEvents(w.ctx, "dead", store.Page{Limit: 10}); return err }},
		{"Stats", 20, func(p *process) error {
			_, err := p.Stats(w.ctx, w.ep.name, store.StatScope{}, time.Now().Add(-time.Hour), time.Now())
			return err
		}},
		{"Setting", 1, func(p *process) error { _, err := p.Setting(w.ctx, "name", []byte("value")); return err }},
	}
	steps = append(steps, w.watched()...)
	list := func(name string, f store.DeliveryFilter) {
		steps = append(steps, step{"list " + name, 20, func(p *process) error {
			_, err := p.ListDeliveries(w.ctx, "dead", f, store.Page{Limit: 10})
			return err
		}})
	}
	list("all", store.DeliveryFilter{})
	list("of an event", store.DeliveryFilter{Event: w.b.id(w.t, webhook.PrefixEvent, 2)})
	list("of an endpoint", store.DeliveryFilter{Endpoint: "ep_42"})
	for _, status := range []webhook.DeliveryStatus{webhook.DeliveryPending, webhook.DeliveryDelivered, webhook.DeliveryFailed} {
		list(string(status), store.DeliveryFilter{Status: status})
		list(string(status)+" of an endpoint", store.DeliveryFilter{Status: status, Endpoint: "ep_42"})
	}
	for _, f := range []store.DeliveryFilter{
		{Status: webhook.DeliveryFailed, Endpoint: "ep_42"}, {Status: webhook.DeliveryFailed}, {Status: webhook.DeliveryDelivered, Endpoint: "ep_dead"},
	} {
		rows := 20
		if f.Endpoint == "ep_42" {
			rows = 0 // none of it has failed, but many of its tenant
		}
		steps = append(steps, step{fmt.Sprintf("oldest %s of %q", f.Status, f.Endpoint), rows, func(p *process) error {
			_, err := p.ListDeliveries(w.ctx, "dead", f, store.Page{Limit: 10, Oldest: true, After: w.b.id(w.t, webhook.PrefixDelivery, 40)})
			return err
		}})
	}
	list("of a time", store.DeliveryFilter{From: time.Now().Add(-time.Hour), To: time.Now()})
	return append(steps, w.finds()...)
}
