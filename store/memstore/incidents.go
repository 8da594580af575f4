package memstore

import (
	"context"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// incident is an incident and the end of its window.
type incident struct {
	webhook.Incident
	ends time.Time
}

func (i *incident) id() string { return i.ID }

// incidentKey names what is counted together.
type incidentKey struct {
	tenant, subject string
	kind            webhook.IncidentKind
}

func (i *incident) key() incidentKey { return incidentKey{i.Tenant, i.Subject, i.Kind} }

// CountIncidents implements store.Incidents.
func (s *Store) CountIncidents(ctx context.Context, now time.Time, counts []store.IncidentCount) ([]webhook.Incident, error) {
	if err := s.begin(ctx, "count incidents"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	now = instant(now)
	answers := make([]webhook.Incident, len(counts))
	for i, c := range counts {
		found := s.incidents[incidentKey{c.Tenant, c.Subject, c.Kind}]
		if found == nil || !found.ends.After(now) {
			found = &incident{
				webhook.Incident{ID: c.ID, Tenant: c.Tenant, Kind: c.Kind, Subject: c.Subject, Since: now, Threshold: int64(c.Rule.Threshold)},
				now.Add(c.Rule.Window),
			}
			s.incidents[found.key()] = found
			s.tenant(c.Tenant).incidents.add(found)
		}
		found.Count, found.Last = found.Count+c.Count, now
		answers[i] = found.Incident
	}
	return answers, nil
}

// ListIncidents implements store.Incidents.
func (s *Store) ListIncidents(ctx context.Context, tenant string, filter store.IncidentFilter, page store.Page) ([]webhook.Incident, error) {
	if err := s.begin(ctx, "list incidents"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	t := s.tenants[tenant]
	if t == nil {
		return nil, nil
	}
	var list []webhook.Incident
	t.incidents.before(page.After, func(i *incident) bool {
		if i.Count >= i.Threshold && filter.Wants(&i.Incident) {
			list = append(list, i.Incident)
		}
		return len(list) < page.Size()
	})
	return list, nil
}

// incidents removes those that were counted last before the cutoff, and those that
// have not reached their threshold when their window ends.
func (p *pruning) incidents(cutoff time.Time) {
	n := 0
	for name, t := range p.store.tenants {
		var old []*incident
		t.incidents.after("", func(i *incident) bool {
			if i.Last.Before(cutoff) || i.Count < i.Threshold && !i.ends.After(p.now) {
				old = append(old, i)
			}
			return n+len(old) < p.limit
		})
		for _, i := range old {
			t.incidents.remove(i.ID)
			if p.store.incidents[i.key()] == i {
				delete(p.store.incidents, i.key())
			}
			p.done.Incidents++
			n++
		}
		p.store.forgetTenant(name)
		if n >= p.limit {
			p.done.More = true
			return
		}
	}
}
