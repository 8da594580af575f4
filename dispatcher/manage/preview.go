package manage

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Sample is the event of a preview.
type Sample struct {
	// Event is the id of an event of the tenant's that is previewed, and then nothing else
	// is said here. What is redacted in it (see webhook.EventType) is Hidden in the preview.
	Event string
	// EventType must not be under "webhook.". Defaults to "ping".
	EventType string
	// Data is any JSON value in UTF-8. Defaults to the example of the event type, or else
	// that of a test.
	Data json.RawMessage
	// Source, Channels and Metadata are as of webhook.Event.
	Source   string
	Channels []string
	Metadata map[string]string
}

// Preview is what an endpoint would make of an event.
type Preview struct {
	// Matched says that the endpoint would get the event, and Why names the fact that
	// decides, in a sentence.
	Matched bool
	Why     string
	// Class is filter_error or transform_error if the filter or the transform fails
	// for the event, internal if it cannot be anonymised, and else ClassNone.
	Class webhook.ErrorClass
	// Transformed is the data after the transform, and Data after it was anonymised as
	// well; Body is all that would be sent, before encryption. They are there for an
	// event that does not match, too, and empty if the transform fails.
	Transformed, Data json.RawMessage
	Body              []byte
	// Headers are those that the format sets. The id in them is made up.
	Headers map[string]string
}

// Preview tells what an endpoint would make of an event: whether it would get it, why,
// and what would be sent. Nothing is stored or sent. Errors are store.ErrNotFound,
// store.ErrPayloadGone and *webhook.InvalidError with the fields event_id, event_type, payload
// and those of the sample.
func (m *Manager) Preview(ctx context.Context, tenant, endpoint string, s Sample) (Preview, error) {
	rec, err := m.record(ctx, tenant, endpoint)
	if err != nil {
		return Preview{}, err
	}
	return m.preview(ctx, rec.Endpoint, s)
}

// PreviewUnsaved is Preview for an endpoint as it would be, which has a Tenant and what
// else has a part in it: event types, sources, channels, filter, transform, anonymize,
// format and batch. What is wrong with those is a *webhook.InvalidError.
func (m *Manager) PreviewUnsaved(ctx context.Context, ep webhook.Endpoint, s Sample) (Preview, error) {
	ep = ep.WithDefaults()
	var inv, of webhook.InvalidError
	m.check(&ep, &of)
	for _, f := range of.Fields {
		if slices.Contains(previewed, f.Field) {
			inv.Fields = append(inv.Fields, f)
		}
	}
	if err := inv.Err(); err != nil {
		return Preview{}, err
	}
	return m.preview(ctx, ep, s)
}

// previewed are the fields that have a part in a preview.
var previewed = []string{"tenant", "event_types", "sources", "channels", "filter", "transform", "anonymize", "format", "batch.max_events"}

func (m *Manager) preview(ctx context.Context, ep webhook.Endpoint, s Sample) (Preview, error) {
	ev, err := m.sampleEvent(ctx, ep.Tenant, s)
	if err != nil {
		return Preview{}, err
	}
	look := m.d.Preview
	if s.Event != "" {
		look = m.d.PreviewRedacted
	}
	match, sent, err := look(ctx, ep, ev)
	if err != nil {
		return Preview{}, testFields(err)
	}
	p := Preview{
		Matched: match == dispatcher.Matched, Why: previewWhy[match], Class: sent.Class,
		Transformed: sent.Transformed, Data: sent.Data, Body: sent.Body, Headers: make(map[string]string, len(sent.Header)),
	}
	if match == dispatcher.FilterFails {
		p.Class = webhook.ClassFilterError
	}
	for name, values := range sent.Header {
		p.Headers[name] = values[0]
	}
	return p, nil
}

// sampleEvent returns the event of a sample: a stored one, or one that is made up.
func (m *Manager) sampleEvent(ctx context.Context, tenant string, s Sample) (webhook.Event, error) {
	if s.Event != "" {
		return m.storedSample(ctx, tenant, s)
	}
	ev := webhook.Event{
		Type: cmp.Or(s.EventType, defaultTestType), Data: s.Data, Source: s.Source, Channels: s.Channels, Metadata: s.Metadata,
	}
	if ev.Data == nil {
		ev.Data = m.defaultData(ctx, ev.Type)
	}
	return ev, nil
}

func (m *Manager) storedSample(ctx context.Context, tenant string, s Sample) (webhook.Event, error) {
	id := s.Event
	s.Event = ""
	if !reflect.ValueOf(s).IsZero() {
		return webhook.Event{}, webhook.Invalid("event_id", webhook.CodeInvalidField, "Must not come together with an event of your own.")
	}
	err := known(webhook.PrefixEvent, tenant, id)
	var ev webhook.Event
	if err == nil {
		ev, err = m.store.Event(ctx, tenant, id)
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return ev, webhook.Invalid("event_id", webhook.CodeInvalidField, "There is no such event.")
	case err != nil:
		return ev, err
	case ev.Data == nil:
		return ev, fmt.Errorf("preview: %w", store.ErrPayloadGone)
	}
	return webhook.Event{
		Type: ev.Type, Data: ev.Data, Source: ev.Source, Subject: ev.Subject, Channels: ev.Channels, Metadata: ev.Metadata, Timestamp: ev.Timestamp,
	}, nil
}

// previewWhy says why an endpoint gets an event, or not.
var previewWhy = map[dispatcher.Match]string{
	dispatcher.Matched:       "The endpoint gets this event: its event_types, sources, channels and filter all let it through.",
	dispatcher.OtherType:     "The endpoint does not get this event: none of its event_types covers the event's type.",
	dispatcher.OtherSource:   "The endpoint does not get this event: the event's source is not among its sources.",
	dispatcher.OtherChannels: "The endpoint does not get this event: it shares none of its channels.",
	dispatcher.Filtered:      "The endpoint does not get this event: its filter does not match.",
	dispatcher.FilterFails:   "The delivery of this event would fail: the endpoint's filter looks at something that the event does not have, or costs too much (filter_error).",
}
