package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// changeHealth adds up changes where they are stored, so that failures that
// several processes see count together, and returns what became of them.
func changeHealth(changes map[store.Lane]store.HealthChange, result *store.SettleResult) step {
	var tenants, endpoints []string
	var failures, trips, resets, successes, lastFailures, recoveries, notables []int64
	for lane, c := range changes {
		tenants, endpoints = append(tenants, lane.Tenant), append(endpoints, lane.Endpoint)
		failures, trips = append(failures, int64(c.Failures)), append(trips, int64(c.Trips))
		resets = append(resets, boolInt(c.Reset))
		recoveries, notables = append(recoveries, int64(c.Recovery)), append(notables, boolInt(c.Notable))
		var success, failure int64
		if !c.LastSuccessAt.IsZero() {
			success = c.LastSuccessAt.UnixMicro()
		}
		if !c.LastFailureAt.IsZero() {
			failure = c.LastFailureAt.UnixMicro()
		}
		successes, lastFailures = append(successes, success), append(lastFailures, failure)
	}
	return step{
		text: `
		INSERT INTO postrider.health AS h (tenant, endpoint, failures, trips, last_success_at, last_failure_at, recovering_at, changed_at)
		SELECT c.tenant, c.endpoint, c.failures, c.trips, nullif(c.success, 0), nullif(c.failure, 0),
			CASE c.recovery WHEN 1 THEN postrider.now_us() WHEN 2 THEN 0 END, c.notable * postrider.now_us()
		FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[])
			c (tenant, endpoint, failures, trips, success, failure, recovery, notable)
		ORDER BY c.tenant COLLATE "C", c.endpoint COLLATE "C"
		ON CONFLICT (tenant, endpoint) DO UPDATE
		SET failures = excluded.failures + h.failures * (
				SELECT 1 - r.reset
				FROM unnest($1::text[], $2::text[], $5::bigint[]) r (tenant, endpoint, reset)
				WHERE r.tenant = h.tenant
				AND r.endpoint = h.endpoint),
			trips = excluded.trips,
			last_success_at = coalesce(excluded.last_success_at, h.last_success_at),
			last_failure_at = coalesce(excluded.last_failure_at, h.last_failure_at),
			recovering_at = CASE
				WHEN excluded.recovering_at = 0 THEN NULL
				WHEN h.failures > 0 THEN coalesce(excluded.recovering_at, h.recovering_at)
				ELSE h.recovering_at
			END,
			changed_at = greatest(excluded.changed_at, h.changed_at)
		RETURNING ` + healthColumns,
		args: []any{tenants, endpoints, failures, trips, resets, successes, lastFailures, recoveries, notables},
		each: func(r row) error {
			h, err := scanHealth(r)
			result.Health = append(result.Health, h)
			return err
		},
	}
}

// ChangedHealth implements store.Lanes.
func (s *Store) ChangedHealth(ctx context.Context, _ time.Time, within time.Duration) ([]webhook.Health, error) {
	var list []webhook.Health
	err := s.query(ctx, changedHealth, []any{within.Microseconds()}, func(r row) error {
		h, err := scanHealth(r)
		list = append(list, h)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read changed health: %w", readOnly(classify(err)))
	}
	return list, nil
}

const changedHealth = `
	SELECT ` + healthColumns + `
	FROM postrider.health h
	WHERE h.changed_at > 0
	AND h.changed_at >= postrider.now_us() - $1
	ORDER BY h.changed_at DESC
	LIMIT 1000`

// healthColumns are what scanHealth reads, of health h.
const healthColumns = `h.tenant, h.endpoint, h.failures, h.trips, h.last_success_at, h.last_failure_at, nullif(h.recovering_at, 0)`

func scanHealth(r row) (webhook.Health, error) {
	var h webhook.Health
	var success, failure, recovering *int64
	err := r.Scan(&h.Tenant, &h.EndpointID, &h.Failures, &h.Trips, &success, &failure, &recovering)
	h.LastSuccessAt, h.LastFailureAt, h.RecoveringSince = fromMicros(success), fromMicros(failure), fromMicros(recovering)
	return h, err
}
