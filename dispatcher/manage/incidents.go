package manage

import (
	"context"
	"errors"
	"slices"

	"go.uber.org/zap"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Incidents returns a page of a tenant's incidents, newest first: what looked like an
// attack, or a mistake that is as bad, often enough within a window (see
// webhook.IncidentKind and dispatcher.Config.IncidentRules). What is the same within
// the window is one incident with a count, over all processes; counts are up to a few
// seconds old. They are kept as long as the audit log.
//
// Errors are *webhook.InvalidError with the fields kind, to (not after from) and after
// (not an incident's id).
func (m *Manager) Incidents(ctx context.Context, tenant string, filter store.IncidentFilter, page store.Page) ([]webhook.Incident, error) {
	var inv webhook.InvalidError
	if _, ok := filter.Kind.Rule(); !ok && filter.Kind != "" {
		inv.Add("kind", webhook.CodeInvalidField, "Must be a kind of incidents.")
	}
	checkList(&inv, webhook.PrefixIncident, filter.From, filter.To, page)
	if err := inv.Err(); err != nil {
		return nil, err
	}
	if !validTenant(tenant) || !storable(filter.Subject) {
		return nil, nil
	}
	return m.store.ListIncidents(ctx, tenant, filter, page)
}

// incident counts what looks like an attack.
func (m *Manager) incident(tenant string, kind webhook.IncidentKind, subject string) {
	if err := m.d.Incident(tenant, kind, subject); err != nil {
		m.d.Logger().Warn("count an incident", zap.String("kind", string(kind)), zap.Error(err))
	}
}

// refusedURL counts an endpoint that was refused because of its address.
func (m *Manager) refusedURL(tenant, endpoint string, err error) {
	if validTenant(tenant) && slices.ContainsFunc(fieldsOf(err), func(f webhook.FieldError) bool { return f.Code == webhook.CodeURLNotAllowed }) {
		m.incident(tenant, webhook.IncidentBlockedAddress, endpoint)
	}
}

// overQuota counts a tenant that is over a limit of its plan.
func (m *Manager) overQuota(tenant string, err error) {
	if over, ok := errors.AsType[*webhook.QuotaError](err); ok {
		m.incident(tenant, webhook.IncidentQuota, over.Limit)
	}
}
