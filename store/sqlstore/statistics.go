package sqlstore

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// statsKey names a row of statistics.
type statsKey struct {
	tenant, endpoint, eventType string
	start, process              int64
}

// perMinute is the resolution, in seconds, that is counted in.
const perMinute = 60

// count adds counts to the rows of a process.
func (s *Store) count(ctx context.Context, c Conn, process int64, tally map[store.TallyKey]*webhook.Counts) error {
	if s.dialect.Count != nil {
		return s.dialect.Count(ctx, c, process, tally)
	}
	keys := make([]store.TallyKey, 0, len(tally))
	for key := range tally {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b store.TallyKey) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Endpoint, b.Endpoint),
			cmp.Compare(a.EventType, b.EventType), a.Minute.Compare(b.Minute))
	})
	for _, key := range keys {
		row := statsKey{key.Tenant, key.Endpoint, key.EventType, key.Minute.UnixMicro(), process}
		if err := addCounts(ctx, c, row, perMinute, tally[key]); err != nil {
			return err
		}
	}
	return nil
}

// addCounts adds counts to a row, whose resolution only grows. counts becomes
// what the row has then.
func addCounts(ctx context.Context, c Conn, key statsKey, resolution int64, counts *webhook.Counts) error {
	old, err := readCounts(ctx, c, key)
	if err != nil {
		return err
	}
	counts.Merge(old)
	classes, latency, err := EncodeCounts(counts)
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, `
		INSERT INTO postrider_stats (tenant, endpoint, type, start, process, resolution, attempts, delivered, failed, classes, latency)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (tenant, endpoint, type, start, process) DO UPDATE
		SET resolution = CASE WHEN excluded.resolution > postrider_stats.resolution
				THEN excluded.resolution ELSE postrider_stats.resolution END,
			attempts = excluded.attempts,
			delivered = excluded.delivered,
			failed = excluded.failed,
			classes = excluded.classes,
			latency = excluded.latency`,
		key.tenant, key.endpoint, key.eventType, key.start, key.process, resolution,
		counts.Attempts, counts.Delivered, counts.Failed, textOrNull(classes), latency)
	return err
}

// EncodeCounts returns what is stored of counts beside the numbers: the classes of
// errors with the status codes, "" if there were none, and the latencies.
func EncodeCounts(counts *webhook.Counts) (classes string, latency []byte, err error) {
	if len(counts.Classes) > 0 || counts.Passed > 0 || counts.KeptBack > 0 {
		by := make(map[string]int64, len(counts.Classes)+len(counts.Statuses))
		if counts.Passed > 0 {
			by[passed] = counts.Passed
		}
		if counts.KeptBack > 0 {
			by[keptBack] = counts.KeptBack
		}
		for class, n := range counts.Classes {
			by[string(class)] = n
		}
		for status, n := range counts.Statuses { // no class is a number
			by[strconv.Itoa(status)] = n
		}
		text, err := json.Marshal(by)
		if err != nil {
			return "", nil, err
		}
		classes = string(text)
	}
	latency, err = counts.Latency.AppendBinary(nil)
	return classes, latency, err
}

// passed and keptBack stand among the classes, of which none is called so.
const (
	passed   = "+passed"
	keptBack = "+kept_back"
)

// CountFilters implements store.Statistics.
func (s *Store) CountFilters(ctx context.Context, now time.Time, tenant string, counts []store.FilterCount) error {
	return wrap("count filters", s.db.Write(ctx, func(ctx context.Context, c Conn) error {
		if s.dialect.Lock != nil {
			if err := s.dialect.Lock(ctx, c, ofFilters); err != nil {
				return err
			}
		}
		return s.count(ctx, c, ofFilters, store.TallyFilters(now, tenant, counts))
	}))
}

// ofFilters stands for the process in rows that all processes count filters in.
const ofFilters = -1

