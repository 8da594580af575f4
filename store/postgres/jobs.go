package postgres

import (
	"context"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/sqlstore"
	"github.com/postrider/postrider/webhook"
)

// redeliverMany puts the deliveries of a job's step back to the queue, in one
// statement (see sqlstore.Dialect).
func redeliverMany(ctx context.Context, c sqlstore.Conn, step store.JobStep) (int, error) {
	moved := 0
	err := c.Query(ctx, redeliverStep,
		[]any{step.Tenant, step.Redeliver, string(step.Status), int64(webhook.PriorityLow.Rank())},
		func(sqlstore.Row) error { moved++; return nil })
	return moved, err
}

const redeliverStep = `
	WITH ended AS (
		DELETE FROM postrider.deliveries d
		USING unnest($2::text[]) s (id)
		WHERE d.tenant = $1
		AND d.id = s.id
		AND ($3::text = '' OR d.status = $3)
		AND EXISTS (SELECT FROM postrider.payloads p WHERE p.tenant = d.tenant AND p.event = d.event)
		RETURNING d.*
	), blocking AS MATERIALIZED (
		SELECT b.at
		FROM ended e
		CROSS JOIN LATERAL (
			SELECT b.ctid AS at
			FROM postrider.blocks b
			WHERE e.okey <> ''
			AND b.tenant = e.tenant
			AND b.delivery = e.id
			LIMIT 1
		) b
	), unblocked AS (
		DELETE FROM postrider.blocks b
		USING blocking o
		WHERE b.ctid = o.at
	)
	INSERT INTO postrider.queue (tenant, delivery, endpoint, event, seq, owner, claims, due, created_at, updated_at,
		attempts, base, crashes, parked, started, prio, okey)
	SELECT tenant, id, endpoint, event, seq, 0, claims, postrider.now_us(), created_at,
		postrider.now_us(), attempts, attempts, 0, 0, 0, $4::bigint, okey
	FROM ended
	RETURNING delivery`
