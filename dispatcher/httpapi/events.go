package httpapi

import (
	"context"
	"encoding/json"
	"time"

	"github.com/postrider/postrider/dispatcher/httpapi/strict"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// eventInput is an event as it is published.
type eventInput struct {
	Type           string            `json:"type" example:"invoice.paid"`
	Data           json.RawMessage   `json:"data" doc:"Any JSON. It is stored, signed and sent byte for byte."`
	IdempotencyKey string            `json:"idempotency_key,omitempty"`
	Subject        string            `json:"subject,omitempty"`
	OrderingKey    string            `json:"ordering_key,omitempty"`
	Source         string            `json:"source,omitempty"`
	Channels       []string          `json:"channels,omitempty"`
	Priority       string            `json:"priority,omitempty" doc:"high, normal or low."`
	DeliverAt      time.Time         `json:"deliver_at,omitzero"`
	Metadata       map[string]string `json:"metadata,omitempty"`
}

func (in *eventInput) event(tenant string) webhook.Event {
	return webhook.Event{
		Tenant: tenant, Type: in.Type, Data: in.Data, IdempotencyKey: in.IdempotencyKey, Subject: in.Subject, OrderingKey: in.OrderingKey,
		Source: in.Source, Channels: in.Channels, Priority: webhook.Priority(in.Priority), DeliverAt: in.DeliverAt, Metadata: in.Metadata,
	}
}

type receiptJSON struct {
	ID         string `json:"id" doc:"The event's id; of a duplicate, the first event's." example:"evt_01JB2Z9F7M8Q4V6T3W5X7Y9Z0A"`
	Deliveries int    `json:"deliveries" doc:"How many webhooks it goes to."`
	Duplicate  bool   `json:"duplicate"`
}

func (a *api) publish(ctx context.Context, in *struct {
	RawBody []byte `contentType:"application/json"`
},
) (*answer[receiptJSON], error) {
	var body eventInput
	if err := strict.Decode(in.RawBody, &body); err != nil {
		return nil, err
	}
	receipt, err := a.d.Publish(ctx, body.event(tenant(ctx)))
	if err != nil {
		return nil, err
	}
	return uncached(receiptJSON{receipt.EventID, receipt.Deliveries, receipt.Duplicate}), nil
}

// batchInput is many events.
type batchInput struct {
	Events []eventInput `json:"events" doc:"At most 1,000."`
}

type batchJSONResult struct {
	Receipt *receiptJSON `json:"receipt,omitempty"`
	Problem *problem     `json:"problem,omitempty"`
}

type resultsJSON struct {
	Results []batchJSONResult `json:"results" doc:"A receipt or a problem for each event, in order."`
}

// maxEvents bounds a batch.
const maxEvents = 1000

func (a *api) publishMany(ctx context.Context, in *struct {
	RawBody []byte `contentType:"application/json"`
},
) (*answer[resultsJSON], error) {
	var body batchInput
	if err := strict.Decode(in.RawBody, &body); err != nil {
		return nil, err
	}
	if n := len(body.Events); n == 0 || n > maxEvents {
		return nil, webhook.Invalid("events", webhook.CodeInvalidField, "Must be 1 to 1,000 events.")
	}
	events := make([]webhook.Event, len(body.Events))
	for i := range body.Events {
		events[i] = body.Events[i].event(tenant(ctx))
	}
	results := make([]batchJSONResult, len(events))
	for i, p := range a.d.PublishMany(ctx, events) {
		if p.Err != nil {
			results[i].Problem = a.problemOf(ctx, p.Err)
			continue
		}
		results[i].Receipt = &receiptJSON{p.EventID, p.Deliveries, p.Duplicate}
	}
	return uncached(resultsJSON{results}), nil
}

// eventJSON is an event of the history.
type eventJSON struct {
	ID             string            `json:"id"`
	Type           string            `json:"type"`
	Timestamp      time.Time         `json:"timestamp"`
	IdempotencyKey string            `json:"idempotency_key"`
	Subject        string            `json:"subject"`
	OrderingKey    string            `json:"ordering_key"`
	Source         string            `json:"source"`
	Channels       []string          `json:"channels"`
	Priority       string            `json:"priority"`
	DeliverAt      *time.Time        `json:"deliver_at" nullable:"true"`
	Metadata       map[string]string `json:"metadata"`
	// Of a single event only.
	Data       json.RawMessage `json:"data,omitempty" doc:"The payload, of a single event only; absent once its retention has ended."`
	Deliveries []deliveryJSON  `json:"deliveries,omitzero" required:"false" doc:"The newest 100, of a single event only."`
	Counts     map[string]int  `json:"counts,omitzero" required:"false" doc:"How many of them are in each status."`
}

func eventToJSON(ev *webhook.Event) eventJSON {
	return eventJSON{
		ID: ev.ID, Type: ev.Type, Timestamp: ev.Timestamp.UTC(), IdempotencyKey: ev.IdempotencyKey, Subject: ev.Subject, OrderingKey: ev.OrderingKey,
		Source: ev.Source, Channels: list(ev.Channels), Priority: string(ev.Priority), DeliverAt: moment(ev.DeliverAt), Metadata: texts(ev.Metadata),
	}
}

func (a *api) listEvents(ctx context.Context, in *struct {
	Limit       int    `query:"limit" minimum:"1" maximum:"100" default:"50"`
	Cursor      string `query:"cursor" doc:"The next of the page before."`
	IfNoneMatch string `header:"If-None-Match"`
},
) (*tagged[listJSON[eventJSON]], error) {
	items, next, err := fetch(ctx, a, listing{"events", nil, in.Cursor, in.Limit},
		func(p store.Page) ([]webhook.Event, error) { return a.m.Events(ctx, tenant(ctx), p) },
		func(ev *webhook.Event) string { return ev.ID })
	if err != nil {
		return nil, err
	}
	return cached(pageJSON(items, next, eventToJSON), in.IfNoneMatch)
}

// maxShown bounds the deliveries that are shown with an event; the log has all.
const maxShown = 100

func (a *api) readEvent(ctx context.Context, in *byID) (*answer[eventJSON], error) {
	ev, err := a.m.Event(ctx, tenant(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	deliveries, err := a.m.Deliveries(ctx, tenant(ctx), store.DeliveryFilter{Event: in.ID}, store.Page{Limit: maxShown})
	if err != nil {
		return nil, err
	}
	out := eventToJSON(&ev)
	out.Data, out.Counts = ev.Data, make(map[string]int)
	out.Deliveries = pageJSON(deliveries, nil, deliveryToJSON).Data
	for i := range deliveries {
		out.Counts[string(deliveries[i].Status)]++
	}
	return uncached(out), nil
}

type canceledEventJSON struct {
	Deliveries []canceledJSON `json:"deliveries"`
}

func (a *api) cancelEvent(ctx context.Context, in *byID) (*answer[canceledEventJSON], error) {
	list, err := a.m.CancelEvent(ctx, tenant(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return uncached(canceledEventJSON{pageJSON(list, nil, func(c *webhook.Cancellation) canceledJSON {
		return canceledJSON{c.DeliveryID, string(c.Outcome)}
	}).Data}), nil
}
