package httpapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/deliverylog"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// logQuery is what the log of a tenant is narrowed by, and how it is wanted.
type logQuery struct {
	WebhookID string    `query:"webhook_id" doc:"Only those of this webhook."`
	Status    string    `query:"status" enum:"pending,delivered,failed,canceled,skipped"`
	EventType string    `query:"event_type" maxLength:"130" doc:"Only those of events of this type; with .* of all types below it."`
	EventID   string    `query:"event_id" doc:"Only those of this event."`
	Query     string    `query:"q" maxLength:"128" doc:"The id of a delivery, the id of an event, or what event types begin with."`
	From      time.Time `query:"from" doc:"Only those published at this time or later."`
	To        time.Time `query:"to" doc:"Only those published before this time."`
	Limit     int       `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"Of a page; exports and the live log have none."`
	Cursor    string    `query:"cursor" doc:"The next of the page before. A page may be short, or empty, although there is a next: at most 1,000 deliveries are looked at."`
	Accept    string    `header:"Accept" hidden:"true"`
	LastID    string    `header:"Last-Event-ID" doc:"Of the live log: the last id that was received, to go on from there."`
}

// webhookLogQuery is the same for one webhook.
type webhookLogQuery struct {
	WebhookID string    `path:"id" doc:"The id of the webhook."`
	Status    string    `query:"status" enum:"pending,delivered,failed,canceled,skipped"`
	EventType string    `query:"event_type" maxLength:"130" doc:"Only those of events of this type; with .* of all types below it."`
	EventID   string    `query:"event_id" doc:"Only those of this event."`
	Query     string    `query:"q" maxLength:"128" doc:"The id of a delivery, the id of an event, or what event types begin with."`
	From      time.Time `query:"from" doc:"Only those published at this time or later."`
	To        time.Time `query:"to" doc:"Only those published before this time."`
	Limit     int       `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"Of a page; exports and the live log have none."`
	Cursor    string    `query:"cursor" doc:"The next of the page before. A page may be short, or empty, although there is a next: at most 1,000 deliveries are looked at."`
	Accept    string    `header:"Accept" hidden:"true"`
	LastID    string    `header:"Last-Event-ID" doc:"Of the live log: the last id that was received, to go on from there."`
}

func (q *logQuery) query() manage.DeliveryQuery {
	return manage.DeliveryQuery{Text: q.Query, DeliveryFilter: store.DeliveryFilter{
		Endpoint: q.WebhookID, Event: q.EventID, Status: webhook.DeliveryStatus(q.Status), EventType: q.EventType, From: q.From, To: q.To,
	}}
}

// logForms are the forms that a log is given in.
var logForms = map[string]any{
	jsonType: listJSON[deliverylog.Row]{}, deliverylog.EventStream: "", deliverylog.CSV: "", deliverylog.NDJSON: "",
}

// logAnswer is a log in the form that was asked for.
type logAnswer struct {
	Body func(huma.Context)
}

func (a *api) webhookDeliveries(ctx context.Context, in *webhookLogQuery) (*logAnswer, error) {
	if _, err := a.m.Endpoint(ctx, tenant(ctx), in.WebhookID); err != nil {
		return nil, err
	}
	return a.deliveries(ctx, "webhook deliveries", (*logQuery)(in))
}

func (a *api) listDeliveries(ctx context.Context, in *logQuery) (*logAnswer, error) {
	return a.deliveries(ctx, "deliveries", in)
}

// deliveries returns a log in the form that is wanted: as a page unless it is another.
func (a *api) deliveries(ctx context.Context, name string, in *logQuery) (*logAnswer, error) {
	switch media := mediaType(in.Accept, jsonType, deliverylog.EventStream, deliverylog.CSV, deliverylog.NDJSON); media {
	case deliverylog.EventStream:
		return a.liveLog(ctx, in)
	case deliverylog.CSV, deliverylog.NDJSON:
		return a.exportLog(ctx, in, media)
	}
	return a.deliveriesPage(ctx, name, in)
}

func (a *api) deliveriesPage(ctx context.Context, name string, in *logQuery) (*logAnswer, error) {
	q := in.query()
	items, next, err := look(ctx, a, listing{name, q, in.Cursor, in.Limit},
		func(p store.Page) (store.Found[webhook.Delivery], error) {
			return a.m.FindDeliveries(ctx, tenant(ctx), q, p)
		})
	if err != nil {
		return nil, err
	}
	return &logAnswer{func(hctx huma.Context) {
		hctx.SetHeader("Content-Type", jsonType)
		hctx.SetHeader("Cache-Control", "no-store")
		hctx.SetStatus(http.StatusOK)
		// Who has left does not miss it.
		_ = huma.DefaultJSONFormat.Marshal(hctx.BodyWriter(), pageJSON(items, next, deliverylog.RowOf))
	}}, nil
}

// exportLog answers with all of a log. One that breaks off breaks the connection off too.
func (a *api) exportLog(ctx context.Context, in *logQuery, media string) (*logAnswer, error) {
	if in.Cursor != "" {
		return nil, webhook.Invalid("cursor", webhook.CodeInvalidField, "Is of a page. An export has all of them.")
	}
	name := "deliveries-"
	if webhook.PrefixEndpoint.ValidID(in.WebhookID) {
		name += in.WebhookID + "-"
	}
	name += clock.Now().UTC().Format("20060102T150405Z")
	return &logAnswer{func(hctx huma.Context) {
		_, w := humachi.Unwrap(hctx)
		began, err := deliverylog.Export(w, media, name, a.m.ExportDeliveries(ctx, tenant(ctx), in.query()))
		switch {
		case err == nil:
			return
		case !began:
			a.problemOf(ctx, err).write(w)
			return
		case ctx.Err() == nil: // else the client has left
			a.cfg.Logger.Warn("export deliveries", zap.Error(err))
		}
		panic(http.ErrAbortHandler)
	}}, nil
}

func (a *api) liveLog(ctx context.Context, in *logQuery) (*logAnswer, error) {
	tail, err := a.m.Tail(ctx, tenant(ctx), manage.TailQuery{DeliveryQuery: in.query(), Position: in.LastID})
	if err != nil {
		return nil, err
	}
	return &logAnswer{func(hctx huma.Context) {
		r, w := humachi.Unwrap(hctx)
		a.streams.Serve(w, r, tail, func(ctx context.Context) error { return a.stillMay(r.WithContext(ctx), hctx) })
	}}, nil
}

// stillMay returns an error unless whoever made a request may make it again.
func (a *api) stillMay(r *http.Request, hctx huma.Context) error {
	was := principal(hctx.Context())
	p, err := a.cfg.Authenticate(r)
	switch {
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrUnknown), r.Context().Err() != nil:
		return deliverylog.ErrUnknown
	case err != nil:
		return err
	case p.Tenant != was.Tenant || !reader.meets(&p, a.cfg.AllowViewer):
		return webhook.ErrForbidden
	case a.cfg.Authorize != nil:
		return a.cfg.Authorize(r.Context(), p, ReadDeliveries, hctx.Param("id"))
	}
	return nil
}
