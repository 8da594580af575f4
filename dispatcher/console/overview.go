package console

import (
	"context"
	"net/http"
	"net/url"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// cardsOnPage is how many webhooks are on a page of the overview: each has its own
// statistics to read.
const cardsOnPage = 20

type overviewPage struct {
	page
	Filter manage.EndpointFilter
	Cards  []card
	Totals webhook.Counts
	Rate   string
	Limits manage.Limits
	Next   string
	Labels []string
	Tiles  []tile
}

// Narrowed says that not all webhooks are meant.
func (p *overviewPage) Narrowed() bool { return p.Filter != (manage.EndpointFilter{}) }

// card is a WebhookCard.
type card struct {
	Root     string
	Write    bool
	Endpoint webhook.Endpoint
	Health   manage.Health
	Status   string
	Counts   webhook.Counts
	Rate     string
	Spark    []bar
}

// tile is a figure.
type tile struct{ Name, Value, Note string }

func (c *console) overview(w http.ResponseWriter, r *http.Request) error {
	ctx, q := r.Context(), r.URL.Query()
	p := &overviewPage{page: c.newPage(r, "overview", "Overview")}
	p.Filter = manage.EndpointFilter{Status: webhook.EndpointStatus(q.Get("status")), Label: q.Get("label"), Query: q.Get("q")}
	eps, next, err := manage.ReadPage(ctx, c.m, manage.Listing{Tenant: tenant(ctx), Name: "webhooks", Filter: p.Filter, Cursor: q.Get("cursor"), Limit: cardsOnPage},
		func(page store.Page) ([]webhook.Endpoint, error) {
			return c.m.FindEndpoints(ctx, tenant(ctx), p.Filter, page)
		}, func(ep *webhook.Endpoint) string { return ep.ID })
	if err != nil {
		return err
	}
	p.Next = nextLink(q, next)
	if p.Cards, err = c.cards(ctx, p.page, eps); err != nil {
		return err
	}
	all, err := c.m.Analytics(ctx, tenant(ctx), manage.AnalyticsQuery{})
	if err != nil {
		return err
	}
	if p.Limits, err = c.m.Limits(ctx, tenant(ctx)); err != nil {
		return err
	}
	p.Totals = all.Totals
	p.Tiles = tiles(&all.Totals, &all.Previous)
	c.show(w, r, http.StatusOK, "overview", p)
	return nil
}

// cards returns what the cards of webhooks show.
func (c *console) cards(ctx context.Context, p page, eps []webhook.Endpoint) ([]card, error) {
	ids := make([]string, len(eps))
	for i := range eps {
		ids[i] = eps[i].ID
	}
	details, err := c.m.Details(ctx, tenant(ctx), ids...)
	if err != nil {
		return nil, err
	}
	cards := make([]card, len(eps))
	for i, ep := range eps {
		a, err := c.m.Analytics(ctx, tenant(ctx), manage.AnalyticsQuery{Endpoint: ep.ID, WithoutPrevious: true})
		if err != nil {
			return nil, err
		}
		health := details[ep.ID].Health
		cards[i] = card{
			Root: p.Root, Write: p.Write, Endpoint: ep, Health: health, Status: statusOfWebhook(&ep, &health),
			Counts: a.Totals, Rate: rate(&a.Totals), Spark: sparkline(a.Series),
		}
	}
	return cards, nil
}

// statusOfWebhook names what matters most about a webhook.
func statusOfWebhook(ep *webhook.Endpoint, h *manage.Health) string {
	if ep.Status == webhook.EndpointActive && h.Breaker != manage.BreakerClosed && h.Breaker != "" {
		return "failing"
	}
	return string(ep.Status)
}

// tiles are the figures that people look at first, with those of the time before.
func tiles(now, before *webhook.Counts) []tile {
	return []tile{
		{"Delivered", count(now.Delivered), "Before: " + count(before.Delivered)},
		{"Success rate", rate(now), "Before: " + rate(before)},
		{"Failed for good", count(now.Failed), "Before: " + count(before.Failed)},
		{"Response time, p95", latency(now), "Before: " + latency(before)},
	}
}

func latency(c *webhook.Counts) string {
	if c.Attempts == 0 {
		return "–"
	}
	return took(c.Latency.Quantile(0.95))
}

// nextLink returns the query of the next page of a list, or "" if there is none.
func nextLink(q url.Values, cursor string) string {
	if cursor == "" {
		return ""
	}
	next := url.Values{}
	for name, values := range q {
		if name != "done" && name != "cursor" {
			next[name] = values
		}
	}
	next.Set("cursor", cursor)
	return "?" + next.Encode()
}
