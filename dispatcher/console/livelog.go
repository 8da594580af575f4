package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"
	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/deliverylog"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// deliveryQuery reads which deliveries of a webhook are meant.
func deliveryQuery(endpoint string, q url.Values) (query manage.DeliveryQuery, err error) {
	query.DeliveryFilter = store.DeliveryFilter{Endpoint: endpoint, Event: q.Get("event"), Status: webhook.DeliveryStatus(q.Get("status"))}
	query.Text = q.Get("q")
	query.From, query.To, err = timesOf(q)
	return query, err
}

// theLog returns what a request for a log is about: a webhook that there is, and a query.
func (c *console) theLog(r *http.Request) (webhook.Endpoint, manage.DeliveryQuery, error) {
	ep, err := c.m.Endpoint(r.Context(), tenant(r.Context()), chi.URLParam(r, "id"))
	if err != nil {
		return ep, manage.DeliveryQuery{}, err
	}
	query, err := deliveryQuery(ep.ID, r.URL.Query())
	return ep, query, err
}

// export answers with all of a log, as a file. One that breaks off breaks the connection
// off too, so that nobody takes it for all there is.
func (c *console) export(w http.ResponseWriter, r *http.Request) error {
	ep, query, err := c.theLog(r)
	if err != nil {
		return err
	}
	format := deliverylog.CSV
	if r.URL.Query().Get("format") == "ndjson" {
		format = deliverylog.NDJSON
	}
	ctx := r.Context()
	name := "deliveries-" + ep.ID + "-" + time.Now().UTC().Format("20060102T150405Z")
	began, err := deliverylog.Export(w, format, name, c.m.ExportDeliveries(ctx, tenant(ctx), query))
	if err == nil || !began {
		return err
	}
	if ctx.Err() == nil { // else the client has left
		c.cfg.Logger.Warn("export deliveries", zap.Error(err))
	}
	panic(http.ErrAbortHandler)
}

// follow sends what happens to deliveries, as Server-Sent Events.
func (c *console) follow(w http.ResponseWriter, r *http.Request) error {
	_, query, err := c.theLog(r)
	if err != nil {
		return err
	}
	tail, err := c.m.Tail(r.Context(), tenant(r.Context()), manage.TailQuery{DeliveryQuery: query, Position: r.Header.Get("Last-Event-ID")})
	if err != nil {
		return err
	}
	c.streams.Serve(w, r, tail, func(ctx context.Context) error { return c.stillMay(r.WithContext(ctx)) })
	return nil
}

// stillMay returns an error unless whoever made a request may make it again.
func (c *console) stillMay(r *http.Request) error {
	was := visitorOf(r.Context())
	v, err := c.identify(r)
	switch {
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrUnknown), r.Context().Err() != nil:
		return deliverylog.ErrUnknown
	case err != nil:
		return err
	case v.Tenant != was.Tenant || !reader.metBy(v, c.cfg.AllowViewer):
		return webhook.ErrForbidden
	}
	return nil
}
