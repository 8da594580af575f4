package httpapi

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/postrider/postrider/dispatcher/httpapi/strict"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/webhook"
)

// previewInput is the event that a preview is of, and what of the webhook is tried out.
type previewInput struct {
	EventID   string            `json:"event_id,omitempty" doc:"An event of the history. Not together with an event of your own."`
	EventType string            `json:"event_type,omitempty" doc:"Defaults to ping."`
	Payload   json.RawMessage   `json:"payload,omitempty" doc:"Any JSON. Defaults to the example of the event type."`
	Source    string            `json:"source,omitempty"`
	Channels  []string          `json:"channels,omitempty"`
	Metadata  map[string]string `json:"metadata,omitempty"`
	Webhook   previewedJSON     `json:"webhook,omitzero" doc:"What the webhook would have; absent is what it has."`
}

// previewedJSON is what has a part in a preview and can be tried out before it is stored.
type previewedJSON struct {
	EventTypes []string        `json:"event_types,omitempty"`
	Filter     string          `json:"filter,omitempty" text:"lines"`
	Transform  string          `json:"transform,omitempty" text:"lines"`
	Format     string          `json:"format,omitempty"`
	Anonymize  []anonymizeJSON `json:"anonymize,omitempty"`
}

// previewJSON is what a webhook makes of an event.
type previewJSON struct {
	Matched     bool              `json:"matched"`
	Why         string            `json:"why" doc:"The fact that decides, in one sentence."`
	ErrorClass  string            `json:"error_class" doc:"Why there would be no request: filter_error, transform_error or internal; else empty."`
	Transformed json.RawMessage   `json:"transformed,omitempty" doc:"The data after the transform; absent if that fails."`
	Data        json.RawMessage   `json:"data,omitempty" doc:"The data after values were removed or hashed, too."`
	Body        string            `json:"body" doc:"All that would be sent, before encryption."`
	Headers     map[string]string `json:"headers" doc:"Those that the format sets. The id in them is made up."`
}

func (a *api) previewWebhook(ctx context.Context, in *bodyOf) (*answer[previewJSON], error) {
	var body previewInput
	var names strict.Names
	if len(in.RawBody) > 0 {
		var err error
		if names, err = strict.DecodeNames(in.RawBody, &body); err != nil {
			return nil, err
		}
	}
	sample := manage.Sample{
		Event: body.EventID, EventType: body.EventType, Data: body.Payload, Source: body.Source, Channels: body.Channels, Metadata: body.Metadata,
	}
	ep, err := a.m.Endpoint(ctx, tenant(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	if body.Webhook.apply(&ep, names) {
		p, err := a.m.PreviewUnsaved(ctx, ep, sample)
		return previewed(p, renamed(err, previewedFields))
	}
	return previewed(a.m.Preview(ctx, tenant(ctx), in.ID, sample))
}

// previewedFields are what the fields that are tried out are called in the body.
var previewedFields = map[string]string{
	"event_types": "webhook.event_types", "filter": "webhook.filter", "transform": "webhook.transform",
	"format": "webhook.format", "anonymize": "webhook.anonymize",
}

// apply gives an endpoint what is tried out, and reports whether there is anything.
func (in *previewedJSON) apply(ep *webhook.Endpoint, names strict.Names) (tried bool) {
	given := names.Below("webhook")
	if given.Has("event_types") {
		ep.EventTypes = in.EventTypes
	}
	if given.Has("filter") {
		ep.Filter = in.Filter
	}
	if given.Has("transform") {
		ep.Transform = in.Transform
	}
	if given.Has("format") {
		ep.Format = webhook.Format(in.Format)
	}
	if given.Has("anonymize") {
		ep.Anonymize = anonymizations(in.Anonymize)
	}
	return slices.ContainsFunc([]string{"event_types", "filter", "transform", "format", "anonymize"}, given.Has)
}

func anonymizations(list []anonymizeJSON) (out []webhook.Anonymization) {
	for _, an := range list {
		out = append(out, webhook.Anonymization{Pointer: an.Pointer, Action: webhook.AnonymizeAction(an.Action)})
	}
	return out
}

func previewed(p manage.Preview, err error) (*answer[previewJSON], error) {
	if err != nil {
		return nil, err
	}
	return uncached(previewJSON{p.Matched, p.Why, string(p.Class), p.Transformed, p.Data, string(p.Body), p.Headers}), nil
}
