package sqlstore

import (
	"context"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Statistics are kept by the minute for two days, then by the hour for 35, then
// by the day.
const (
	minutesKept = 2 * 24 * time.Hour
	hoursKept   = 35 * 24 * time.Hour

	perHour = 60 * perMinute
	perDay  = 24 * perHour
)

// uncounted counts what is left to be counted, by processes that are gone above all.
func (p *pruning) uncounted(ctx context.Context) error {
	var rows []int64
	err := p.store.db.Read(ctx, func(ctx context.Context, c Conn) error {
		return c.Query(ctx, `
			SELECT seq
			FROM postrider_uncounted
			ORDER BY seq
			LIMIT ? + 0`, []any{p.limit}, func(r Row) error {
			var seq int64
			err := r.Scan(&seq)
			rows = append(rows, seq)
			return err
		})
	})
	if err != nil {
		return err
	}
	return p.inSteps(ctx, len(rows), func(ctx context.Context, c Conn, _ *store.Pruned, i int) error {
		return p.store.countNoted(ctx, c, `
			SELECT seq, process, batch
			FROM postrider_uncounted
			WHERE seq = ?`, rows[i])
	})
}

// oldStats returns the oldest rows of a resolution before the cutoff.
func (p *pruning) oldStats(ctx context.Context, resolution int64, cutoff time.Time) ([]statsKey, error) {
	var old []statsKey
	err := p.store.db.Read(ctx, func(ctx context.Context, c Conn) error {
		return c.Query(ctx, `
			SELECT tenant, endpoint, type, start, process
			FROM postrider_stats
			WHERE resolution = ?
			AND start < ?
			ORDER BY start
			LIMIT ? + 0`, []any{resolution, cutoff.UnixMicro(), p.limit}, func(r Row) error {
			var k statsKey
			err := r.Scan(&k.tenant, &k.endpoint, &k.eventType, &k.start, &k.process)
			old = append(old, k)
			return err
		})
	})
	p.reached(len(old))
	return old, err
}

// statistics removes rows of times before the cutoff.
func (p *pruning) statistics(ctx context.Context, cutoff time.Time) error {
	for _, resolution := range []int64{perDay, perHour, perMinute} {
		old, err := p.oldStats(ctx, resolution, cutoff)
		if err != nil {
			return err
		}
		if err := p.inSteps(ctx, len(old), func(ctx context.Context, c Conn, done *store.Pruned, i int) error {
			done.Statistics++
			return deleteStats(ctx, c, old[i])
		}); err != nil {
			return err
		}
	}
	return nil
}

// fold adds rows from before the cutoff to those of a longer time, of all
// processes together.
func (p *pruning) fold(ctx context.Context, from, to int64, cutoff time.Time) error {
	length := to * int64(time.Second/time.Microsecond)
	// Only whole times are folded, so that a row is not begun twice.
	cutoff = fromMicros(cutoff.UnixMicro() / length * length)
	old, err := p.oldStats(ctx, from, cutoff)
	if err != nil {
		return err
	}
	return p.inSteps(ctx, len(old), func(ctx context.Context, c Conn, _ *store.Pruned, i int) error {
		// What is added is what this transaction has taken away, so that nothing
		// counts twice. The row goes first: it may be where the sum belongs.
		counts, err := takeCounts(ctx, c, old[i])
		if err != nil || counts == nil {
			return err
		}
		sum := old[i]
		sum.start, sum.process = sum.start/length*length, 0
		return addCounts(ctx, c, sum, to, counts)
	})
}

// takeCounts removes a row and returns its counts, or nil if there is none.
func takeCounts(ctx context.Context, c Conn, k statsKey) (*webhook.Counts, error) {
	var counts *webhook.Counts
	err := c.Query(ctx, `
		DELETE FROM postrider_stats
		WHERE tenant = ?
		AND endpoint = ?
		AND type = ?
		AND start = ?
		AND process = ?
		RETURNING attempts, delivered, failed, classes, latency`,
		[]any{k.tenant, k.endpoint, k.eventType, k.start, k.process}, func(r Row) error {
			counts = new(webhook.Counts)
			return ScanCounts(r, counts)
		})
	return counts, err
}

func deleteStats(ctx context.Context, c Conn, k statsKey) error {
	_, err := c.Exec(ctx, `
		DELETE FROM postrider_stats
		WHERE tenant = ?
		AND endpoint = ?
		AND type = ?
		AND start = ?
		AND process = ?`, k.tenant, k.endpoint, k.eventType, k.start, k.process)
	return err
}
