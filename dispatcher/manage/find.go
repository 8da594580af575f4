package manage

import (
	"context"
	"slices"
	"strings"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// EndpointFilter narrows a list of endpoints. Empty fields do not.
type EndpointFilter struct {
	// Status and Label are those of the endpoint; it gets events of EventType.
	Status    webhook.EndpointStatus
	EventType string
	Label     string
	// Query is in its URL, description, id or a label, in whatever case.
	Query string
}

// wants reports whether the filter asks for an endpoint.
func (f *EndpointFilter) wants(ep *webhook.Endpoint) bool {
	has := func(text string) bool {
		return strings.Contains(strings.ToLower(text), strings.ToLower(f.Query))
	}
	return (f.Status == "" || f.Status == ep.Status) &&
		(f.Label == "" || slices.Contains(ep.Labels, f.Label)) &&
		(f.EventType == "" || slices.ContainsFunc(ep.EventTypes, func(p string) bool { return webhook.MatchPattern(p, f.EventType) })) &&
		(f.Query == "" || has(ep.URL) || has(ep.Description) || has(ep.ID) || slices.ContainsFunc(ep.Labels, has))
}

// FindEndpoints returns a page of those of a tenant's endpoints that a filter asks for,
// newest first, as Endpoint returns one. A tenant's endpoints are few next to what it has
// of everything else, and are looked through. None are not an error. The error is a
// *webhook.InvalidError if page.After is not an endpoint's id.
func (m *Manager) FindEndpoints(ctx context.Context, tenant string, filter EndpointFilter, page store.Page) ([]webhook.Endpoint, error) {
	want := page.Size()
	var found []webhook.Endpoint
	if filter != (EndpointFilter{}) {
		page.Limit = store.MaxPage
	}
	for {
		eps, err := m.Endpoints(ctx, tenant, page)
		if err != nil {
			return nil, err
		}
		for i := range eps {
			if filter.wants(&eps[i]) && len(found) < want {
				found = append(found, eps[i])
			}
		}
		if len(found) == want || len(eps) < page.Size() {
			return found, nil
		}
		page.After = eps[len(eps)-1].ID
	}
}
