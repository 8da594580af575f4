package memstore

import (
	"context"
	"slices"
	"sort"

	"github.com/postrider/postrider/store"
)

// changelog has endpoints in the order of their last change. An entry whose
// endpoint changed again, or is gone, is dead and removed in time.
type changelog struct {
	entries []change
	live    int
}

type change struct {
	revision int64
	endpoint *endpoint
}

func (c change) dead() bool { return c.endpoint.gone || c.endpoint.Revision != c.revision }

// add notes an endpoint's present revision.
func (l *changelog) add(ep *endpoint, fresh bool) {
	if fresh {
		l.live++
	}
	l.entries = append(l.entries, change{ep.Revision, ep})
	l.compact()
}

// remove counts an endpoint as gone.
func (l *changelog) remove() {
	l.live--
	l.compact()
}

func (l *changelog) compact() {
	if len(l.entries) > 2*l.live+16 {
		l.entries = slices.DeleteFunc(l.entries, change.dead)
	}
}

// after returns the endpoints that changed after a revision, oldest change
// first, at most limit.
func (l *changelog) after(revision int64, limit int) []*endpoint {
	var list []*endpoint
	start := sort.Search(len(l.entries), func(i int) bool { return l.entries[i].revision > revision })
	for _, c := range l.entries[start:] {
		if len(list) == limit {
			break
		}
		if !c.dead() {
			list = append(list, c.endpoint)
		}
	}
	return list
}

func records(eps []*endpoint) []store.EndpointRecord {
	list := make([]store.EndpointRecord, 0, len(eps))
	for _, ep := range eps {
		list = append(list, ep.Clone())
	}
	return list
}

// Tenants implements store.Directory. The cursor is "=" and the last tenant.
func (s *Store) Tenants(ctx context.Context, cursor string, limit int) ([]string, string, error) {
	if err := s.begin(ctx, "list tenants"); err != nil {
		return nil, cursor, err
	}
	defer s.mu.Unlock()
	var names []string
	for name, t := range s.tenants {
		if t.revision > 0 && "="+name > cursor {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if names = names[:min(len(names), max(limit, 0))]; len(names) > 0 {
		cursor = "=" + names[len(names)-1]
	}
	return names, cursor, nil
}

// TenantEndpoints implements store.Directory.
func (s *Store) TenantEndpoints(ctx context.Context, tenant string, after int64) ([]store.EndpointRecord, int64, error) {
	if err := s.begin(ctx, "read endpoints"); err != nil {
		return nil, 0, err
	}
	defer s.mu.Unlock()
	t := s.tenants[tenant]
	if t == nil {
		return nil, 0, nil
	}
	return records(t.changes.after(after, len(t.changes.entries))), t.revision, nil
}

// ChangedEndpoints implements store.Directory. The cursor is a revision.
func (s *Store) ChangedEndpoints(ctx context.Context, cursor int64, limit int) ([]store.EndpointRecord, int64, error) {
	if err := s.begin(ctx, "read changed endpoints"); err != nil {
		return nil, 0, err
	}
	defer s.mu.Unlock()
	list := s.changes.after(cursor, limit)
	if n := len(list); n > 0 {
		cursor = list[n-1].Revision
	}
	return records(list), cursor, nil
}

// LatestChange implements store.Directory.
func (s *Store) LatestChange(ctx context.Context) (int64, error) {
	if err := s.begin(ctx, "read the latest change"); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	return s.change, nil
}

// EngineEndpoints implements store.Directory.
func (s *Store) EngineEndpoints(ctx context.Context, keys []store.Lane) ([]store.EngineEndpoint, error) {
	if err := s.begin(ctx, "read endpoints"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var list []store.EngineEndpoint
	for _, key := range keys {
		if ep := s.endpoints[key]; ep != nil {
			list = append(list, store.EngineEndpoint{
				EndpointRecord: ep.Clone(), Secrets: cloneSecrets(ep.secrets), Health: ep.health,
			})
		}
	}
	return list, nil
}
