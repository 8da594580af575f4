package httpapi

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// tags are the groups of routes, by the first word of their actions.
var tags = []*huma.Tag{
	{Name: "webhooks", Description: "Where events are sent, and how."},
	{Name: "deliveries", Description: "What became of each event at each webhook."},
	{Name: "events", Description: "What was published."},
	{Name: "event_types", Description: "What kinds of events there are."},
	{Name: "statistics", Description: "How it went over time."},
	{Name: "limits", Description: "What the plan allows."},
	{Name: "tokens", Description: "Who is let in."},
	{Name: "audit", Description: "Who changed what, and what should be safer."},
	{Name: "subjects", Description: "What is kept about a person."},
	{Name: "source_ips", Description: "Where deliveries come from."},
}

// documentBody describes the body of a request, whose bytes huma leaves to us.
func documentBody(h huma.API, rt route) {
	item := h.OpenAPI().Paths[rt.path]
	op := map[string]*huma.Operation{
		http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodPatch: item.Patch, http.MethodDelete: item.Delete,
	}[rt.method]
	media := &huma.MediaType{Schema: h.OpenAPI().Components.Schemas.Schema(reflect.TypeOf(rt.body), true, "")}
	if example := examples[rt.method+" "+rt.path]; example != "" {
		media.Example = json.RawMessage(example)
	}
	op.RequestBody = &huma.RequestBody{Content: map[string]*huma.MediaType{jsonType: media}}
	if rt.method == http.MethodPatch {
		op.RequestBody.Content[mergePatchType] = media
	}
}

// documentAnswers adds the media types of answers that huma does not know of.
func documentAnswers(h huma.API, rt route) {
	if rt.answers == nil {
		return
	}
	content := make(map[string]*huma.MediaType, len(rt.answers))
	for media, v := range rt.answers {
		content[media] = &huma.MediaType{Schema: h.OpenAPI().Components.Schemas.Schema(reflect.TypeOf(v), true, "")}
	}
	h.OpenAPI().Paths[rt.path].Get.Responses[strconv.Itoa(http.StatusOK)] = &huma.Response{Description: http.StatusText(http.StatusOK), Content: content}
}

// documentOf returns the document as JSON. No list is ever null.
func documentOf(h huma.API) ([]byte, error) {
	schemas := h.OpenAPI().Components.Schemas.Map()
	delete(schemas, "ErrorModel") // huma's own problems, which nobody gets to see
	delete(schemas, "ErrorDetail")
	for name, required := range map[string][]string{"WebhookInput": {"url"}, "EventTypeInput": {"name"}, "EventTypeReplacement": nil} {
		if input := schemas[name]; input != nil {
			input.Required = required
		}
	}
	schemas["WebhookPatch"] = &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: true, Description: "Fields of a WebhookInput; null takes one away (RFC 7396).",
	}
	for _, s := range schemas {
		neverNull(s)
	}
	for _, item := range h.OpenAPI().Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op == nil {
				continue
			}
			if op.DefaultStatus == http.StatusNoContent {
				op.Responses[strconv.Itoa(http.StatusNoContent)].Content = nil
			}
			exemplify(op)
		}
	}
	return json.Marshal(h.OpenAPI())
}

// exemplify gives the answers of an operation their example.
func exemplify(op *huma.Operation) {
	example := answerExamples[op.Method+" "+op.Path]
	for status, r := range op.Responses {
		media := r.Content[jsonType]
		if media != nil && example != nil && strings.HasPrefix(status, "2") {
			media.Example = example
		}
		if media := r.Content[problemType]; media != nil {
			media.Example = errNotFound
		}
	}
}

func neverNull(s *huma.Schema) {
	if s == nil {
		return
	}
	if s.Type == huma.TypeArray {
		s.Nullable = false
	}
	neverNull(s.Items)
	for _, p := range s.Properties {
		neverNull(p)
	}
}
