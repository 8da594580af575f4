package manage

import (
	"context"
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Interval is how long the points of a series are apart.
type Interval string

// The intervals.
const (
	IntervalMinute Interval = "minute"
	IntervalHour   Interval = "hour"
	IntervalDay    Interval = "day" // UTC
)

// intervals has the length of each interval, and how long ago a range by it may begin:
// minutes are added up to their hour after two days, hours to their day after 35 days,
// and days are kept 400 (see store.Statistics and Retention).
var intervals = map[Interval]struct{ length, reach time.Duration }{
	IntervalMinute: {time.Minute, 2 * day},
	IntervalHour:   {time.Hour, 35 * day},
	IntervalDay:    {day, 400 * day},
}

const day = 24 * time.Hour

// AnalyticsQuery says what Analytics counts.
type AnalyticsQuery struct {
	// Endpoint and EventType narrow it. Default to all.
	Endpoint, EventType string
	// From and To bound the time of the attempts. From is brought forward to the
	// beginning of its interval, UTC, and To to the end of its own. To defaults to now
	// and From to 24 hours before it.
	From, To time.Time
	// Interval defaults to an hour.
	Interval Interval
	// WithoutPrevious leaves Previous empty, which is half of the work.
	// Defaults to what was before.
	WithoutPrevious bool
}

// Analytics is what became of attempts within a time.
type Analytics struct {
	// From is inclusive, To exclusive.
	From, To time.Time
	Interval Interval
	// Totals are of the whole time, and Previous of as long a time before it.
	Totals, Previous webhook.Counts
	// Series has a point for each interval, in order of time, also where nothing was
	// counted.
	Series []store.Stat
}

// Analytics returns what became of a tenant's attempts, from the statistics that are
// written with them: the numbers are exact, whichever process made the attempts, and stay
// so when what they count is pruned. An answer may be up to a minute old. Nothing counted
// is not an error, and neither is an endpoint that the tenant does not have.
//
// What is older than two days has the precision of an hour, and what is older than 35 days
// that of a day: it counts for the time that its hour or day begins in. Errors are
// *webhook.InvalidError with the fields interval, from and to.
func (m *Manager) Analytics(ctx context.Context, tenant string, q AnalyticsQuery) (Analytics, error) {
	at := clock.Now().UTC()
	q, err := q.aligned(at)
	if err != nil || !validTenant(tenant) {
		return Analytics{}, err
	}
	if q.Endpoint != "" && !webhook.PrefixEndpoint.ValidID(q.Endpoint) || q.EventType != "" && !webhook.ValidEventType(q.EventType) {
		return newAnalytics(q), nil
	}
	key := analyticsKey{tenant, q}
	if a, ok := m.analytics.get(key, at); ok {
		return a, nil
	}
	a := newAnalytics(q)
	before := a.From
	if !q.WithoutPrevious {
		before = a.From.Add(a.From.Sub(a.To))
	}
	stats, err := m.store.Stats(ctx, tenant, store.StatScope{Endpoint: q.Endpoint, EventType: q.EventType}, before, a.To)
	if err != nil {
		return Analytics{}, err
	}
	for _, s := range stats {
		a.add(s)
	}
	m.analytics.put(key, a, at)
	return a, nil
}

// aligned fills in what is not said, and brings the range to whole intervals.
func (q AnalyticsQuery) aligned(at time.Time) (AnalyticsQuery, error) {
	if q.Interval == "" {
		q.Interval = IntervalHour
	}
	interval, ok := intervals[q.Interval]
	if !ok {
		return q, webhook.Invalid("interval", webhook.CodeInvalidField, "Must be minute, hour or day.")
	}
	if q.To.IsZero() {
		q.To = at
	}
	if q.From.IsZero() {
		q.From = q.To.Add(-day)
	}
	var inv webhook.InvalidError
	checkList(&inv, webhook.PrefixEndpoint, q.From, q.To, store.Page{})
	// An hour more, so that a clock that is a little off makes no difference.
	if q.From.Before(at.Add(-interval.reach-time.Hour)) || q.To.After(at.Add(interval.length+time.Hour)) {
		inv.Add("from", webhook.CodeInvalidField, "Must be within the time that is kept by this interval: minutes 2 days, hours 35, days 400.")
	}
	if err := inv.Err(); err != nil {
		return q, err
	}
	q.From, q.To = q.From.UTC().Truncate(interval.length), q.To.UTC().Add(interval.length-1).Truncate(interval.length)
	return q, nil
}

// newAnalytics returns the answer to an aligned query before anything is counted.
func newAnalytics(q AnalyticsQuery) Analytics {
	a := Analytics{From: q.From, To: q.To, Interval: q.Interval}
	for at := q.From; at.Before(q.To); at = at.Add(intervals[q.Interval].length) {
		a.Series = append(a.Series, store.Stat{Start: at})
	}
	return a
}

// add counts a row of statistics, in the time before From or in its point.
func (a *Analytics) add(s store.Stat) {
	if s.Start.Before(a.From) {
		a.Previous.Merge(s.Counts)
		return
	}
	a.Totals.Merge(s.Counts)
	if n := int(s.Start.Sub(a.From) / intervals[a.Interval].length); n < len(a.Series) {
		a.Series[n].Counts.Merge(s.Counts)
	}
}

// SuccessRate returns the share of the deliveries that ended which succeeded, 0 to 1; 1 if
// none ended.
func SuccessRate(c *webhook.Counts) float64 {
	return LabelSummary{Delivered: c.Delivered, Failed: c.Failed}.SuccessRate()
}
