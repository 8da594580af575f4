package manage

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// LabelSummary is how the endpoints with a label are doing. One with several
// labels counts for each.
type LabelSummary struct {
	Label string
	// Endpoints is how many there are, Active and Paused how many of them are so.
	Endpoints, Active, Paused int
	// Failing counts those whose last attempt failed, and BreakerOpen those of
	// them whose circuit breaker lets nothing through but probes.
	Failing, BreakerOpen int
	// Attempts, Delivered and Failed count the attempts of the last 24 hours, the
	// deliveries that succeeded and those that failed for good.
	Attempts, Delivered, Failed int64
}

// SuccessRate returns the share of the deliveries that ended in the last 24 hours
// which succeeded, 0 to 1; 1 if none ended.
func (s LabelSummary) SuccessRate() float64 {
	if s.Delivered+s.Failed == 0 {
		return 1
	}
	return float64(s.Delivered) / float64(s.Delivered+s.Failed)
}

// Labels returns how a tenant's endpoints are doing, by label, in the order of the
// labels. It reads the statistics of every endpoint that has one. No labels are not
// an error.
func (m *Manager) Labels(ctx context.Context, tenant string) ([]LabelSummary, error) {
	if !validTenant(tenant) {
		return nil, nil
	}
	sums := make(map[string]*LabelSummary)
	for page := (store.Page{Limit: store.MaxPage}); ; {
		records, err := m.store.ListEndpoints(ctx, tenant, page)
		if err != nil {
			return nil, err
		}
		if err := m.addLabels(ctx, sums, tenant, records); err != nil {
			return nil, err
		}
		if len(records) < store.MaxPage {
			break
		}
		page.After = records[len(records)-1].ID
	}
	list := make([]LabelSummary, 0, len(sums))
	for _, s := range sums {
		list = append(list, *s)
	}
	slices.SortFunc(list, func(a, b LabelSummary) int { return cmp.Compare(a.Label, b.Label) })
	return list, nil
}

// addLabels adds a page of endpoints to the summaries of their labels.
func (m *Manager) addLabels(ctx context.Context, sums map[string]*LabelSummary, tenant string, records []store.EndpointRecord) error {
	records = slices.DeleteFunc(records, func(r store.EndpointRecord) bool { return len(r.Labels) == 0 })
	health, err := m.healthOf(ctx, tenant, records)
	if err != nil {
		return err
	}
	at := clock.Now()
	for _, rec := range records {
		one := LabelSummary{Endpoints: 1}
		if rec.Status == webhook.EndpointPaused {
			one.Paused = 1
		} else {
			one.Active = 1
		}
		if h := healthAt(health[rec.ID], at); h.Failures > 0 {
			one.Failing = 1
			if h.Breaker != BreakerClosed {
				one.BreakerOpen = 1
			}
		}
		stats, err := m.store.Stats(ctx, tenant, store.StatScope{Endpoint: rec.ID}, at.Add(-24*time.Hour), at.Add(time.Minute))
		if err != nil {
			return err
		}
		for _, st := range stats {
			one.Attempts += st.Counts.Attempts
			one.Delivered += st.Counts.Delivered
			one.Failed += st.Counts.Failed
		}
		labels := slices.Clone(rec.Labels)
		slices.Sort(labels)
		for _, label := range slices.Compact(labels) {
			if sums[label] == nil {
				sums[label] = &LabelSummary{Label: label}
			}
			sums[label].add(one)
		}
	}
	return nil
}

func (s *LabelSummary) add(o LabelSummary) {
	s.Endpoints += o.Endpoints
	s.Active += o.Active
	s.Paused += o.Paused
	s.Failing += o.Failing
	s.BreakerOpen += o.BreakerOpen
	s.Attempts += o.Attempts
	s.Delivered += o.Delivered
	s.Failed += o.Failed
}

// healthOf returns the health of endpoints by their ids.
func (m *Manager) healthOf(ctx context.Context, tenant string, records []store.EndpointRecord) (map[string]webhook.Health, error) {
	if len(records) == 0 {
		return nil, nil
	}
	keys := make([]store.Lane, len(records))
	for i, rec := range records {
		keys[i] = store.Lane{Tenant: tenant, Endpoint: rec.ID}
	}
	eps, err := m.store.EngineEndpoints(ctx, keys)
	if err != nil {
		return nil, err
	}
	health := make(map[string]webhook.Health, len(eps))
	for _, ep := range eps {
		health[ep.ID] = ep.Health
	}
	return health, nil
}
