package store

import (
	"context"
	"time"

	"github.com/postrider/postrider/webhook"
)

// Audit is the log of who changed what. It has no method that writes: the methods
// that change what people look at take the records that go with the change, and
// write them in its transaction, with the store's time, or not at all. A call
// that changes nothing writes none, and neither does one that returns an error.
type Audit interface {
	// ListAudit returns a tenant's records, newest first. An empty list is not
	// an error.
	ListAudit(ctx context.Context, tenant string, filter AuditFilter, page Page) ([]webhook.AuditRecord, error)
}

// AuditFilter narrows a list of audit records. Empty fields do not.
type AuditFilter struct {
	Action webhook.AuditAction
	// Actor is the name of who did it.
	Actor    string
	Resource string
	// From and To bound when it was done: From inclusive, To exclusive.
	From, To time.Time
}

// Wants reports whether a record is one that the filter asks for.
func (f *AuditFilter) Wants(r *webhook.AuditRecord) bool {
	return (f.Action == "" || f.Action == r.Action) &&
		(f.Actor == "" || f.Actor == r.Actor.Name) &&
		(f.Resource == "" || f.Resource == r.Resource) &&
		(f.From.IsZero() || !r.At.Before(f.From)) &&
		(f.To.IsZero() || r.At.Before(f.To))
}
