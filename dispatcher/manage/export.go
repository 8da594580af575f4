package manage

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"
	"unicode/utf8"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Exported counts what an export of a subject has written.
type Exported struct {
	Events, Deliveries, Attempts int
}

// ExportSubject writes everything that is kept of a tenant's events about a subject
// to w, oldest first, as JSON objects of a line each (NDJSON). Their field "kind" is
// "event", "delivery" or "attempt"; an event's deliveries follow it, and a delivery's
// attempts follow that. Payloads have their JSON, without white space between its
// parts; what has no UTF-8 in it is in base64, under a name that says so. Credentials
// are as redacted as they are in the log of attempts, and payloads as Event shows them.
//
// It holds one event, one page of deliveries and the attempts of one at a time. What
// comes or goes meanwhile may be in it or not. Errors are a *webhook.InvalidError
// with the field subject, the store's, and w's.
func (m *Manager) ExportSubject(ctx context.Context, tenant, subject string, w io.Writer) (Exported, error) {
	x := export{m: m, ctx: ctx, tenant: tenant, out: json.NewEncoder(w)}
	x.out.SetEscapeHTML(false)
	err := checkSubject(subject)
	for after := ""; err == nil && validTenant(tenant); {
		var page []webhook.Event
		page, err = m.store.SubjectEvents(ctx, tenant, subject, store.Page{After: after, Limit: exportPage, Oldest: true})
		for i := range page {
			if err == nil {
				err = x.event(page[i].ID)
			}
		}
		if len(page) < exportPage {
			break
		}
		after = page[len(page)-1].ID
	}
	return x.done, err
}

// exportPage is how many rows are read together; a row may be 4 KiB of metadata.
const exportPage = 200

// export is a call of ExportSubject.
type export struct {
	m      *Manager
	ctx    context.Context //nolint:containedctx // it lives as long as the call
	tenant string
	out    *json.Encoder
	done   Exported
}

type exportedEvent struct {
	Kind           string            `json:"kind"`
	ID             string            `json:"id"`
	Type           string            `json:"type"`
	Timestamp      time.Time         `json:"timestamp"`
	Subject        string            `json:"subject"`
	Source         string            `json:"source,omitempty"`
	Channels       []string          `json:"channels,omitempty"`
	IdempotencyKey string            `json:"idempotency_key,omitempty"`
	OrderingKey    string            `json:"ordering_key,omitempty"`
	Priority       webhook.Priority  `json:"priority,omitempty"`
	DeliverAt      time.Time         `json:"deliver_at,omitzero"`
	Metadata       map[string]string `json:"metadata,omitempty"`
	Data           json.RawMessage   `json:"data,omitempty"`
}

// event writes an event and what belongs to it, unless it is gone meanwhile.
func (x *export) event(id string) error {
	ev, err := x.m.store.Event(x.ctx, x.tenant, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil {
		err = x.out.Encode(exportedEvent{
			Kind: "event", ID: ev.ID, Type: ev.Type, Timestamp: ev.Timestamp.UTC(), Subject: ev.Subject, Source: ev.Source, Channels: ev.Channels,
			IdempotencyKey: ev.IdempotencyKey, OrderingKey: ev.OrderingKey, Priority: ev.Priority, DeliverAt: ev.DeliverAt,
			Metadata: ev.Metadata, Data: x.m.d.Redact(x.ctx, ev.Type, ev.Data),
		})
	}
	if err != nil {
		return err
	}
	x.done.Events++
	for after := ""; ; {
		page, err := x.m.store.ListDeliveries(x.ctx, x.tenant, store.DeliveryFilter{Event: id}, store.Page{After: after, Limit: exportPage, Oldest: true})
		if err != nil {
			return err
		}
		for i := range page {
			if err := x.delivery(&ev, &page[i]); err != nil {
				return err
			}
		}
		if len(page) < exportPage {
			return nil
		}
		after = page[len(page)-1].ID
	}
}

type exportedDelivery struct {
	Kind          string                 `json:"kind"`
	ID            string                 `json:"id"`
	EventID       string                 `json:"event_id"`
	EndpointID    string                 `json:"endpoint_id"`
	Status        webhook.DeliveryStatus `json:"status"`
	Reason        webhook.Reason         `json:"reason,omitempty"`
	Attempts      int                    `json:"attempts"`
	BatchID       string                 `json:"batch_id,omitempty"`
	NextAttemptAt time.Time              `json:"next_attempt_at,omitzero"`
	CreatedAt     time.Time              `json:"created_at"`
	UpdatedAt     time.Time              `json:"updated_at"`
}

func (x *export) delivery(ev *webhook.Event, d *webhook.Delivery) error {
	x.done.Deliveries++
	if err := x.out.Encode(exportedDelivery{
		Kind: "delivery", ID: d.ID, EventID: d.EventID, EndpointID: d.EndpointID, Status: d.Status, Reason: d.Reason, Attempts: d.Attempts,
		BatchID: d.BatchID, NextAttemptAt: d.NextAttemptAt.UTC(), CreatedAt: d.CreatedAt.UTC(), UpdatedAt: d.UpdatedAt.UTC(),
	}); err != nil {
		return err
	}
	attempts, err := x.m.store.Attempts(x.ctx, x.tenant, d.ID)
	if err != nil {
		return err
	}
	x.m.redactAnswers(x.ctx, ev, attempts)
	for i := range attempts {
		if err := x.attempt(&attempts[i]); err != nil {
			return err
		}
	}
	return nil
}

type exportedAttempt struct {
	Kind            string             `json:"kind"`
	ID              string             `json:"id"`
	DeliveryID      string             `json:"delivery_id"`
	N               int                `json:"n"`
	At              time.Time          `json:"at"`
	Class           webhook.ErrorClass `json:"error_class,omitempty"`
	StatusCode      int                `json:"status_code,omitempty"`
	DurationMS      int64              `json:"duration_ms"`
	RemoteAddr      string             `json:"remote_addr,omitempty"`
	RequestHeaders  map[string]string  `json:"request_headers,omitempty"`
	ResponseHeaders map[string]string  `json:"response_headers,omitempty"`
	ResponseBody    string             `json:"response_body,omitempty"`
	ResponseBytes   []byte             `json:"response_body_base64,omitempty"`
	Truncated       bool               `json:"truncated,omitempty"`
}

func (x *export) attempt(a *webhook.Attempt) error {
	x.done.Attempts++
	line := exportedAttempt{
		Kind: "attempt", ID: a.ID, DeliveryID: a.DeliveryID, N: a.N, At: a.At.UTC(), Class: a.Class, StatusCode: a.StatusCode,
		DurationMS: a.Timings.Total.Milliseconds(), RemoteAddr: a.RemoteAddr,
		RequestHeaders: a.RequestHeaders, ResponseHeaders: a.ResponseHeaders, Truncated: a.Truncated,
	}
	if utf8.Valid(a.ResponseBody) {
		line.ResponseBody = string(a.ResponseBody)
	} else {
		line.ResponseBytes = a.ResponseBody
	}
	return x.out.Encode(line)
}
