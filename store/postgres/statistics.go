package postgres

import (
	"context"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlstore"
	"github.com/postrider/postrider/webhook"
)

// count adds counts to the rows of a process (see sqlstore.Dialect): it reads what
// there is, adds it up here, and writes it back.
func count(ctx context.Context, c sqlstore.Conn, process int64, tally map[store.TallyKey]*webhook.Counts) error {
	var tenants, endpoints, types []string
	var starts []int64
	var sums []*webhook.Counts
	place := make(map[store.TallyKey]int, len(tally))
	for key, counts := range tally {
		place[key] = len(sums)
		tenants, endpoints, types = append(tenants, key.Tenant), append(endpoints, key.Endpoint), append(types, key.EventType)
		starts = append(starts, key.Minute.UnixMicro())
		sums = append(sums, counts)
	}
	if err := c.Query(ctx, `
		SELECT s.tenant, s.endpoint, s.type, s.start, s.attempts, s.delivered, s.failed, s.classes, s.latency
		FROM unnest(?::text[], ?::text[], ?::text[], ?::bigint[]) k (tenant, endpoint, type, start)
		JOIN postrider_stats s ON s.tenant = k.tenant AND s.endpoint = k.endpoint AND s.type = k.type AND s.start = k.start
			AND s.process = ?`, []any{tenants, endpoints, types, starts, process}, func(r sqlstore.Row) error {
		var key store.TallyKey
		var counts webhook.Counts
		if err := sqlstore.ScanCounts(r, &counts, &key.Tenant, &key.Endpoint, &key.EventType, &key.Minute); err != nil {
			return err
		}
		if i, ok := place[key]; ok {
			sums[i].Merge(counts)
		}
		return nil
	}); err != nil {
		return err
	}
	attempts, delivered, failed := make([]int64, len(sums)), make([]int64, len(sums)), make([]int64, len(sums))
	classes, latencies := make([]string, len(sums)), make([][]byte, len(sums))
	for i, sum := range sums {
		attempts[i], delivered[i], failed[i] = sum.Attempts, sum.Delivered, sum.Failed
		var err error
		if classes[i], latencies[i], err = sqlstore.EncodeCounts(sum); err != nil {
			return err
		}
	}
	_, err := c.Exec(ctx, `
		INSERT INTO postrider_stats (tenant, endpoint, type, start, process, resolution, attempts, delivered, failed, classes, latency)
		SELECT k.tenant, k.endpoint, k.type, k.start, ?, 60, k.attempts, k.delivered, k.failed, nullif(k.classes, ''), k.latency
		FROM unnest(?::text[], ?::text[], ?::text[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::text[], ?::bytea[])
			k (tenant, endpoint, type, start, attempts, delivered, failed, classes, latency)
		ON CONFLICT (tenant, endpoint, type, start, process) DO UPDATE
		SET attempts = excluded.attempts,
			delivered = excluded.delivered,
			failed = excluded.failed,
			classes = excluded.classes,
			latency = excluded.latency`,
		process, tenants, endpoints, types, starts, attempts, delivered, failed, classes, latencies)
	return err
}
