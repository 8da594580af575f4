package store

import (
	"context"
	"time"

	"github.com/postrider/postrider/webhook"
)

// Incidents counts what looks like an attack, over all processes.
type Incidents interface {
	// CountIncidents adds to incidents, in one transaction, and returns them as they
	// are then, in the order given: that of the same tenant, kind and subject whose
	// window has not ended or, if there is none, a new one that begins now. Of
	// several callers one begins it. Repeating it after ErrUnknown may count twice.
	CountIncidents(ctx context.Context, now time.Time, counts []IncidentCount) ([]webhook.Incident, error)

	// ListIncidents returns a tenant's incidents whose count has reached their
	// threshold, newest first. An empty list is not an error.
	ListIncidents(ctx context.Context, tenant string, filter IncidentFilter, page Page) ([]webhook.Incident, error)
}

// IncidentCount is how often something has happened.
type IncidentCount struct {
	// ID is the incident's, if it is a new one.
	ID, Tenant string
	Kind       webhook.IncidentKind
	Subject    string
	Count      int64
	// Rule is that of a new incident.
	Rule webhook.IncidentRule
}

// IncidentFilter narrows a list of incidents. Empty fields do not.
type IncidentFilter struct {
	Kind    webhook.IncidentKind
	Subject string
	// From and To bound when it began: From inclusive, To exclusive.
	From, To time.Time
}

// Wants reports whether an incident is one that the filter asks for.
func (f *IncidentFilter) Wants(i *webhook.Incident) bool {
	return (f.Kind == "" || f.Kind == i.Kind) &&
		(f.Subject == "" || f.Subject == i.Subject) &&
		(f.From.IsZero() || !i.Since.Before(f.From)) &&
		(f.To.IsZero() || i.Since.Before(f.To))
}