// decodeClasses is the reverse of EncodeCounts for a text that is not empty.
func decodeClasses(text string, counts *webhook.Counts) error {
	var by map[string]int64
	if err := json.Unmarshal([]byte(text), &by); err != nil {
		return err
	}
	counts.Passed, counts.KeptBack = by[passed], by[keptBack]
	delete(by, passed)
	delete(by, keptBack)
	if len(by) == 0 {
		return nil
	}
	counts.Classes = make(map[webhook.ErrorClass]int64, len(by))
	for key, n := range by {
		status, err := strconv.Atoi(key)
		if err != nil {
			counts.Classes[webhook.ErrorClass(key)] = n
			continue
		}
		if counts.Statuses == nil {
			counts.Statuses = make(map[int]int64, 1)
		}
		counts.Statuses[status] = n
	}
	return nil
}

// readCounts returns the counts of a row, or none.
func readCounts(ctx context.Context, c Conn, key statsKey) (webhook.Counts, error) {
	var counts webhook.Counts
	err := c.Query(ctx, `
		SELECT attempts, delivered, failed, classes, latency
		FROM postrider_stats
		WHERE tenant = ?
		AND endpoint = ?
		AND type = ?
		AND start = ?
		AND process = ?`, []any{key.tenant, key.endpoint, key.eventType, key.start, key.process}, func(r Row) error {
		return ScanCounts(r, &counts)
	})
	return counts, err
}

// ScanCounts reads the counts of a row (attempts, delivered, failed, classes,
// latency), and before them the columns of first.
func ScanCounts(r Row, counts *webhook.Counts, first ...any) error {
	var classes string
	var latency []byte
	err := r.Scan(append(first, &counts.Attempts, &counts.Delivered, &counts.Failed, &classes, &latency)...)
	if err != nil {
		return err
	}
	if classes != "" {
		if err := decodeClasses(classes, counts); err != nil {
			return err
		}
	}
	return counts.Latency.UnmarshalBinary(latency)
}

// Stats implements store.Statistics.
func (s *Store) Stats(ctx context.Context, tenant string, scope store.StatScope, from, to time.Time) ([]store.Stat, error) {
	var stats []store.Stat
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) (err error) {
		if stats, err = countedOf(ctx, c, tenant, scope, from, to); err != nil {
			return err
		}
		more, err := uncountedOf(ctx, c, tenant, scope)
		for key, counts := range more {
			if key.StatScope == scope && !key.Minute.Before(from) && key.Minute.Before(to) {
				stats = append(stats, store.Stat{Start: key.Minute, Counts: *counts})
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read statistics: %w", err)
	}
	return mergeStats(stats), nil
}

// countedOf returns the rows of one scope, of each process.
func countedOf(ctx context.Context, c Conn, tenant string, scope store.StatScope, from, to time.Time) ([]store.Stat, error) {
	var stats []store.Stat
	err := c.Query(ctx, `
		SELECT start, attempts, delivered, failed, classes, latency
		FROM postrider_stats
		WHERE tenant = ?
		AND endpoint = ?
		AND type = ?
		AND start >= ?
		AND start < ?`, []any{tenant, scope.Endpoint, scope.EventType, from.UnixMicro(), to.UnixMicro()}, func(r Row) error {
		var st store.Stat
		err := ScanCounts(r, &st.Counts, &st.Start)
		stats = append(stats, st)
		return err
	})
	return stats, err
}

// mergeStats sorts counts by time and adds up those of the same.
func mergeStats(stats []store.Stat) []store.Stat {
	slices.SortStableFunc(stats, func(a, b store.Stat) int { return a.Start.Compare(b.Start) })
	merged := stats[:0]
	for _, st := range stats {
		if last := len(merged) - 1; last >= 0 && merged[last].Start.Equal(st.Start) {
			merged[last].Counts.Merge(st.Counts)
			continue
		}
		merged = append(merged, st)
	}
	return merged
}
