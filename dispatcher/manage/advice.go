package manage

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// AdviceCode names a piece of advice, for code.
type AdviceCode string

// The codes of advice.
const (
	// AdviceTimeout: attempts take about as long as they may.
	AdviceTimeout AdviceCode = "timeout_near_p99"
	// AdviceRateLimit: the receiver answers 429.
	AdviceRateLimit AdviceCode = "over_receivers_limit"
	// AdviceBatch: many events could go in few requests.
	AdviceBatch AdviceCode = "batching_would_help"
	// AdvicePayload: events are so large that a link would do better.
	AdvicePayload AdviceCode = "large_payloads"
	// AdviceFilter: the filter lets nothing through.
	AdviceFilter AdviceCode = "filter_never_true"
	// AdviceSecret: the signing secret is old.
	AdviceSecret AdviceCode = "old_secret"
)

// Advice is something that would make an endpoint work better.
type Advice struct {
	Code AdviceCode
	// Text is a sentence for people.
	Text string
	// Evidence is what the advice rests on, by name.
	Evidence map[string]string
}

// The thresholds of advice.
const (
	// adviceWindow is how far back statistics are looked at, and adviceSample how
	// many of the latest events.
	adviceWindow = 24 * time.Hour
	adviceSample = 20
	// fewAttempts is what says nothing yet.
	fewAttempts = 20
	// nearTimeout is the share of the timeout that the slowest may take.
	nearTimeout = 0.8
	// throttledShare is the share of attempts that may be answered with 429.
	throttledShare = 0.01
	// busyMinute is how many attempts in a minute are many: ten a second.
	busyMinute = 600
	// largePayload is what a payload should not exceed; see the operational
	// considerations of Standard Webhooks 1.0.0.
	largePayload = 20 << 10
	// oldSecret is the age at which a secret should be rotated.
	oldSecret = 365 * 24 * time.Hour
)

// Advice returns what would make an endpoint work better, each with its evidence,
// by what was counted in the last 24 hours, the latest events and the endpoint's
// configuration. No advice is not an error. The error is store.ErrNotFound.
func (m *Manager) Advice(ctx context.Context, tenant, endpoint string) ([]Advice, error) {
	rec, err := m.record(ctx, tenant, endpoint)
	if err != nil {
		return nil, err
	}
	s := signs{endpoint: rec.Endpoint, now: clock.Now()}
	stats, err := m.store.Stats(ctx, tenant, store.StatScope{Endpoint: endpoint}, s.now.Add(-adviceWindow), s.now.Add(time.Minute))
	if err != nil {
		return nil, err
	}
	for _, st := range stats {
		if st.Start.After(s.endpoint.UpdatedAt) { // else it was about another filter
			s.passed += st.Counts.Passed
			s.keptBack += st.Counts.KeptBack
		}
		s.counts.Merge(st.Counts)
		s.busiest = max(s.busiest, st.Counts.Attempts)
		s.mostTaken = max(s.mostTaken, st.Counts.Delivered)
	}
	secrets, err := m.store.Secrets(ctx, tenant, endpoint)
	if err != nil {
		return nil, err
	}
	if len(secrets) > 0 {
		s.secretSince = secrets[0].CreatedAt
	}
	if s.events, err = m.latestEvents(ctx, tenant, endpoint); err != nil {
		return nil, err
	}
	return s.advice(), nil
}

// latestEvents returns the events that went, or are to go, to an endpoint last,
// with their payloads.
func (m *Manager) latestEvents(ctx context.Context, tenant, endpoint string) ([]webhook.Event, error) {
	found, err := m.store.FindDeliveries(ctx, tenant, store.DeliveryFilter{Endpoint: endpoint}, store.Page{Limit: adviceSample})
	if err != nil {
		return nil, err
	}
	keys := make([]store.EventKey, len(found.Items))
	for i, d := range found.Items {
		keys[i] = store.EventKey{Tenant: tenant, ID: d.EventID}
	}
	return m.store.EventsByKey(ctx, keys)
}

// signs are all that advice follows from.
type signs struct {
	endpoint webhook.Endpoint
	// counts are of the whole window; busiest is the number of attempts of the
	// busiest minute, and mostTaken the most that were delivered in one.
	counts             webhook.Counts
	busiest, mostTaken int64
	// passed and keptBack are what the filter did since the hour after the endpoint was
	// changed last.
	passed, keptBack int64
	secretSince      time.Time
	events           []webhook.Event
	now              time.Time
}

// advice says what follows. Nothing else does.
func (s signs) advice() []Advice {
	var list []Advice
	for _, judge := range []func(signs) (Advice, bool){signs.timeout, signs.rate, signs.batch, signs.payload, signs.filter, signs.secret} {
		if a, ok := judge(s); ok {
			list = append(list, a)
		}
	}
	return list
}

