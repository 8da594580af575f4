package httpapi

import (
	"context"
	"encoding/json"
	"time"

	"github.com/postrider/postrider/dispatcher/httpapi/strict"
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
