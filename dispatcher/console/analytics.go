package console

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

type analyticsPage struct {
	page
	Stats     manage.Analytics
	Tiles     []tile
	Ranges    []choice
	Range     string
	Charts    []chart
	Webhooks  []option
	Types     []option
	Webhook   string
	EventType string
	Classes   []shareRow
	Statuses  []shareRow
	// What is below has only those that there was something of.
	ByWebhook, ByType []countsRow
	Labels            []manage.LabelSummary
	// More says that not all webhooks and event types are in the tables.
	More bool
}

// shareRow is a part of a whole.
type shareRow struct {
	Name, Text string
	Count      int64
	Share      float64
}

// countsRow is a line of figures.
type countsRow struct {
	Name, Href string
	Counts     webhook.Counts
	Rate       string
	Latency    string
}

// maxRows is how many webhooks, and how many event types, have a line: each is a query.
const maxRows = 100

func (c *console) analytics(w http.ResponseWriter, r *http.Request) error {
	ctx, q := r.Context(), r.URL.Query()
	p := &analyticsPage{page: c.newPage(r, "analytics", "Analytics"), Webhook: q.Get("webhook"), EventType: q.Get("event_type")}
	span := rangeOf(r)
	p.Range, p.Ranges = span.name, rangeChoices(r, span)
	var err error
	if p.Stats, err = c.m.Analytics(ctx, tenant(ctx), span.query(p.Webhook, p.EventType)); err != nil {
		return err
	}
	p.Tiles = tiles(&p.Stats.Totals, &p.Stats.Previous)
	if p.Stats.Totals.Attempts > 0 {
		p.Charts = []chart{deliveriesChart("deliveries", &p.Stats), latencyChart("latency", &p.Stats)}
	}
	p.Classes, p.Statuses = errorShares(&p.Stats.Totals)
	if err := c.breakdowns(ctx, p, span); err != nil {
		return err
	}
	c.show(w, r, http.StatusOK, "analytics", p)
	return nil
}

// errorShares returns the failed attempts by class, and those with an answer by status.
func errorShares(t *webhook.Counts) (classes, statuses []shareRow) {
	for _, class := range slices.Sorted(maps.Keys(t.Classes)) {
		n := t.Classes[class]
		classes = append(classes, shareRow{string(class), class.Message(), n, float64(n) / float64(max(t.Attempts, 1))})
	}
	for _, code := range slices.Sorted(maps.Keys(t.Statuses)) {
		n := t.Statuses[code]
		statuses = append(statuses, shareRow{strconv.Itoa(code), http.StatusText(code), n, float64(n) / float64(max(t.Attempts, 1))})
	}
	most := func(a, b shareRow) int { return cmp.Compare(b.Count, a.Count) }
	slices.SortStableFunc(classes, most)
	slices.SortStableFunc(statuses, most)
	return classes, statuses
}

// breakdowns fills in what there is to choose from, and the figures by webhook, event type
// and label.
func (c *console) breakdowns(ctx context.Context, p *analyticsPage, span timeRange) error {
	eps, err := c.m.Endpoints(ctx, tenant(ctx), store.Page{Limit: maxChoices})
	if err != nil {
		return err
	}
	types, err := c.m.EventTypes(ctx, manage.EventTypeFilter{Archived: true})
	if err != nil {
		return err
	}
	p.Webhooks = append([]option{{"", "All webhooks"}}, webhookOptions(eps)...)
	p.Types = []option{{"", "All event types"}}
	for _, t := range types {
		p.Types = append(p.Types, option{t.Name, t.Name})
	}
	if p.Webhook == "" {
		for i := range eps[:min(len(eps), maxRows)] {
			row, err := c.countsRow(ctx, span.query(eps[i].ID, p.EventType), place(eps[i].URL), p.Root+eps[i].ID)
			if err != nil {
				return err
			}
			p.ByWebhook = append(p.ByWebhook, row...)
		}
		p.More = len(eps) > maxRows
	}
	if p.EventType == "" {
		for i := range types[:min(len(types), maxRows)] {
			row, err := c.countsRow(ctx, span.query(p.Webhook, types[i].Name), types[i].Name, p.Root+"events/"+types[i].Name)
			if err != nil {
				return err
			}
			p.ByType = append(p.ByType, row...)
		}
		p.More = p.More || len(types) > maxRows
	}
	busiest := func(a, b countsRow) int { return cmp.Compare(b.Counts.Attempts, a.Counts.Attempts) }
	slices.SortStableFunc(p.ByWebhook, busiest)
	slices.SortStableFunc(p.ByType, busiest)
	p.Labels, err = c.m.Labels(ctx, tenant(ctx))
	return err
}

// countsRow returns a line of figures, or none if there were no attempts.
func (c *console) countsRow(ctx context.Context, q manage.AnalyticsQuery, name, href string) ([]countsRow, error) {
	q.WithoutPrevious = true
	a, err := c.m.Analytics(ctx, tenant(ctx), q)
	if err != nil || a.Totals.Attempts == 0 {
		return nil, err
	}
	return []countsRow{{name, href, a.Totals, rate(&a.Totals), latency(&a.Totals)}}, nil
}
