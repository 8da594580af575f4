package postgres_test

import (
	"cmp"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// watched read the audit log and the incidents of a tenant that has many of both, and
// count incidents of its.
func (w *life) watched() []step {
	page, hour := store.Page{Limit: 10}, time.Hour
	audit := func(f store.AuditFilter, some bool) func(*process) error {
		return func(p *process) error {
			found, err := p.ListAudit(w.ctx, "dead", f, page)
			return cmp.Or(err, wantSome(found, some))
		}
	}
	listed := func(f store.IncidentFilter, some bool) func(*process) error {
		return func(p *process) error {
			found, err := p.ListIncidents(w.ctx, "dead", f, page)
			return cmp.Or(err, wantSome(found, some))
		}
	}
	count := func(subject string, before int64) func(*process) error {
		return func(p *process) error {
			found, err := p.CountIncidents(w.ctx, time.Now(), []store.IncidentCount{{
				ID: webhook.NewID(webhook.PrefixIncident), Tenant: "dead", Kind: webhook.IncidentBlockedAddress, Subject: subject, Count: 1,
				Rule: webhook.IncidentRule{Threshold: 1, Window: hour},
			}})
			if err == nil && len(found) == 1 && found[0].Count > before {
				return nil
			}
			return cmp.Or(err, fmt.Errorf("incidents = %+v; want one that was counted more often than %d times", found, before))
		}
	}
	token := webhook.Token{ID: webhook.NewID(webhook.PrefixAPIKey), Tenant: "lively", Kind: webhook.TokenAPIKey}
	hash := []byte(token.ID)
	late := time.Now().Add(hour)
	tail := func(since time.Time, asks ...store.TailAsk) func(*process) error {
		return func(p *process) error {
			_, err := p.TailDeliveries(w.ctx, time.Now(), since, asks)
			return err
		}
	}
	known := []string{w.b.id(w.t, webhook.PrefixDelivery, 2), w.b.id(w.t, webhook.PrefixDelivery, 40)}
	// Of the pending ones at an endpoint, 1,000 of the tenant's are looked at.
	const ofEndpoint = 1200
	return []step{
		{"TailDeliveries, idle", 1, tail(late, store.TailAsk{Tenant: "dead"}, store.TailAsk{Tenant: "dead", Endpoint: "ep_42"}, store.TailAsk{Tenant: "nobody"})},
		{"TailDeliveries", 400, tail(late.Add(-2*hour), store.TailAsk{Tenant: "dead"}, store.TailAsk{Tenant: "nobody"})},
		{"TailDeliveries of what is pending", 200, tail(late, store.TailAsk{Tenant: "dead", Backlog: true})},
		{"TailDeliveries of an endpoint", ofEndpoint, tail(late.Add(-2*hour), store.TailAsk{Tenant: "dead", Endpoint: "ep_42", Backlog: true})},
		{"TailDeliveries of what is known", 8, tail(late, store.TailAsk{Tenant: "dead", Known: known})},
		{"Lag", 2, func(p *process) error { _, err := p.Lag(w.ctx, time.Now()); return err }},
		{"ListAudit", 10, audit(store.AuditFilter{}, true)},
		{"ListAudit of an action", 10, audit(store.AuditFilter{Action: webhook.ActionEndpointUpdated, Actor: "ada"}, true)},
		{"ListAudit of a resource", 10, audit(store.AuditFilter{Resource: w.b.watched}, true)},
		{"ListAudit of nobody", 1, audit(store.AuditFilter{Resource: "ep_none"}, false)},
		{"ListAudit of a time", 1, audit(store.AuditFilter{From: late, To: late.Add(hour)}, false)},
		{"ListIncidents", 10, listed(store.IncidentFilter{}, true)},
		{"ListIncidents of a time", 1, listed(store.IncidentFilter{From: late, To: late.Add(hour)}, false)},
		{"CountIncidents, one more", 1, count(w.b.attacked, 1)},
		{"CountIncidents, the first", 1, count("ep_"+webhook.NewID(webhook.PrefixEndpoint), 0)},
		{"CreateToken", 1, func(p *process) error {
			_, err := p.CreateToken(w.ctx, time.Now(), token, hash, 10)
			return err
		}},
		{"TokenByHash", 1, func(p *process) error {
			_, err := p.TokenByHash(w.ctx, hash)
			return err
		}},
		{"UseToken", 1, func(p *process) error { return p.UseToken(w.ctx, time.Now(), token.Tenant, token.ID) }},
		{"ListTokens", 10, func(p *process) error {
			found, err := p.ListTokens(w.ctx, "dead", webhook.TokenAPIKey, page)
			return cmp.Or(err, wantSome(found, true))
		}},
		{"RevokeToken", 1, func(p *process) error { return p.RevokeToken(w.ctx, time.Now(), token.Tenant, token.ID) }},
	}
}

func wantSome[T any](list []T, some bool) error {
	if len(list) > 0 != some {
		return fmt.Errorf("%d found; want some: %v", len(list), some)
	}
	return nil
}
