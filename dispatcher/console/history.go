package console

import (
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

type historyPage struct {
	page
	Query    url.Values
	Events   []manage.HistoricEvent
	Statuses []option
	Next     string
	First    bool
}

// Narrowed says that not all events are meant.
func (p *historyPage) Narrowed() bool {
	for _, name := range []string{"q", "status", "subject", "source", "from", "to"} {
		if p.Query.Get(name) != "" {
			return true
		}
	}
	return false
}

var eventStatuses = []option{
	{"", "Any"},
	{string(webhook.EventPending), "Under way"},
	{string(webhook.EventDelivered), "Delivered"},
	{string(webhook.EventPartial), "Partly delivered"},
	{string(webhook.EventFailed), "Failed"},
	{string(webhook.EventCanceled), "Canceled"},
	{string(webhook.EventSkipped), "Skipped"},
	{string(webhook.EventUnmatched), "For no webhook"},
}

func (c *console) history(w http.ResponseWriter, r *http.Request) error {
	ctx, q := r.Context(), r.URL.Query()
	p := &historyPage{page: c.newPage(r, "history", "Event history"), Query: q, Statuses: eventStatuses, First: q.Get("cursor") == ""}
	query := manage.EventQuery{Text: q.Get("q"), Status: webhook.EventStatus(q.Get("status")), Subject: q.Get("subject"), Source: q.Get("source")}
	var err error
	if query.From, query.To, err = timesOf(q); err != nil {
		return err
	}
	var next string
	p.Events, next, err = manage.FindPage(ctx, c.m, manage.Listing{Tenant: tenant(ctx), Name: "events", Filter: query, Cursor: q.Get("cursor"), Limit: rowsOnPage},
		func(page store.Page) (store.Found[manage.HistoricEvent], error) {
			return c.m.FindEvents(ctx, tenant(ctx), query, page)
		})
	if err != nil {
		return err
	}
	p.Next = nextLink(q, next)
	c.show(w, r, http.StatusOK, "history", p)
	return nil
}

type eventPage struct {
	page
	Event    webhook.Event
	Outcomes webhook.Outcomes
	Table    deliveryTable
	// More says that there are more deliveries than are shown.
	More bool
}

func (c *console) event(w http.ResponseWriter, r *http.Request) error {
	ctx, id := r.Context(), chi.URLParam(r, "event")
	ev, err := c.m.Event(ctx, tenant(ctx), id)
	if err != nil {
		return err
	}
	p := &eventPage{page: c.newPage(r, "history", ev.Type), Event: ev}
	p.Breadcrumbs = []crumb{{p.Root + "history", "Event history"}}
	if p.Outcomes, err = c.m.Outcomes(ctx, tenant(ctx), id); err != nil {
		return err
	}
	list, err := c.m.Deliveries(ctx, tenant(ctx), store.DeliveryFilter{Event: id}, store.Page{Limit: rowsOnPage + 1})
	if err != nil {
		return err
	}
	p.More, list = len(list) > rowsOnPage, list[:min(len(list), rowsOnPage)]
	p.Table = deliveryTable{Root: p.Root, Deliveries: list}
	if p.Table.Webhooks, err = c.places(ctx, list); err != nil {
		return err
	}
	c.show(w, r, http.StatusOK, "event", p)
	return nil
}

// cancelEvent cancels what has not gone out of an event.
func (c *console) cancelEvent(w http.ResponseWriter, r *http.Request) error {
	id := chi.URLParam(r, "event")
	canceled, err := c.m.CancelEvent(r.Context(), tenant(r.Context()), id)
	if err != nil {
		return err
	}
	code := "evcanceled"
	if len(canceled) == 0 {
		code = "evnothing"
	}
	return done(w, r, "history/"+id, code)
}
