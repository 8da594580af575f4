package httpapi

import (
	"context"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

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
	filter := manage.EndpointFilter{Status: webhook.EndpointStatus(in.Status), EventType: in.EventType, Label: in.Label, Query: in.Query}
	eps, next, err := fetch(ctx, a, listing{"webhooks", filter, in.Cursor, in.Limit},
		func(p store.Page) ([]webhook.Endpoint, error) { return a.m.FindEndpoints(ctx, tenant(ctx), filter, p) },
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
