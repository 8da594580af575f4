package sqlstore

import (
	"context"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// deadFor is how long an endpoint keeps its failed deliveries, in microseconds, or
// NULL if the store's retention says it.
func deadFor(ep *webhook.Endpoint) any {
	if ep.DeadLetter.Retain <= 0 {
		return nil
	}
	return ep.DeadLetter.Retain.Microseconds()
}

// deadEndpoint is an endpoint that keeps its failed deliveries until a time.
type deadEndpoint struct {
	store.Lane
	cutoff time.Time
}

// deadLetters removes failed deliveries of endpoints that keep them for less than
// the store does.
func (p *pruning) deadLetters(ctx context.Context, retention time.Duration) error {
	left := p.limit
	for after := (store.Lane{}); ; {
		page, err := p.deadEndpoints(ctx, after, retention)
		if err != nil {
			return err
		}
		for _, ep := range page {
			found, err := p.deadLettersOf(ctx, ep, left)
			if err != nil {
				return err
			}
			if left -= found; left <= 0 {
				p.done.More = true
				return nil
			}
		}
		if len(page) < deadPage {
			return nil
		}
		after = page[len(page)-1].Lane
	}
}

// deadPage is how many endpoints are looked at together.
const deadPage = 256

// deadEndpoints returns a page of the endpoints that keep failed deliveries for less
// than the store does.
func (p *pruning) deadEndpoints(ctx context.Context, after store.Lane, retention time.Duration) (page []deadEndpoint, err error) {
	err = p.store.db.Read(ctx, func(ctx context.Context, c Conn) error {
		return c.Query(ctx, `
			SELECT tenant, id, dead_for
			FROM postrider_endpoints`+p.store.index("postrider_endpoints_dead")+`
			WHERE dead_for IS NOT NULL
			AND dead_for < ?
			AND (tenant, id) > (?, ?)
			ORDER BY tenant, id
			LIMIT ? + 0`, []any{retention.Microseconds(), after.Tenant, after.Endpoint, deadPage}, func(r Row) error {
			var ep deadEndpoint
			var micros int64
			err := r.Scan(&ep.Tenant, &ep.Endpoint, &micros)
			ep.cutoff = p.now.Add(-time.Duration(micros) * time.Microsecond)
			page = append(page, ep)
			return err
		})
	})
	return page, err
}

// deadLettersOf removes at most limit failed deliveries of an endpoint, those that
// failed before its cutoff, with their attempts. It returns how many it found.
func (p *pruning) deadLettersOf(ctx context.Context, ep deadEndpoint, limit int) (int, error) {
	var old []string
	err := p.store.db.Read(ctx, func(ctx context.Context, c Conn) error {
		return c.Query(ctx, `
			SELECT id
			FROM postrider_deliveries d`+p.store.index("postrider_deliveries_rare_endpoint")+`
			WHERE tenant = ?
			AND endpoint = ?
			AND `+deadLetter+`
			AND id < ?
			AND updated_at < ?
			ORDER BY id
			LIMIT ? + 0`,
			[]any{ep.Tenant, ep.Endpoint, webhook.PrefixDelivery.Floor(ep.cutoff.Add(clockSlack)), ep.cutoff.UnixMicro(), limit},
			func(r Row) error {
				var id string
				err := r.Scan(&id)
				old = append(old, id)
				return err
			})
	})
	if err != nil {
		return 0, err
	}
	batches := (len(old) + deadBatch - 1) / deadBatch
	err = p.inSteps(ctx, batches, func(ctx context.Context, c Conn, done *store.Pruned, i int) error {
		return removeDead(ctx, c, done, ep, old[i*deadBatch:min((i+1)*deadBatch, len(old))])
	})
	return len(old), err
}

// deadLetter is the condition of a failed delivery, in the words of the indexes of
// either database.
const deadLetter = `d.status NOT IN ('delivered', 'pending')
			AND d.status <> 'delivered'
			AND d.status = 'failed'`

// deadBatch is how many are removed by one statement.
const deadBatch = 64

// removeDead removes those of an endpoint's deliveries that are still as they were
// when they were found: one may have been sent again meanwhile.
func removeDead(ctx context.Context, c Conn, done *store.Pruned, ep deadEndpoint, ids []string) error {
	var gone []string
	if err := deleteDead.query(ctx, c, []any{ep.Tenant, ep.cutoff.UnixMicro()}, len(ids),
		func(args []any, i int) []any { return append(args, ids[i]) },
		func(r Row) error {
			var id string
			err := r.Scan(&id)
			gone = append(gone, id)
			return err
		}); err != nil {
		return err
	}
	done.Deliveries += len(gone)
	// Nobody could send again what blocks its key.
	if err := deleteDeadBlocks.execList(ctx, c, []any{ep.Tenant}, len(gone),
		func(args []any, i int) []any { return append(args, gone[i]) }); err != nil {
		return err
	}
	return deleteDeadAttempts.query(ctx, c, []any{ep.Tenant}, len(gone),
		func(args []any, i int) []any { return append(args, gone[i]) },
		func(Row) error { done.Attempts++; return nil })
}

var deleteDead = newMulti(`
	DELETE FROM postrider_deliveries
	WHERE tenant = ?
	AND status = 'failed'
	AND updated_at < ?
	AND id IN (`, `?`, `)
	RETURNING id`)

var deleteDeadBlocks = newMulti(`
	DELETE FROM postrider_blocks
	WHERE tenant = ?
	AND delivery IN (`, `?`, `)`)

var deleteDeadAttempts = newMulti(`
	DELETE FROM postrider_attempts
	WHERE tenant = ?
	AND delivery IN (`, `?`, `)
	RETURNING n`)
