package postgres

import (
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// changeHealth adds up changes where they are stored, so that failures that
// several processes see count together, and returns what became of them.
func changeHealth(changes map[store.Lane]store.HealthChange, result *store.SettleResult) step {
	var tenants, endpoints []string
	var failures, trips, resets, successes, lastFailures []int64
	for lane, c := range changes {
		tenants, endpoints = append(tenants, lane.Tenant), append(endpoints, lane.Endpoint)
		failures, trips = append(failures, int64(c.Failures)), append(trips, int64(c.Trips))
		resets = append(resets, boolInt(c.Reset))
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
		INSERT INTO postrider.health AS h (tenant, endpoint, failures, trips, last_success_at, last_failure_at)
		SELECT c.tenant, c.endpoint, c.failures, c.trips, nullif(c.success, 0), nullif(c.failure, 0)
		FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $6::bigint[], $7::bigint[])
			c (tenant, endpoint, failures, trips, success, failure)
		ORDER BY c.tenant COLLATE "C", c.endpoint COLLATE "C"
		ON CONFLICT (tenant, endpoint) DO UPDATE
		SET failures = excluded.failures + h.failures * (
				SELECT 1 - r.reset
				FROM unnest($1::text[], $2::text[], $5::bigint[]) r (tenant, endpoint, reset)
				WHERE r.tenant = h.tenant
				AND r.endpoint = h.endpoint),
			trips = excluded.trips,
			last_success_at = coalesce(excluded.last_success_at, h.last_success_at),
			last_failure_at = coalesce(excluded.last_failure_at, h.last_failure_at)
		RETURNING ` + healthColumns,
		args: []any{tenants, endpoints, failures, trips, resets, successes, lastFailures},
		each: func(r row) error {
			h, err := scanHealth(r)
			result.Health = append(result.Health, h)
			return err
		},
	}
}

// healthColumns are what scanHealth reads, of health h.
const healthColumns = `h.tenant, h.endpoint, h.failures, h.trips, h.last_success_at, h.last_failure_at, h.recovering_at`

func scanHealth(r row) (webhook.Health, error) {
	var h webhook.Health
	var success, failure, recovering *int64
	err := r.Scan(&h.Tenant, &h.EndpointID, &h.Failures, &h.Trips, &success, &failure, &recovering)
	h.LastSuccessAt, h.LastFailureAt, h.RecoveringSince = fromMicros(success), fromMicros(failure), fromMicros(recovering)
	return h, err
}
