package console

import (
	"context"
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

type deadLettersPage struct {
	page
	Table deliveryTable
	Next  string
	First bool
}

// deadLetters lists what failed for good, of all webhooks.
func (c *console) deadLetters(w http.ResponseWriter, r *http.Request) error {
	ctx, q := r.Context(), r.URL.Query()
	p := &deadLettersPage{page: c.newPage(r, "dead-letters", "Dead letters"), First: q.Get("cursor") == ""}
	filter := store.DeliveryFilter{Status: webhook.DeliveryFailed}
	list, next, err := manage.ReadPage(ctx, c.m, manage.Listing{Tenant: tenant(ctx), Name: "deliveries", Filter: filter, Cursor: q.Get("cursor"), Limit: rowsOnPage},
		func(page store.Page) ([]webhook.Delivery, error) {
			return c.m.Deliveries(ctx, tenant(ctx), filter, page)
		},
		func(d *webhook.Delivery) string { return d.ID })
	if err != nil {
		return err
	}
	p.Table, p.Next = deliveryTable{Root: p.Root, Deliveries: list, Select: p.Write}, nextLink(q, next)
	if p.Table.Webhooks, err = c.places(ctx, list); err != nil {
		return err
	}
	c.show(w, r, http.StatusOK, "deadletters", p)
	return nil
}

// places returns where the webhooks of deliveries are, by their ids; "" for those that were
// deleted.
func (c *console) places(ctx context.Context, list []webhook.Delivery) (map[string]string, error) {
	places := make(map[string]string)
	for _, d := range list {
		if _, ok := places[d.EndpointID]; ok {
			continue
		}
		ep, err := c.m.Endpoint(ctx, tenant(ctx), d.EndpointID)
		if err != nil && !isNotFound(err) {
			return nil, err
		}
		places[d.EndpointID] = place(ep.URL)
	}
	return places, nil
}

// redeliverPage asks whether so many deliveries are really meant.
type redeliverPage struct {
	page
	Matched int
	// What says in words which are meant.
	What   []setting
	Action string
	Carry  []header
	Back   string
}

func (c *console) redeliverDeadLetters(w http.ResponseWriter, r *http.Request) error {
	return c.redeliver(w, r, "", "dead-letters")
}

func (c *console) redeliverWebhook(w http.ResponseWriter, r *http.Request) error {
	id := chi.URLParam(r, "id")
	if _, err := c.m.Endpoint(r.Context(), tenant(r.Context()), id); err != nil {
		return err
	}
	return c.redeliver(w, r, id, id+"/deliveries")
}

// redeliver counts the deliveries that a form describes and asks, or starts to send them
// again if that was confirmed.
func (c *console) redeliver(w http.ResponseWriter, r *http.Request, endpoint, back string) error {
	ctx, form := r.Context(), newForm(r.PostForm)
	wish := manage.Redelivery{Endpoint: endpoint, Deliveries: r.PostForm["delivery"], Status: webhook.DeliveryStatus(form.text("status")), EventTypes: form.words("event_types")}
	var err error
	if wish.From, wish.To, err = timesOf(r.PostForm); err != nil {
		return err
	}
	if len(wish.Deliveries) > 0 {
		wish = manage.Redelivery{Deliveries: wish.Deliveries}
	} else if form.text("act") == "selected" {
		return done(w, r, back, "noneselected")
	}
	wish.DryRun = form.text("confirmed") == ""
	result, err := c.m.RedeliverMany(ctx, tenant(ctx), wish)
	switch {
	case err != nil:
		return err
	case result.Matched == 0:
		return done(w, r, back, "nothing")
	case !wish.DryRun:
		redirect(w, root(ctx)+"redeliveries/"+result.Job, http.StatusSeeOther)
		return nil
	}
	p := &redeliverPage{page: c.newPage(r, "dead-letters", "Send again"), Matched: result.Matched, Action: root(ctx) + back + "/redeliver", Back: root(ctx) + back, Carry: carried(r.PostForm)}
	p.What = describeRedelivery(&wish)
	c.show(w, r, http.StatusOK, "redeliver", p)
	return nil
}

// carried returns the fields of a form that asks again, the answer aside.
func carried(values url.Values) (list []header) {
	for _, name := range []string{"delivery", "status", "event_types", "from", "to"} {
		for _, v := range values[name] {
			list = append(list, header{name, v})
		}
	}
	return list
}

func describeRedelivery(wish *manage.Redelivery) []setting {
	if len(wish.Deliveries) > 0 {
		return nil
	}
	status := wish.Status
	if status == "" {
		status = webhook.DeliveryFailed
	}
	list := []setting{{"Status", statuses[string(status)].Text}}
	if !wish.From.IsZero() {
		list = append(list, setting{"Published from", wish.From.Format("2 Jan 2006, 15:04 UTC")})
	}
	if !wish.To.IsZero() {
		list = append(list, setting{"Published before", wish.To.Format("2 Jan 2006, 15:04 UTC")})
	}
	for _, t := range wish.EventTypes {
		list = append(list, setting{"Event type", t})
	}
	return list
}

type progressPage struct {
	page
	Job     manage.JobProgress
	Running bool
}

func (c *console) redelivery(w http.ResponseWriter, r *http.Request) error {
	job, err := c.m.Job(r.Context(), tenant(r.Context()), chi.URLParam(r, "job"))
	if err != nil {
		return err
	}
	p := &progressPage{page: c.newPage(r, "dead-letters", "Redelivery"), Job: job, Running: job.State == store.JobRunning}
	p.Breadcrumbs = []crumb{{p.Root + "dead-letters", "Dead letters"}}
	c.show(w, r, http.StatusOK, "redelivery", p)
	return nil
}

func (c *console) cancelRedelivery(w http.ResponseWriter, r *http.Request) error {
	id := chi.URLParam(r, "job")
	if err := c.m.CancelJob(r.Context(), tenant(r.Context()), id); err != nil {
		return err
	}
	return done(w, r, "redeliveries/"+id, "stopped")
}
