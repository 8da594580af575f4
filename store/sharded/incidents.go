package sharded

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// CountIncidents implements store.Incidents. Incidents are on their tenants' shards,
// and those of one shard are counted in one transaction.
func (s *Store) CountIncidents(ctx context.Context, now time.Time, counts []store.IncidentCount) ([]webhook.Incident, error) {
	parts, err := s.split(len(counts),
		func(i int) string { return counts[i].Tenant },
		func(tenant string) (*shard, error) { return s.place(ctx, tenant) })
	if err != nil {
		return nil, fmt.Errorf("count incidents: %w", err)
	}
	answers := make([]webhook.Incident, len(counts))
	committed := false
	for at, part := range parts {
		if len(part) == 0 {
			continue
		}
		own := make([]store.IncidentCount, len(part))
		for n, i := range part {
			own[n] = counts[i]
		}
		found, err := s.shards[at].CountIncidents(ctx, now, own)
		if err != nil {
			return nil, partly(err, committed)
		}
		committed = true
		for n, i := range part {
			answers[i] = found[n]
		}
	}
	return answers, nil
}

// ListIncidents implements store.Incidents.
func (s *Store) ListIncidents(ctx context.Context, tenant string, filter store.IncidentFilter, page store.Page) ([]webhook.Incident, error) {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return nil, fmt.Errorf("list incidents: %w", err)
	}
	return sh.ListIncidents(ctx, tenant, filter, page)
}
