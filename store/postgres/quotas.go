package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
)

// ReserveQuota implements store.Quotas in one round trip.
func (s *Store) ReserveQuota(ctx context.Context, _ time.Time, req store.QuotaRequest) (int64, error) {
	args := []any{req.Tenant, req.Name, req.Window.UnixMicro()}
	reserve := append(args[:3:3], req.Limit, max(req.Need, 0), max(req.Block, 0), max(req.Return, 0))
	var given int64
	for first := true; ; first = false {
		var steps []step
		if !first { // it is new
			steps = append(steps, step{text: insertQuota, args: args})
		}
		found := false
		if err := s.briefly(ctx, append(steps, step{reserveQuota, reserve, func(r row) error {
			found = true
			return r.Scan(&given)
		}})...); err != nil {
			return 0, fmt.Errorf("reserve quota: %w", committing(err))
		}
		if found {
			return given, nil
		}
	}
}

const insertQuota = `
	INSERT INTO postrider.quotas (tenant, name, since, used)
	VALUES ($1, $2, $3, 0)
	ON CONFLICT (tenant, name, since) DO NOTHING`

// reserveQuota is store.QuotaRequest.Grant for a row that is there. It returns how
// much is given.
const reserveQuota = `
	WITH locked AS MATERIALIZED (
		SELECT tenant, name, since, greatest(used - $7, 0) AS used
		FROM postrider.quotas
		WHERE tenant = $1
		AND name = $2
		AND since = $3
		FOR UPDATE
	), granted AS MATERIALIZED (
		SELECT *, least(greatest($4::bigint - used, 0), greatest($5::bigint, least($6::bigint, greatest($4::bigint - used, 0) / 8))) AS n
		FROM locked
	), taken AS (
		UPDATE postrider.quotas q
		SET used = g.used + g.n
		FROM granted g
		WHERE q.tenant = g.tenant
		AND q.name = g.name
		AND q.since = g.since
		AND q.used <> g.used + g.n
	)
	SELECT n
	FROM granted`
