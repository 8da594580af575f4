package console

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// rowsOnPage is how many entries lists have.
const rowsOnPage = 50

type deliveriesPage struct {
	page
	Endpoint webhook.Endpoint
	Filter   manage.DeliveryQuery
	Query    url.Values
	Table    deliveryTable
	Statuses []option
	Next     string
	First    bool
	// Live, CSV and NDJSON are where the same can be followed, and had as a file.
	Live, CSV, NDJSON string
}

// option is one of a list to choose from.
type option struct{ Value, Text string }

// Narrowed says that not all deliveries are meant.
func (p *deliveriesPage) Narrowed() bool {
	return p.Filter.Status != "" || p.Filter.Event != "" || p.Filter.Text != "" || !p.Filter.From.IsZero() || !p.Filter.To.IsZero()
}

// deliveryTable is a list of deliveries.
type deliveryTable struct {
	Root       string
	Deliveries []webhook.Delivery
	// Select puts a box before each.
	Select bool
	// Webhooks has the hosts of webhooks by their ids, if they are not the same.
	Webhooks map[string]string
}

var deliveryStatuses = []option{
	{"", "Any status"}, {"pending", "Pending"}, {"delivered", "Delivered"}, {"failed", "Failed"}, {"canceled", "Canceled"}, {"skipped", "Skipped"},
}

func (c *console) deliveries(w http.ResponseWriter, r *http.Request) error {
	ctx, q := r.Context(), r.URL.Query()
	ep, query, err := c.theLog(r)
	if err != nil {
		return err
	}
	p := &deliveriesPage{page: c.newPage(r, "overview", "Deliveries"), Endpoint: ep, Filter: query, Query: q, Statuses: deliveryStatuses, First: q.Get("cursor") == ""}
	p.Breadcrumbs = []crumb{{p.Root, "Overview"}, {p.Root + ep.ID, host(ep.URL)}}
	list, next, err := manage.FindPage(ctx, c.m, manage.Listing{Tenant: tenant(ctx), Name: "webhook deliveries", Filter: query, Cursor: q.Get("cursor"), Limit: rowsOnPage},
		func(page store.Page) (store.Found[webhook.Delivery], error) {
			return c.m.FindDeliveries(ctx, tenant(ctx), query, page)
		})
	if err != nil {
		return err
	}
	p.Table, p.Next = deliveryTable{Root: p.Root, Deliveries: list}, nextLink(q, next)
	filter := url.Values{}
	for _, name := range []string{"status", "event", "q", "from", "to"} {
		if v := q.Get(name); v != "" {
			filter.Set(name, v)
		}
	}
	at := p.Root + ep.ID + "/deliveries/"
	p.Live = at + "live?" + filter.Encode()
	filter.Set("format", "csv")
	p.CSV = at + "export?" + filter.Encode()
	filter.Set("format", "ndjson")
	p.NDJSON = at + "export?" + filter.Encode()
	c.show(w, r, http.StatusOK, "deliveries", p)
	return nil
}

// timesOf reads the bounds of a filter as browsers write them, in UTC.
func timesOf(q url.Values) (from, to time.Time, err error) {
	for _, f := range []struct {
		name string
		at   *time.Time
	}{{"from", &from}, {"to", &to}} {
		text := q.Get(f.name)
		if text == "" {
			continue
		}
		if *f.at, err = time.Parse("2006-01-02T15:04", text); err != nil {
			return from, to, webhook.Invalid(f.name, webhook.CodeInvalidField, "A time must be written as 2026-03-01T12:00.")
		}
	}
	return from, to, nil
}

type deliveryPage struct {
	page
	Delivery webhook.Delivery
	Endpoint *webhook.Endpoint // nil if it was deleted
	Event    *webhook.Event    // nil if it is no longer kept
	Why      string
	Attempts []attemptView
}

// attemptView is an attempt on the timeline.
type attemptView struct {
	webhook.Attempt
	Phases []phase
	Last   bool
}

