package httpapi

import (
	"context"
	"encoding/json"
	"time"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// eventJSON is an event of the history.
type eventJSON struct {
	ID             string            `json:"id"`
	Type           string            `json:"type"`
	Timestamp      time.Time         `json:"timestamp"`
	Status         string            `json:"status" enum:"unmatched,pending,delivered,partial,failed,canceled,skipped" doc:"What became of all of its deliveries: unmatched is none, and partial that some were delivered and some were not."`
	Counts         outcomesJSON      `json:"counts" doc:"How many of its deliveries are in each status."`
	IdempotencyKey string            `json:"idempotency_key"`
	Subject        string            `json:"subject"`
	OrderingKey    string            `json:"ordering_key"`
	Source         string            `json:"source"`
	Channels       []string          `json:"channels"`
	Priority       string            `json:"priority"`
	DeliverAt      *time.Time        `json:"deliver_at" nullable:"true"`
	Metadata       map[string]string `json:"metadata"`
	// Of the events of a webhook only.
	DeliveryID     string `json:"delivery_id,omitempty" doc:"The delivery to the webhook whose events are listed."`
	DeliveryStatus string `json:"delivery_status,omitempty" enum:"pending,delivered,failed,canceled,skipped"`
	// Of a single event only.
	Data       json.RawMessage `json:"data,omitempty" doc:"The payload, of a single event only; absent once its retention has ended."`
	Deliveries []deliveryJSON  `json:"deliveries,omitzero" required:"false" doc:"The newest 100, of a single event only."`
}

type outcomesJSON struct {
	Pending   int `json:"pending"`
	Delivered int `json:"delivered"`
	Failed    int `json:"failed"`
	Canceled  int `json:"canceled"`
	Skipped   int `json:"skipped"`
}

func eventToJSON(ev *manage.HistoricEvent) eventJSON {
	o := ev.Outcomes
	out := eventJSON{
		ID: ev.ID, Type: ev.Type, Timestamp: ev.Timestamp.UTC(), Status: string(o.Status()),
		Counts:         outcomesJSON{o.Pending, o.Delivered, o.Failed, o.Canceled, o.Skipped},
		IdempotencyKey: ev.IdempotencyKey, Subject: ev.Subject, OrderingKey: ev.OrderingKey,
		Source: ev.Source, Channels: list(ev.Channels), Priority: string(ev.Priority), DeliverAt: moment(ev.DeliverAt), Metadata: texts(ev.Metadata),
	}
	if ev.Delivery != nil {
		out.DeliveryID, out.DeliveryStatus = ev.Delivery.ID, string(ev.Delivery.Status)
	}
	return out
}

func (a *api) listEvents(ctx context.Context, in *struct {
	Type        string    `query:"type" maxLength:"130" doc:"Only events of this type; with .* of all types below it."`
	Subject     string    `query:"subject" maxLength:"255" doc:"Only events about this subject."`
	Source      string    `query:"source" maxLength:"255" doc:"Only events of this source."`
	Status      string    `query:"status" enum:"unmatched,pending,delivered,partial,failed,canceled,skipped" doc:"Only those of which this has become."`
	Query       string    `query:"q" maxLength:"128" doc:"The id of an event, or what event types begin with."`
	From        time.Time `query:"from" doc:"Only those published at this time or later."`
	To          time.Time `query:"to" doc:"Only those published before this time."`
	Limit       int       `query:"limit" minimum:"1" maximum:"100" default:"50"`
	Cursor      string    `query:"cursor" doc:"The next of the page before. A page may be short, or empty, although there is a next: at most 1,000 events are looked at."`
	IfNoneMatch string    `header:"If-None-Match"`
},
) (*tagged[listJSON[eventJSON]], error) {
	q := manage.EventQuery{
		Type: in.Type, Subject: in.Subject, Source: in.Source, Status: webhook.EventStatus(in.Status), From: in.From, To: in.To, Text: in.Query,
	}
	items, next, err := look(ctx, a, listing{"events", q, in.Cursor, in.Limit},
		func(p store.Page) (store.Found[manage.HistoricEvent], error) {
			return a.m.FindEvents(ctx, tenant(ctx), q, p)
		})
	if err != nil {
		return nil, err
	}
	return cached(pageJSON(items, next, eventToJSON), in.IfNoneMatch)
}

func (a *api) webhookEvents(ctx context.Context, in *struct {
	ID      string    `path:"id" doc:"The id of the webhook."`
	Type    string    `query:"type" maxLength:"130" doc:"Only events of this type; with .* of all types below it."`
	Subject string    `query:"subject" maxLength:"255" doc:"Only events about this subject."`
	Source  string    `query:"source" maxLength:"255" doc:"Only events of this source."`
	From    time.Time `query:"from" doc:"Only those published at this time or later."`
	To      time.Time `query:"to" doc:"Only those published before this time."`
	Limit   int       `query:"limit" minimum:"1" maximum:"100" default:"50"`
	Cursor  string    `query:"cursor" doc:"The next of the page before. A page may be short, or empty, although there is a next."`
},
) (*answer[listJSON[eventJSON]], error) {
	q := manage.EventQuery{Type: in.Type, Subject: in.Subject, Source: in.Source, From: in.From, To: in.To}
	items, next, err := look(ctx, a, listing{"webhook events", []any{in.ID, q}, in.Cursor, in.Limit},
		func(p store.Page) (store.Found[manage.HistoricEvent], error) {
			return a.m.EndpointEvents(ctx, tenant(ctx), in.ID, q, p)
		})
	if err != nil {
		return nil, err
	}
	return uncached(pageJSON(items, next, eventToJSON)), nil
}

// maxShown bounds the deliveries that are shown with an event; the log has all.
const maxShown = 100

func (a *api) readEvent(ctx context.Context, in *byID) (*answer[eventJSON], error) {
	ev, err := a.m.Event(ctx, tenant(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	outcomes, err := a.m.Outcomes(ctx, tenant(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	deliveries, err := a.m.Deliveries(ctx, tenant(ctx), store.DeliveryFilter{Event: in.ID}, store.Page{Limit: maxShown})
	if err != nil {
		return nil, err
	}
	out := eventToJSON(&manage.HistoricEvent{Event: ev, Outcomes: outcomes})
	out.Data, out.Deliveries = ev.Data, pageJSON(deliveries, nil, deliveryToJSON).Data
	return uncached(out), nil
}
