package httpapi

import (
	"context"
	"slices"
	"strings"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// webhookFilter narrows the list of webhooks. Empty fields do not.
type webhookFilter struct {
	Status, EventType, Label, Query string
}

// wants reports whether the filter asks for an endpoint: one in this status, with this
// label, that gets events of this type, and whose URL, description, id or label has the
// query in it, in whatever case.
func (f *webhookFilter) wants(ep *webhook.Endpoint) bool {
	has := func(text string) bool {
		return strings.Contains(strings.ToLower(text), strings.ToLower(f.Query))
	}
	return (f.Status == "" || f.Status == string(ep.Status)) &&
		(f.Label == "" || slices.Contains(ep.Labels, f.Label)) &&
		(f.EventType == "" || slices.ContainsFunc(ep.EventTypes, func(p string) bool { return webhook.MatchPattern(p, f.EventType) })) &&
		(f.Query == "" || has(ep.URL) || has(ep.Description) || has(ep.ID) || slices.ContainsFunc(ep.Labels, has))
}

func (a *api) listWebhooks(ctx context.Context, in *struct {
	Status      string `query:"status" enum:"active,paused" doc:"Only those in this status."`
	EventType   string `query:"event_type" maxLength:"128" doc:"Only those that get events of this type."`
	Label       string `query:"label" maxLength:"64" doc:"Only those with this label."`
	Query       string `query:"q" maxLength:"255" doc:"Only those with this in URL, description, id or label."`
	Limit       int    `query:"limit" minimum:"1" maximum:"100" default:"50"`
	Cursor      string `query:"cursor" doc:"The next of the page before."`
	IfNoneMatch string `header:"If-None-Match"`
},
) (*tagged[listJSON[webhookJSON]], error) {
	filter := webhookFilter{in.Status, in.EventType, in.Label, in.Query}
	eps, next, err := fetch(ctx, a, listing{"webhooks", filter, in.Cursor, in.Limit},
		func(p store.Page) ([]webhook.Endpoint, error) { return a.findWebhooks(ctx, filter, p) },
		func(ep *webhook.Endpoint) string { return ep.ID })
	if err != nil {
		return nil, err
	}
	data, err := a.describeAll(ctx, eps)
	if err != nil {
		return nil, err
	}
	return cached(listJSON[webhookJSON]{Data: data, Next: next}, in.IfNoneMatch)
}

// findWebhooks returns a page of those that a filter asks for. A tenant's endpoints are
// few next to what it has of everything else, and are looked through.
func (a *api) findWebhooks(ctx context.Context, filter webhookFilter, page store.Page) ([]webhook.Endpoint, error) {
	want := page.Limit
	var found []webhook.Endpoint
	if filter != (webhookFilter{}) {
		page.Limit = store.MaxPage
	}
	for {
		eps, err := a.m.Endpoints(ctx, tenant(ctx), page)
		if err != nil {
			return nil, err
		}
		for i := range eps {
			if filter.wants(&eps[i]) && len(found) < want {
				found = append(found, eps[i])
			}
		}
		if len(found) == want || len(eps) < page.Limit {
			return found, nil
		}
		page.After = eps[len(eps)-1].ID
	}
}
