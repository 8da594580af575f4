package console

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

type detailsPage struct {
	page
	Endpoint  webhook.Endpoint
	Details   manage.Details
	Status    string
	Stats     manage.Analytics
	Tiles     []tile
	Charts    []chart
	Ranges    []choice
	Statuses  []statusCount
	Recent    deliveryTable
	Advice    []manage.Advice
	Secrets   []manage.SecretInfo
	Verifier  verifier
	Settings  []setting
	SourceIPs []string
}

// choice is one of several links, of which one is the present one.
type choice struct {
	Href, Text string
	Present    bool
}

// statusCount is how many deliveries have come to a status.
type statusCount struct {
	Status string
	Count  int64
}

// timeRange is a time that statistics can be about.
type timeRange struct {
	name, text string
	length     time.Duration
	interval   manage.Interval
}

// timeRanges are all there are, the default first.
var timeRanges = []timeRange{
	{"day", "24 hours", 24 * time.Hour, manage.IntervalHour},
	{"hour", "1 hour", time.Hour, manage.IntervalMinute},
	{"week", "7 days", 7 * 24 * time.Hour, manage.IntervalHour},
	{"month", "30 days", 30 * 24 * time.Hour, manage.IntervalDay},
	{"year", "A year", 365 * 24 * time.Hour, manage.IntervalDay},
}

// rangeOf returns the range of a query.
func rangeOf(r *http.Request) timeRange {
	i := slices.IndexFunc(timeRanges, func(t timeRange) bool { return t.name == r.URL.Query().Get("range") })
	return timeRanges[max(i, 0)]
}

func (t timeRange) query(endpoint, eventType string) manage.AnalyticsQuery {
	q := manage.AnalyticsQuery{Endpoint: endpoint, EventType: eventType, Interval: t.interval}
	if t.length != timeRanges[0].length { // which is manage's own default, so that answers are shared
		now := time.Now().UTC().Truncate(time.Minute)
		q.From, q.To = now.Add(-t.length), now
	}
	return q
}

// rangeChoices are links to the same page with other ranges.
func rangeChoices(r *http.Request, present timeRange) []choice {
	var list []choice
	for _, t := range timeRanges {
		q := r.URL.Query()
		q.Del("done")
		q.Set("range", t.name)
		list = append(list, choice{"?" + q.Encode(), t.text, t.name == present.name})
	}
	return list
}

func (c *console) details(w http.ResponseWriter, r *http.Request) error {
	return c.showDetails(w, r, verifier{})
}

// showDetails shows a webhook, with the result of its SignatureVerifier if there is one.
func (c *console) showDetails(w http.ResponseWriter, r *http.Request, v verifier) error {
	ctx, id := r.Context(), chi.URLParam(r, "id")
	ep, err := c.m.Endpoint(ctx, tenant(ctx), id)
	if err != nil {
		return err
	}
	p := &detailsPage{page: c.newPage(r, "overview", host(ep.URL)), Endpoint: ep, Verifier: v, SourceIPs: c.cfg.SourceIPs}
	p.Breadcrumbs = []crumb{{p.Root, "Overview"}}
	p.Verifier.page, p.Verifier.Action = p.page, p.Root+id+"#verifier"
	if err := c.readDetails(ctx, p); err != nil {
		return err
	}
	span := rangeOf(r)
	if p.Stats, err = c.m.Analytics(ctx, tenant(ctx), span.query(id, "")); err != nil {
		return err
	}
	p.Ranges, p.Tiles = rangeChoices(r, span), tiles(&p.Stats.Totals, &p.Stats.Previous)
	p.Statuses = []statusCount{{"delivered", p.Stats.Totals.Delivered}, {"failed", p.Stats.Totals.Failed}}
	if p.Stats.Totals.Attempts > 0 {
		p.Charts = []chart{deliveriesChart("deliveries", &p.Stats), latencyChart("latency", &p.Stats)}
	}
	c.show(w, r, http.StatusOK, "details", p)
	return nil
}

func (c *console) readDetails(ctx context.Context, p *detailsPage) error {
	id := p.Endpoint.ID
	all, err := c.m.Details(ctx, tenant(ctx), id)
	if err != nil {
		return err
	}
	p.Details = all[id]
	p.Status = statusOfWebhook(&p.Endpoint, &p.Details.Health)
	if p.Secrets, err = c.m.Secrets(ctx, tenant(ctx), id); err != nil {
		return err
	}
	if p.Advice, err = c.m.Advice(ctx, tenant(ctx), id); err != nil {
		return err
	}
	of := manage.DeliveryQuery{DeliveryFilter: store.DeliveryFilter{Endpoint: id}}
	recent, err := c.m.FindDeliveries(ctx, tenant(ctx), of, store.Page{Limit: 8})
	if err != nil {
		return err
	}
	p.Recent = deliveryTable{Root: p.Root, Deliveries: recent.Items}
	p.Settings = settingsOf(&p.Endpoint)
	return nil
}

func (c *console) pause(w http.ResponseWriter, r *http.Request) error {
	if _, err := c.m.Pause(r.Context(), tenant(r.Context()), chi.URLParam(r, "id")); err != nil {
		return err
	}
	return done(w, r, backTo(r), "paused")
}

func (c *console) resume(w http.ResponseWriter, r *http.Request) error {
	if _, err := c.m.Resume(r.Context(), tenant(r.Context()), chi.URLParam(r, "id")); err != nil {
		return err
	}
	return done(w, r, backTo(r), "resumed")
}

// backTo returns the page that a form of a webhook was on: the overview or the webhook's.
func backTo(r *http.Request) string {
	if r.PostForm.Get("from") == "overview" {
		return ""
	}
	return chi.URLParam(r, "id")
}

func (c *console) delete(w http.ResponseWriter, r *http.Request) error {
	if err := c.m.DeleteEndpoint(r.Context(), tenant(r.Context()), chi.URLParam(r, "id")); err != nil {
		return err
	}
	return done(w, r, "", "deleted")
}

// overlaps are how long an old secret may go on signing, by the value of the form.
var overlaps = map[string]time.Duration{"none": -1, "hour": time.Hour, "day": 24 * time.Hour, "week": 7 * 24 * time.Hour}

// rotate shows the new secret, which no URL may have, so this form does not redirect.
func (c *console) rotate(w http.ResponseWriter, r *http.Request) error {
	ctx, id := r.Context(), chi.URLParam(r, "id")
	secret, err := c.m.RotateSecret(ctx, tenant(ctx), id, manage.Rotation{Overlap: overlaps[r.PostForm.Get("overlap")]})
	if err != nil {
		return err
	}
	ep, err := c.m.Endpoint(ctx, tenant(ctx), id)
	if err != nil {
		return err
	}
	p := secretPage{page: c.newPage(r, "overview", "New signing secret"), Endpoint: ep, Secret: secret.Reveal(), Rotated: true}
	p.Breadcrumbs = []crumb{{p.Root, "Overview"}, {p.Root + id, host(ep.URL)}}
	c.show(w, r, http.StatusOK, "secret", p)
	return nil
}

// secretPage shows a secret for the only time.
type secretPage struct {
	page
	Endpoint webhook.Endpoint
	Secret   string
	Rotated  bool
	// Repeated says that the webhook was there already, and its secret shown.
	Repeated bool
}
