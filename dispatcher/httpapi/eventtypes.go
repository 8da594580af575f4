package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/postrider/postrider/dispatcher/httpapi/strict"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// eventTypeJSON is an event type as it is read.
type eventTypeJSON struct {
	Name          string           `json:"name" doc:"It cannot be changed." example:"invoice.paid"`
	Group         string           `json:"group" example:"Billing"`
	Description   string           `json:"description" text:"lines"`
	Owner         string           `json:"owner" readOnly:"true" enum:"api,code" doc:"What is owned by code is changed there alone."`
	Deprecated    bool             `json:"deprecated"`
	DeprecatedFor string           `json:"deprecated_for" doc:"What to use in its place."`
	Archived      bool             `json:"archived" doc:"No event of an archived type is published."`
	Validation    string           `json:"validation" enum:"strict,warn" doc:"What becomes of payloads that the schema refuses."`
	Redact        []string         `json:"redact" doc:"JSON pointers to what people do not get to see of payloads."`
	Defaults      typeDefaultsJSON `json:"defaults" doc:"What counts where neither an event nor a webhook says otherwise."`
	Schema        json.RawMessage  `json:"schema,omitempty" doc:"The JSON Schema (2020-12) that payloads are checked by; absent is none."`
	SchemaVersion int              `json:"schema_version" readOnly:"true" doc:"The number of the schema; 0 is none."`
	Schemas       []schemaJSON     `json:"schemas,omitzero" required:"false" readOnly:"true" doc:"All versions, oldest first; of a single event type only."`
	AllowBreaking bool             `json:"allow_breaking,omitempty" writeOnly:"true" doc:"Registers a schema although it may break receivers."`
	Example       json.RawMessage  `json:"example,omitempty" doc:"A payload that the schema allows; absent is none."`
	Version       int64            `json:"version" readOnly:"true" doc:"Counts the changes."`
	CreatedAt     time.Time        `json:"created_at" readOnly:"true"`
	UpdatedAt     time.Time        `json:"updated_at" readOnly:"true"`
}

type typeDefaultsJSON struct {
	Priority string     `json:"priority,omitempty" enum:"high,normal,low"`
	Retry    *retryJSON `json:"retry,omitempty"`
	MaxAge   float64    `json:"max_age_seconds,omitempty" doc:"How long after its publication a delivery is tried; 0 is as long as it is retried."`
}

type schemaJSON struct {
	Version   int             `json:"version"`
	Schema    json.RawMessage `json:"schema"`
	CreatedAt time.Time       `json:"created_at"`
}

func eventTypeToJSON(t *webhook.EventType) eventTypeJSON {
	out := eventTypeJSON{
		Name: t.Name, Group: t.Group, Description: t.Description, Owner: string(t.Owner), Deprecated: t.Deprecated,
		DeprecatedFor: t.DeprecatedFor, Archived: t.Archived, Validation: string(webhook.ValidationStrict), Redact: list(t.Redact),
		Defaults: typeDefaultsJSON{Priority: string(t.Defaults.Priority), MaxAge: t.Defaults.MaxAge.Seconds()},
		Schema:   t.Schema(), Version: t.Version, CreatedAt: t.CreatedAt.UTC(), UpdatedAt: t.UpdatedAt.UTC(),
	}
	if t.Validation != "" {
		out.Validation = string(t.Validation)
	}
	if !t.Defaults.Retry.IsZero() {
		retry := retryToJSON(t.Defaults.Retry)
		out.Defaults.Retry = &retry
	}
	if n := len(t.Schemas); n > 0 {
		out.SchemaVersion = t.Schemas[n-1].Number
	}
	if len(t.Example) > 0 {
		out.Example = t.Example
	}
	return out
}

// eventTypeInput is an event type as it is registered.
type eventTypeInput eventTypeJSON

// eventTypeReplacement is an event type as it is replaced.
type eventTypeReplacement eventTypeJSON

// eventType returns the type of a body. What the body does not name gets its default.
func (in *eventTypeInput) eventType(names strict.Names) webhook.EventType {
	t := webhook.EventType{
		Name: in.Name, Group: in.Group, Description: in.Description, Deprecated: in.Deprecated, DeprecatedFor: in.DeprecatedFor,
		Archived: in.Archived, Validation: webhook.Validation(in.Validation), Redact: in.Redact,
		Defaults: webhook.TypeDefaults{Priority: webhook.Priority(in.Defaults.Priority), MaxAge: seconds(in.Defaults.MaxAge)},
	}
	if in.Defaults.Retry != nil {
		t.Defaults.Retry = in.Defaults.Retry.policy(names.Below("defaults"))
	}
	if names.Has("example") {
		t.Example = in.Example
	}
	return t
}

// typeETag returns that of an event type.
func typeETag(t *webhook.EventType) string { return `"` + strconv.FormatInt(t.Version, 10) + `"` }