func (s signs) timeout() (Advice, bool) {
	p99, timeout := s.counts.Latency.Quantile(0.99), s.endpoint.Timeout
	if s.counts.Attempts < fewAttempts || float64(p99) < nearTimeout*float64(timeout) {
		return Advice{}, false
	}
	a := Advice{
		Code: AdviceTimeout,
		Text: fmt.Sprintf("One in a hundred attempts takes %v or more, and the timeout is %v: answer first and work afterwards, or raise the timeout.", round(p99), timeout),
		Evidence: map[string]string{
			"p99_ms":     strconv.FormatInt(p99.Round(time.Millisecond).Milliseconds(), 10),
			"timeout_ms": strconv.FormatInt(timeout.Milliseconds(), 10),
			"timeouts":   strconv.FormatInt(s.counts.Classes[webhook.ClassTimeout], 10),
			"attempts":   strconv.FormatInt(s.counts.Attempts, 10),
		},
	}
	if timeout >= webhook.MaxTimeout {
		a.Text = fmt.Sprintf("One in a hundred attempts takes %v or more, and the timeout is %v, the longest there is: answer first and work afterwards.", round(p99), timeout)
	}
	return a, true
}

func (s signs) rate() (Advice, bool) {
	refused := s.counts.Statuses[429]
	if s.counts.Attempts < fewAttempts || float64(refused) <= throttledShare*float64(s.counts.Attempts) {
		return Advice{}, false
	}
	a := Advice{
		Code: AdviceRateLimit,
		Evidence: map[string]string{
			"answered_429":              strconv.FormatInt(refused, 10),
			"attempts":                  strconv.FormatInt(s.counts.Attempts, 10),
			"most_delivered_per_minute": strconv.FormatInt(s.mostTaken, 10),
		},
	}
	if limit := s.endpoint.RateLimit.PerSecond; limit > 0 {
		a.Evidence["rate_limit_per_second"] = number(limit)
		a.Text = fmt.Sprintf("%d of %d attempts were answered with 429: lower the rate limit of %s per second to what the receiver takes.", refused, s.counts.Attempts, number(limit))
		return a, true
	}
	a.Text = fmt.Sprintf("%d of %d attempts were answered with 429: set a rate limit to what the receiver takes.", refused, s.counts.Attempts)
	return a, true
}

func (s signs) batch() (Advice, bool) {
	if s.busiest < busyMinute || s.endpoint.Batch.MaxEvents > 0 {
		return Advice{}, false
	}
	return Advice{
		Code: AdviceBatch,
		Text: fmt.Sprintf("The busiest minute had %d requests: batches would make them few.", s.busiest),
		Evidence: map[string]string{
			"most_attempts_per_minute": strconv.FormatInt(s.busiest, 10),
			"p50_ms":                   strconv.FormatInt(s.counts.Latency.Quantile(0.5).Round(time.Millisecond).Milliseconds(), 10),
		},
	}, true
}

func (s signs) payload() (Advice, bool) {
	var largest *webhook.Event
	over := 0
	for i := range s.events {
		ev := &s.events[i]
		if len(ev.Data) > largePayload {
			over++
		}
		if largest == nil || len(ev.Data) > len(largest.Data) {
			largest = ev
		}
	}
	if over == 0 {
		return Advice{}, false
	}
	return Advice{
		Code: AdvicePayload,
		Text: fmt.Sprintf("%d of the latest %d events have payloads over 20 KiB: send a link to what is large.", over, len(s.events)),
		Evidence: map[string]string{
			"largest_bytes": strconv.Itoa(len(largest.Data)),
			"event_id":      largest.ID,
			"event_type":    largest.Type,
		},
	}, true
}

func (s signs) filter() (Advice, bool) {
	if s.endpoint.Filter == "" || s.passed > 0 || s.keptBack < fewAttempts {
		return Advice{}, false
	}
	return Advice{
		Code: AdviceFilter,
		Text: fmt.Sprintf("The filter has let none of %d events through: try it with one of them in the preview.", s.keptBack),
		Evidence: map[string]string{
			"kept_back": strconv.FormatInt(s.keptBack, 10),
			"passed":    "0",
			"since":     instant(later(s.endpoint.UpdatedAt, s.now.Add(-adviceWindow))),
		},
	}, true
}

func (s signs) secret() (Advice, bool) {
	age := s.now.Sub(s.secretSince)
	if s.secretSince.IsZero() || age < oldSecret {
		return Advice{}, false
	}
	return Advice{
		Code: AdviceSecret,
		Text: fmt.Sprintf("The signing secret is %d days old: rotate it.", days(age)),
		Evidence: map[string]string{
			"secret_created_at": instant(s.secretSince),
			"age_days":          strconv.Itoa(days(age)),
		},
	}, true
}

// round leaves of a duration what people want to read.
func round(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(100 * time.Millisecond)
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
