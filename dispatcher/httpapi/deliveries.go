package httpapi

import (
	"context"
	"encoding/base64"
	"time"
	"unicode/utf8"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// deliveryJSON is a delivery as it is in lists.
type deliveryJSON struct {
	ID            string     `json:"id" example:"dlv_01JB2Z9F7M8Q4V6T3W5X7Y9Z0A"`
	WebhookID     string     `json:"webhook_id"`
	EventID       string     `json:"event_id"`
	EventType     string     `json:"event_type"`
	Status        string     `json:"status" enum:"pending,delivered,failed,canceled,skipped"`
	Reason        string     `json:"reason" doc:"Why it ended; empty while it is pending, or if it was delivered."`
	AttemptCount  int        `json:"attempt_count"`
	Priority      string     `json:"priority"`
	OrderingKey   *string    `json:"ordering_key" nullable:"true" doc:"What its order is kept within; null if none is kept."`
	BatchID       string     `json:"batch_id"`
	NextAttemptAt *time.Time `json:"next_attempt_at" nullable:"true"`
	CreatedAt     time.Time  `json:"created_at"`
	UpdatedAt     time.Time  `json:"updated_at"`
	// Of a single delivery only.
	Why      string        `json:"why,omitempty" doc:"Why it is as it is, in one sentence; of a single delivery only."`
	Attempts []attemptJSON `json:"attempts,omitzero" required:"false" doc:"Oldest first; of a single delivery only."`
}

func deliveryToJSON(d *webhook.Delivery) deliveryJSON {
	out := deliveryJSON{
		ID: d.ID, WebhookID: d.EndpointID, EventID: d.EventID, EventType: d.EventType, Status: string(d.Status), Reason: string(d.Reason),
		AttemptCount: d.Attempts, Priority: string(webhook.PriorityOf(d.Priority.Rank())), BatchID: d.BatchID,
		NextAttemptAt: moment(d.NextAttemptAt), CreatedAt: d.CreatedAt.UTC(), UpdatedAt: d.UpdatedAt.UTC(),
	}
	if d.Ordered {
		out.OrderingKey = &d.OrderingKey
	}
	return out
}

// attemptJSON is an attempt as it is in the log.
type attemptJSON struct {
	ID              string            `json:"id"`
	N               int               `json:"n" doc:"Counts the attempts of the delivery from 1."`
	At              time.Time         `json:"at"`
	BatchID         string            `json:"batch_id"`
	ErrorClass      string            `json:"error_class" doc:"Empty for success."`
	Message         string            `json:"message"`
	StatusCode      int               `json:"status_code" doc:"0 if there was no answer."`
	RequestHeaders  map[string]string `json:"request_headers" doc:"Credentials are redacted."`
	ResponseHeaders map[string]string `json:"response_headers"`
	ResponseBody    string            `json:"response_body" doc:"In base64 if it is not UTF-8, which the encoding says."`
	BodyEncoding    string            `json:"response_body_encoding" enum:"utf-8,base64"`
	Truncated       bool              `json:"truncated"`
	RemoteAddress   string            `json:"remote_address"`
	Timings         timingsJSON       `json:"timings_ms"`
	NextAt          *time.Time        `json:"next_at" nullable:"true"`
}

type timingsJSON struct {
	DNS       float64 `json:"dns"`
	Connect   float64 `json:"connect"`
	TLS       float64 `json:"tls"`
	FirstByte float64 `json:"first_byte"`
	Total     float64 `json:"total"`
}

func attemptToJSON(t *webhook.Attempt) attemptJSON {
	out := attemptJSON{
		ID: t.ID, N: t.N, At: t.At.UTC(), BatchID: t.BatchID, ErrorClass: string(t.Class), Message: t.Class.Message(), StatusCode: t.StatusCode,
		RequestHeaders: texts(t.RequestHeaders), ResponseHeaders: texts(t.ResponseHeaders), Truncated: t.Truncated, RemoteAddress: t.RemoteAddr,
		Timings: timingsJSON{
			millis(t.Timings.DNS), millis(t.Timings.Connect), millis(t.Timings.TLS), millis(t.Timings.FirstByte), millis(t.Timings.Total),
		},
		NextAt: moment(t.NextAt),
	}
	out.ResponseBody, out.BodyEncoding = bodyText(t.ResponseBody)
	return out
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// bodyText returns bytes as they go into JSON, and how.
func bodyText(b []byte) (text, encoding string) {
	if utf8.Valid(b) {
		return string(b), "utf-8"
	}
	return base64.StdEncoding.EncodeToString(b), "base64"
}

// deliveryQuery is what the log of a tenant is narrowed by.
type deliveryQuery struct {
	WebhookID string    `query:"webhook_id" doc:"Only those of this webhook."`
	Status    string    `query:"status" enum:"pending,delivered,failed,canceled,skipped"`
	EventType string    `query:"event_type" maxLength:"130" doc:"Only those of events of this type; with .* of all types below it."`
	EventID   string    `query:"event_id" doc:"Only those of this event."`
	Query     string    `query:"q" maxLength:"128" doc:"The id of a delivery, the id of an event, or what event types begin with."`
	From      time.Time `query:"from" doc:"Only those published at this time or later."`
	To        time.Time `query:"to" doc:"Only those published before this time."`
	Limit     int       `query:"limit" minimum:"1" maximum:"100" default:"50"`
	Cursor    string    `query:"cursor" doc:"The next of the page before. A page may be short, or empty, although there is a next: it looks at a few thousand deliveries at most."`
}

// webhookDeliveryQuery is the same for one webhook.
type webhookDeliveryQuery struct {
	WebhookID string    `path:"id" doc:"The id of the webhook."`
	Status    string    `query:"status" enum:"pending,delivered,failed,canceled,skipped"`
	EventType string    `query:"event_type" maxLength:"130" doc:"Only those of events of this type; with .* of all types below it."`
	EventID   string    `query:"event_id" doc:"Only those of this event."`
	Query     string    `query:"q" maxLength:"128" doc:"The id of a delivery, the id of an event, or what event types begin with."`
	From      time.Time `query:"from" doc:"Only those published at this time or later."`
	To        time.Time `query:"to" doc:"Only those published before this time."`
	Limit     int       `query:"limit" minimum:"1" maximum:"100" default:"50"`
	Cursor    string    `query:"cursor" doc:"The next of the page before. A page may be short, or empty, although there is a next: it looks at a few thousand deliveries at most."`
}

func (a *api) webhookDeliveries(ctx context.Context, in *webhookDeliveryQuery) (*answer[listJSON[deliveryJSON]], error) {
	if _, err := a.m.Endpoint(ctx, tenant(ctx), in.WebhookID); err != nil {
		return nil, err
	}
	return a.findDeliveries(ctx, "webhook deliveries", (*deliveryQuery)(in))
}

func (a *api) listDeliveries(ctx context.Context, in *deliveryQuery) (*answer[listJSON[deliveryJSON]], error) {
	return a.findDeliveries(ctx, "deliveries", in)
}

func (a *api) findDeliveries(ctx context.Context, name string, in *deliveryQuery) (*answer[listJSON[deliveryJSON]], error) {
	q := manage.DeliveryQuery{Text: in.Query, DeliveryFilter: store.DeliveryFilter{
		Endpoint: in.WebhookID, Event: in.EventID, Status: webhook.DeliveryStatus(in.Status), EventType: in.EventType, From: in.From, To: in.To,
	}}
	items, next, err := look(ctx, a, listing{name, q, in.Cursor, in.Limit},
		func(p store.Page) (store.Found[webhook.Delivery], error) {
			return a.m.FindDeliveries(ctx, tenant(ctx), q, p)
		})
	if err != nil {
		return nil, err
	}
	return uncached(pageJSON(items, next, deliveryToJSON)), nil
}

func (a *api) readDelivery(ctx context.Context, in *byID) (*answer[deliveryJSON], error) {
	d, err := a.m.Delivery(ctx, tenant(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	attempts, err := a.m.Attempts(ctx, tenant(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	why, err := a.m.Why(ctx, tenant(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	out := deliveryToJSON(&d)
	out.Why, out.Attempts = why, pageJSON(attempts, nil, attemptToJSON).Data
	return uncached(out), nil
}

func (a *api) retryDelivery(ctx context.Context, in *byID) (*answer[deliveryJSON], error) {
	if err := a.m.Redeliver(ctx, tenant(ctx), in.ID); err != nil {
		return nil, err
	}
	d, err := a.m.Delivery(ctx, tenant(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return uncached(deliveryToJSON(&d)), nil
}

type canceledJSON struct {
	DeliveryID string `json:"delivery_id"`
	Outcome    string `json:"outcome" enum:"canceled,requested,batched,unblocked,ended"`
}

func (a *api) cancelDelivery(ctx context.Context, in *byID) (*answer[canceledJSON], error) {
	outcome, err := a.m.Cancel(ctx, tenant(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return uncached(canceledJSON{in.ID, string(outcome)}), nil
}
