package memstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// scope is whose counts a series has.
type scope struct {
	tenant string
	store.StatScope
}

// series has the minutes of one scope, in order.
type series struct {
	minutes []*minute
}

// minute is what happened in one minute of a scope.
type minute struct {
	scope
	start  time.Time
	counts webhook.Counts
	at     int
}

func (m *minute) place() *int { return &m.at }

// byStart orders minutes for Prune, the same way every time.
func byStart(a, b *minute) int {
	return cmp.Or(a.start.Compare(b.start), cmp.Compare(a.tenant, b.tenant),
		cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.EventType, b.EventType))
}

// from returns the index of the first minute that is not before a time.
func (s *series) from(at time.Time) int {
	i, _ := slices.BinarySearchFunc(s.minutes, at, func(m *minute, at time.Time) int { return m.start.Compare(at) })
	return i
}

// count adds what a settlement counted.
func (s *Store) count(tally map[store.TallyKey]*webhook.Counts) {
	for key, counts := range tally {
		sc := scope{key.Tenant, key.StatScope}
		line := s.series[sc]
		if line == nil {
			line = new(series)
			s.series[sc] = line
		}
		start := instant(key.Minute)
		i := line.from(start)
		if i == len(line.minutes) || !line.minutes[i].start.Equal(start) {
			m := &minute{scope: sc, start: start}
			line.minutes = slices.Insert(line.minutes, i, m)
			s.minutes.push(m)
		}
		line.minutes[i].counts.Merge(*counts)
	}
}

// forgetMinute removes the oldest minute of all scopes.
func (s *Store) forgetMinute() {
	m := s.minutes.pop()
	line := s.series[m.scope]
	i := line.from(m.start)
	line.minutes = slices.Delete(line.minutes, i, i+1)
	if len(line.minutes) == 0 {
		delete(s.series, m.scope)
	}
}

// CountFilters implements store.Statistics.
func (s *Store) CountFilters(ctx context.Context, now time.Time, tenant string, counts []store.FilterCount) error {
	if err := s.begin(ctx, "count filters"); err != nil {
		return err
	}
	defer s.mu.Unlock()
	s.count(store.TallyFilters(now, tenant, counts))
	return nil
}

// Stats implements store.Statistics.
func (s *Store) Stats(ctx context.Context, tenant string, sc store.StatScope, from, to time.Time) ([]store.Stat, error) {
	if err := s.begin(ctx, "read statistics"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	line := s.series[scope{tenant, sc}]
	if line == nil {
		return nil, nil
	}
	var stats []store.Stat
	for _, m := range line.minutes[line.from(from):] {
		if !m.start.Before(to) {
			break
		}
		stat := store.Stat{Start: m.start}
		stat.Counts.Merge(m.counts)
		stats = append(stats, stat)
	}
	return stats, nil
}