// phase is a part of an attempt's time.
type phase struct {
	Name     string
	Took     time.Duration
	X, Width float64 // in percent of the whole
	Class    string
}

// Good says that the attempt succeeded.
func (a *attemptView) Good() bool { return a.Class == webhook.ClassNone }

// phasesOf returns where the time of an attempt went.
func phasesOf(t webhook.Timings) []phase {
	if t.Total <= 0 {
		return nil
	}
	var list []phase
	var at time.Duration
	for _, p := range []struct {
		name string
		d    time.Duration
	}{{"DNS", t.DNS}, {"Connect", t.Connect}, {"TLS", t.TLS}, {"First byte", t.FirstByte}} {
		if p.d <= 0 {
			continue
		}
		p.d = min(p.d, t.Total-at)
		list = append(list, phase{p.name, p.d, share(at, t.Total), share(p.d, t.Total), "phase" + string(rune('1'+len(list)))})
		at += p.d
	}
	if rest := t.Total - at; share(rest, t.Total) >= 1 { // less cannot be seen
		list = append(list, phase{"Rest", rest, share(at, t.Total), share(rest, t.Total), "phase5"})
	}
	return list
}

func share(part, all time.Duration) float64 { return round(float64(part) / float64(all) * 100) }

// theDelivery returns the delivery of a request, which must be of the webhook in its path.
func (c *console) theDelivery(r *http.Request) (webhook.Delivery, error) {
	d, err := c.m.Delivery(r.Context(), tenant(r.Context()), chi.URLParam(r, "delivery"))
	if err == nil && d.EndpointID != chi.URLParam(r, "id") {
		err = store.ErrNotFound
	}
	return d, err
}

func (c *console) delivery(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	d, err := c.theDelivery(r)
	if err != nil {
		return err
	}
	p := &deliveryPage{page: c.newPage(r, "overview", "Delivery of "+d.EventType), Delivery: d}
	p.Breadcrumbs = []crumb{{p.Root, "Overview"}}
	if ep, err := c.m.Endpoint(ctx, tenant(ctx), d.EndpointID); err == nil {
		p.Endpoint = &ep
		p.Breadcrumbs = append(p.Breadcrumbs, crumb{p.Root + ep.ID, host(ep.URL)}, crumb{p.Root + ep.ID + "/deliveries", "Deliveries"})
	} else if !isNotFound(err) {
		return err
	}
	if ev, err := c.m.Event(ctx, tenant(ctx), d.EventID); err == nil {
		p.Event = &ev
	} else if !isNotFound(err) {
		return err
	}
	if p.Why, err = c.m.Why(ctx, tenant(ctx), d.ID); err != nil {
		return err
	}
	attempts, err := c.m.Attempts(ctx, tenant(ctx), d.ID)
	if err != nil {
		return err
	}
	slices.Reverse(attempts) // the latest is what people look for
	for i, a := range attempts {
		p.Attempts = append(p.Attempts, attemptView{Attempt: a, Phases: phasesOf(a.Timings), Last: i == 0})
	}
	c.show(w, r, http.StatusOK, "delivery", p)
	return nil
}

func (c *console) retry(w http.ResponseWriter, r *http.Request) error {
	d, err := c.theDelivery(r)
	if err != nil {
		return err
	}
	if err := c.m.Redeliver(r.Context(), tenant(r.Context()), d.ID); err != nil {
		return err
	}
	return done(w, r, d.EndpointID+"/deliveries/"+d.ID, "retrying")
}

func (c *console) cancel(w http.ResponseWriter, r *http.Request) error {
	d, err := c.theDelivery(r)
	if err != nil {
		return err
	}
	outcome, err := c.m.Cancel(r.Context(), tenant(r.Context()), d.ID)
	if err != nil {
		return err
	}
	return done(w, r, d.EndpointID+"/deliveries/"+d.ID, outcomeCodes[outcome])
}
