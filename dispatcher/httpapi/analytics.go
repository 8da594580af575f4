package httpapi

import (
	"context"
	"strconv"
	"time"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/webhook"
)

// countsJSON is what became of attempts.
type countsJSON struct {
	Attempts     int64            `json:"attempts"`
	Delivered    int64            `json:"delivered" doc:"Attempts that succeeded."`
	Failed       int64            `json:"failed" doc:"Deliveries that failed for good."`
	SuccessRate  float64          `json:"success_rate" doc:"The share of the deliveries that ended which succeeded; 1 if none ended."`
	ErrorClasses map[string]int64 `json:"error_classes" doc:"Failed attempts by class."`
	StatusCodes  map[string]int64 `json:"status_codes" doc:"Failed attempts that had an answer, by its status."`
	Latency      latencyJSON      `json:"latency_ms"`
}

type latencyJSON struct {
	P50 float64 `json:"p50" doc:"Within 2 %, as all of them."`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

func countsToJSON(c *webhook.Counts) countsJSON {
	out := countsJSON{
		Attempts: c.Attempts, Delivered: c.Delivered, Failed: c.Failed, SuccessRate: manage.SuccessRate(c),
		ErrorClasses: make(map[string]int64, len(c.Classes)), StatusCodes: make(map[string]int64, len(c.Statuses)),
		Latency: latencyJSON{millis(c.Latency.Quantile(0.5)), millis(c.Latency.Quantile(0.95)), millis(c.Latency.Quantile(0.99))},
	}
	for class, n := range c.Classes {
		out.ErrorClasses[string(class)] = n
	}
	for status, n := range c.Statuses {
		out.StatusCodes[strconv.Itoa(status)] = n
	}
	return out
}

// analyticsJSON is what became of attempts within a time.
type analyticsJSON struct {
	From     time.Time   `json:"from"`
	To       time.Time   `json:"to" doc:"Exclusive."`
	Interval string      `json:"interval" enum:"minute,hour,day"`
	Totals   countsJSON  `json:"totals"`
	Previous countsJSON  `json:"previous" doc:"Of as long a time before."`
	Series   []pointJSON `json:"series" doc:"A point for each interval, also where nothing was counted."`
}

type pointJSON struct {
	Start  time.Time  `json:"start"`
	Counts countsJSON `json:"counts"`
}

func (a *api) analytics(ctx context.Context, q manage.AnalyticsQuery) (*answer[analyticsJSON], error) {
	found, err := a.m.Analytics(ctx, tenant(ctx), q)
	if err != nil {
		return nil, err
	}
	out := analyticsJSON{
		From: found.From, To: found.To, Interval: string(found.Interval), Totals: countsToJSON(&found.Totals),
		Previous: countsToJSON(&found.Previous), Series: make([]pointJSON, len(found.Series)),
	}
	for i := range found.Series {
		out.Series[i] = pointJSON{found.Series[i].Start, countsToJSON(&found.Series[i].Counts)}
	}
	return &answer[analyticsJSON]{CacheControl: cacheStatistics, Body: out}, nil
}

func (a *api) readAnalytics(ctx context.Context, in *struct {
	From      time.Time `query:"from" doc:"Defaults to 24 hours before to."`
	To        time.Time `query:"to" doc:"Defaults to now."`
	Interval  string    `query:"interval" enum:"minute,hour,day" default:"hour"`
	WebhookID string    `query:"webhook_id" doc:"Only of this webhook."`
	EventType string    `query:"event_type" maxLength:"128" doc:"Only of this event type."`
},
) (*answer[analyticsJSON], error) {
	return a.analytics(ctx, manage.AnalyticsQuery{
		Endpoint: in.WebhookID, EventType: in.EventType, From: in.From, To: in.To, Interval: manage.Interval(in.Interval),
	})
}

func (a *api) readStats(ctx context.Context, in *byID) (*answer[analyticsJSON], error) {
	if _, err := a.m.Endpoint(ctx, tenant(ctx), in.ID); err != nil {
		return nil, err
	}
	return a.analytics(ctx, manage.AnalyticsQuery{Endpoint: in.ID})
}
