package catalog

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/postrider/postrider/webhook"
)

// Info describes what an AsyncAPI document is about.
type Info struct {
	// Title is the name of the service that sends the events.
	Title string
	// Version is that of the document, such as "1.0.0".
	Version string
	// Description is for people. Defaults to none.
	Description string
}

// channel is where all events are sent: the URL of whoever subscribes.
const channel = "webhooks"

// AsyncAPI returns an AsyncAPI 3.0 document about event types, for tools that make
// documentation or code from it: one message for each type, in the standard format, that the
// service sends to the receiver's URL. Archived types are left out. The error says that a
// type's schema or example is no JSON.
func AsyncAPI(types []webhook.EventType, info Info) ([]byte, error) {
	messages, refs, ofOperation := object{}, object{}, []any{}
	types = slices.Clone(types)
	slices.SortFunc(types, func(a, b webhook.EventType) int { return strings.Compare(a.Name, b.Name) })
	for _, t := range types {
		if t.Archived {
			continue
		}
		m, err := message(t)
		if err != nil {
			return nil, fmt.Errorf("describe %s: %w", t.Name, err)
		}
		messages[t.Name] = m
		refs[t.Name] = object{"$ref": "#/components/messages/" + t.Name}
		ofOperation = append(ofOperation, object{"$ref": "#/channels/" + channel + "/messages/" + t.Name})
	}
	about := object{"title": info.Title, "version": info.Version}
	if info.Description != "" {
		about["description"] = info.Description
	}
	return json.MarshalIndent(object{
		"asyncapi": "3.0.0", "info": about, "defaultContentType": "application/json",
		"channels": object{channel: object{
			"address": nil, "title": "Webhooks", "messages": refs,
			"description": "The URL of an endpoint. Each event is sent in a signed POST request of its own, at least once.",
		}},
		"operations": object{"deliver": object{
			"action": "send", "title": "Deliver an event", "channel": object{"$ref": "#/channels/" + channel}, "messages": ofOperation,
		}},
		"components": object{"messages": messages, "schemas": object{"headers": headers}},
	}, "", "  ")
}

type object = map[string]any

func text(description, example string) object {
	return object{"type": "string", "description": description, "examples": []any{example}}
}

// headers are those of Standard Webhooks.
var headers = object{
	"type": "object",
	"properties": object{
		"webhook-id":        text("Id of the event: the same at each attempt. Handle an id once.", "evt_01J9ZD9V3K8Q4T6W2X0Y5B7C1D"),
		"webhook-timestamp": text("When the attempt was made, in seconds since 1970.", "1767225600"),
		"webhook-signature": text("Signatures of id, timestamp and body, separated by spaces.", "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="),
	},
	"required": []any{"webhook-id", "webhook-timestamp", "webhook-signature"},
}

// message describes an event type.
func message(t webhook.EventType) (object, error) {
	var data any = object{}
	if schema := t.Schema(); schema != nil {
		if err := json.Unmarshal(schema, &data); err != nil {
			return nil, err
		}
		data = embedded(data, "#/components/messages/"+t.Name+"/payload/properties/data")
	}
	m := object{
		"name": t.Name, "title": t.Name, "contentType": "application/json",
		"headers": object{"$ref": "#/components/schemas/headers"},
		"payload": object{
			"type": "object",
			"properties": object{
				"type":      object{"const": t.Name, "description": "Name of the event type."},
				"timestamp": object{"type": "string", "format": "date-time", "description": "When it happened."},
				"data":      data,
			},
			"required": []any{"type", "timestamp", "data"},
		},
	}
	if t.Description != "" {
		first, _, _ := strings.Cut(t.Description, "\n")
		m["summary"], m["description"] = first, t.Description
	}
	if t.Group != "" {
		m["tags"] = []any{object{"name": t.Group}}
	}
	if t.Deprecated {
		m["x-deprecated"], m["x-deprecated-for"] = true, t.DeprecatedFor
	}
	if len(t.Example) > 0 {
		if !json.Valid(t.Example) {
			return nil, fmt.Errorf("the example is no JSON")
		}
		m["examples"] = []any{object{"name": t.Name, "payload": object{
			"type": t.Name, "timestamp": "2026-01-01T00:00:00.000000Z", "data": json.RawMessage(t.Example),
		}}}
	}
	return m, nil
}

// embedded returns a schema as it is inside another document: its references lead to
// where it is, and it has no name or dialect of its own.
func embedded(v any, at string) any {
	switch v := v.(type) {
	case object:
		copied := object{}
		for k, below := range v {
			ref, isText := below.(string)
			switch {
			case isText && (k == "$schema" || k == "$id"):
			case isText && k == "$ref" && strings.HasPrefix(ref, "#"):
				copied[k] = at + ref[1:]
			default:
				copied[k] = embedded(below, at)
			}
		}
		return copied
	case []any:
		copied := make([]any, len(v))
		for i := range v {
			copied[i] = embedded(v[i], at)
		}
		return copied
	}
	return v
}