func (a *api) listEventTypes(ctx context.Context, in *struct {
	Group       string `query:"group" maxLength:"64" doc:"Only those of this group."`
	Query       string `query:"q" maxLength:"128" doc:"Only those with this in name, group or description."`
	Archived    bool   `query:"archived" doc:"Archived ones, too."`
	Limit       int    `query:"limit" minimum:"1" maximum:"100" default:"50"`
	Cursor      string `query:"cursor" doc:"The next of the page before."`
	IfNoneMatch string `header:"If-None-Match"`
},
) (*tagged[listJSON[eventTypeJSON]], error) {
	filter := manage.EventTypeFilter{Group: in.Group, Archived: in.Archived}
	items, next, err := fetch(ctx, a, listing{"event types", []any{filter, in.Query}, in.Cursor, in.Limit},
		func(p store.Page) ([]webhook.EventType, error) { return a.findEventTypes(ctx, filter, in.Query, p) },
		func(t *webhook.EventType) string { return t.Name })
	if err != nil {
		return nil, err
	}
	return cached(pageJSON(items, next, eventTypeToJSON), in.IfNoneMatch)
}

// findEventTypes returns a page of the event types that have a text in them, in whatever
// case, by name. There are few, and a process has them in memory.
func (a *api) findEventTypes(ctx context.Context, filter manage.EventTypeFilter, query string, page store.Page) ([]webhook.EventType, error) {
	all, err := a.m.EventTypes(ctx, filter)
	if err != nil {
		return nil, err
	}
	has := func(text string) bool { return strings.Contains(strings.ToLower(text), strings.ToLower(query)) }
	var found []webhook.EventType
	for _, t := range all {
		if t.Name > page.After && len(found) < page.Limit && (has(t.Name) || has(t.Group) || has(t.Description)) {
			found = append(found, t)
		}
	}
	return found, nil
}

type byType struct {
	Type string `path:"type" doc:"The name of the event type."`
}

func (a *api) readEventType(ctx context.Context, in *struct {
	Type        string `path:"type" doc:"The name of the event type."`
	IfNoneMatch string `header:"If-None-Match" doc:"An ETag that the client has: if it is the present one the answer is 304."`
},
) (*tagged[eventTypeJSON], error) {
	t, err := a.m.EventType(ctx, in.Type)
	if err != nil {
		return nil, err
	}
	out := oneEventType(&t)
	if in.IfNoneMatch != "" && hasTag(in.IfNoneMatch, out.ETag) {
		out.Status = http.StatusNotModified
	}
	return out, nil
}

// oneEventType answers with an event type and all versions of its schema.
func oneEventType(t *webhook.EventType) *tagged[eventTypeJSON] {
	out := &tagged[eventTypeJSON]{Status: http.StatusOK, ETag: typeETag(t), CacheControl: cacheLists, Body: eventTypeToJSON(t)}
	out.Body.Schemas = make([]schemaJSON, len(t.Schemas))
	for i, v := range t.Schemas {
		out.Body.Schemas[i] = schemaJSON{v.Number, v.Schema, v.CreatedAt.UTC()}
	}
	return out
}

type createdEventType struct {
	Location     string `header:"Location"`
	ETag         string `header:"ETag"`
	CacheControl string `header:"Cache-Control"`
	Body         eventTypeJSON
}

func (a *api) registerEventType(ctx context.Context, in *createInput) (*createdEventType, error) {
	var body eventTypeInput
	names, err := strict.DecodeNames(in.RawBody, &body)
	if err != nil {
		return nil, err
	}
	t := body.eventType(names)
	if names.Has("schema") {
		t = t.WithSchema(body.Schema, time.Time{}) // the time is when it is registered
	}
	if t, err = a.m.RegisterEventType(ctx, t); err != nil {
		return nil, err
	}
	one := oneEventType(&t)
	return &createdEventType{
		Location: "events/" + url.PathEscape(t.Name), ETag: one.ETag, CacheControl: cacheNever, Body: one.Body,
	}, nil
}

func (a *api) replaceEventType(ctx context.Context, in *struct {
	Type    string `path:"type" doc:"The name of the event type."`
	IfMatch string `header:"If-Match" doc:"The ETag that the change is meant for; another one is 412."`
	RawBody []byte `contentType:"application/json"`
},
) (*tagged[eventTypeJSON], error) {
	var body eventTypeReplacement
	names, err := strict.DecodeNames(in.RawBody, &body)
	if err != nil {
		return nil, err
	}
	if names.Has("name") && body.Name != in.Type {
		return nil, webhook.Invalid("name", webhook.CodeInvalidField, "Cannot be changed.")
	}
	r := manage.Replacement{EventType: (*eventTypeInput)(&body).eventType(names), AllowBreaking: body.AllowBreaking}
	if names.Has("schema") {
		r.Schema = body.Schema
	}
	if in.IfMatch != "" {
		now, err := a.m.EventType(ctx, in.Type)
		if err != nil {
			return nil, err
		}
		if !hasTag(in.IfMatch, typeETag(&now)) {
			return nil, store.ErrVersion
		}
		r.IfVersion = now.Version
	}
	t, err := a.m.ReplaceEventType(ctx, in.Type, r)
	if err != nil {
		return nil, err
	}
	out := oneEventType(&t)
	out.CacheControl = cacheNever
	return out, nil
}

func (a *api) archiveEventType(ctx context.Context, in *byType) (*struct{}, error) {
	_, err := a.m.ArchiveEventType(ctx, in.Type)
	return nil, err
}
