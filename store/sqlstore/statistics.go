package sqlstore

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// count adds counts to the rows of this process.
func count(ctx context.Context, c Conn, process int64, tally map[store.TallyKey]*webhook.Counts) error {
	keys := make([]store.TallyKey, 0, len(tally))
	for key := range tally {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b store.TallyKey) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Endpoint, b.Endpoint),
			cmp.Compare(a.EventType, b.EventType), a.Minute.Compare(b.Minute))
	})
	for _, key := range keys {
		if err := countOne(ctx, c, process, key, tally[key]); err != nil {
			return err
		}
	}
	return nil
}

func countOne(ctx context.Context, c Conn, process int64, key store.TallyKey, counts *webhook.Counts) error {
	start := key.Minute.UnixMicro()
	if err := c.Query(ctx, `
		SELECT attempts, delivered, failed, classes, latency
		FROM postrider_stats
		WHERE tenant = ?
		AND endpoint = ?
		AND type = ?
		AND start = ?
		AND process = ?`, []any{key.Tenant, key.Endpoint, key.EventType, start, process}, func(r Row) error {
		var old webhook.Counts
		err := scanCounts(r, &old)
		counts.Merge(old)
		return err
	}); err != nil {
		return err
	}
	var classes any
	if len(counts.Classes) > 0 {
		text, err := json.Marshal(counts.Classes)
		if err != nil {
			return err
		}
		classes = string(text)
	}
	latency, err := counts.Latency.AppendBinary(nil)
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, `
		INSERT INTO postrider_stats (tenant, endpoint, type, start, process, attempts, delivered, failed, classes, latency)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (tenant, endpoint, type, start, process) DO UPDATE
		SET attempts = excluded.attempts,
			delivered = excluded.delivered,
			failed = excluded.failed,
			classes = excluded.classes,
			latency = excluded.latency`,
		key.Tenant, key.Endpoint, key.EventType, start, process,
		counts.Attempts, counts.Delivered, counts.Failed, classes, latency)
	return err
}

// scanCounts reads the counts of a row, and before them the columns of first.
func scanCounts(r Row, counts *webhook.Counts, first ...any) error {
	var classes string
	var latency []byte
	err := r.Scan(append(first, &counts.Attempts, &counts.Delivered, &counts.Failed, &classes, &latency)...)
	if err != nil {
		return err
	}
	if classes != "" {
		if err := json.Unmarshal([]byte(classes), &counts.Classes); err != nil {
			return err
		}
	}
	return counts.Latency.UnmarshalBinary(latency)
}

// Stats implements store.Statistics.
func (s *Store) Stats(ctx context.Context, tenant string, scope store.StatScope, from, to time.Time) ([]store.Stat, error) {
	var stats []store.Stat
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) error {
		return c.Query(ctx, `
			SELECT start, attempts, delivered, failed, classes, latency
			FROM postrider_stats
			WHERE tenant = ?
			AND endpoint = ?
			AND type = ?
			AND start >= ?
			AND start < ?
			ORDER BY start`, []any{tenant, scope.Endpoint, scope.EventType, from.UnixMicro(), to.UnixMicro()}, func(r Row) error {
			var st store.Stat
			if err := scanCounts(r, &st.Counts, &st.Start); err != nil {
				return err
			}
			if last := len(stats) - 1; last >= 0 && stats[last].Start.Equal(st.Start) {
				stats[last].Counts.Merge(st.Counts)
				return nil
			}
			stats = append(stats, st)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read statistics: %w", err)
	}
	return stats, nil
}
