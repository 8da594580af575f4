package dispatcher

import (
	"bytes"
	"context"

	"github.com/postrider/postrider/dispatcher/audit"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// NewAudit completes a record of the audit log, which has Tenant, Action, Resource and
// what was before and after: with its id and the actor of ctx. It is for those who
// build on a dispatcher. The error is that of the source of entropy.
func (d *Dispatcher) NewAudit(ctx context.Context, r webhook.AuditRecord) (webhook.AuditRecord, error) {
	id, err := d.entropy.ID(webhook.PrefixAudit)
	if err != nil {
		return r, err
	}
	r.ID, r.Actor = id, webhook.ActorOf(ctx)
	return r, nil
}

// auditUpdate returns the record of an update of an endpoint. What is sealed is only
// opened if it has changed.
func (d *Dispatcher) auditUpdate(ctx context.Context, before, after *store.EndpointRecord) (webhook.AuditRecord, error) {
	r := webhook.AuditRecord{Tenant: after.Tenant, Resource: after.ID, Action: webhook.ActionEndpointUpdated}
	switch {
	case before.Status == after.Status:
	case after.Status == webhook.EndpointPaused:
		r.Action = webhook.ActionEndpointPaused
	default:
		r.Action = webhook.ActionEndpointResumed
	}
	was, became := before.Endpoint, after.Endpoint
	if !bytes.Equal(before.Sealed, after.Sealed) {
		var err error
		if was, err = d.OpenEndpoint(ctx, *before); err != nil {
			return r, err
		}
		if became, err = d.OpenEndpoint(ctx, *after); err != nil {
			return r, err
		}
	}
	r.Before, r.After = audit.Diff(&was, &became)
	return d.NewAudit(ctx, r)
}
