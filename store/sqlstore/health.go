package sqlstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// changeHealth applies changes and returns what became of them, by key.
func changeHealth(ctx context.Context, c Conn, now time.Time, changes map[store.Lane]store.HealthChange) ([]webhook.Health, error) {
	if len(changes) == 0 {
		return nil, nil
	}
	lanes := make([]store.Lane, 0, len(changes))
	for lane := range changes {
		lanes = append(lanes, lane)
	}
	slices.SortFunc(lanes, compareLanes)
	result := make([]webhook.Health, 0, len(lanes))
	for _, lane := range lanes {
		h, err := readHealth(ctx, c, lane.Tenant, lane.Endpoint)
		if err != nil {
			return nil, err
		}
		h = changes[lane].Apply(now, h)
		h.LastSuccessAt, h.LastFailureAt, h.RecoveringSince = whole(h.LastSuccessAt), whole(h.LastFailureAt), whole(h.RecoveringSince)
		if err := writeHealth(ctx, c, h); err != nil {
			return nil, err
		}
		if changes[lane].Notable {
			if _, err := c.Exec(ctx, `
				UPDATE postrider_health
				SET changed_at = ?
				WHERE tenant = ?
				AND endpoint = ?`, now.UnixMicro(), lane.Tenant, lane.Endpoint); err != nil {
				return nil, err
			}
		}
		result = append(result, h)
	}
	return result, nil
}

func compareLanes(a, b store.Lane) int {
	return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Endpoint, b.Endpoint))
}

func readHealth(ctx context.Context, c Conn, tenant, endpoint string) (webhook.Health, error) {
	h := webhook.Health{Tenant: tenant, EndpointID: endpoint}
	_, err := queryOne(ctx, c, `
		SELECT `+healthColumns+`
		FROM postrider_health
		WHERE tenant = ?
		AND endpoint = ?`, []any{tenant, endpoint},
		&h.Failures, &h.Trips, &h.LastSuccessAt, &h.LastFailureAt, &h.RecoveringSince)
	return h, err
}

// healthColumns are what is read of health, without its key.
const healthColumns = `failures, trips, last_success_at, last_failure_at, recovering_at`

// ChangedHealth implements store.Lanes.
func (s *Store) ChangedHealth(ctx context.Context, now time.Time, within time.Duration) ([]webhook.Health, error) {
	var list []webhook.Health
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) error {
		now, err := s.now(ctx, c, now)
		if err != nil {
			return err
		}
		return c.Query(ctx, `
			SELECT tenant, endpoint, `+healthColumns+`
			FROM postrider_health
			WHERE changed_at > 0
			AND changed_at >= ?
			ORDER BY changed_at DESC
			LIMIT ? + 0`, []any{now.Add(-within).UnixMicro(), store.MaxPage}, func(r Row) error {
			var h webhook.Health
			err := r.Scan(&h.Tenant, &h.EndpointID, &h.Failures, &h.Trips, &h.LastSuccessAt, &h.LastFailureAt, &h.RecoveringSince)
			list = append(list, h)
			return err
		})
	})
	return list, wrap("read changed health", err)
}

func writeHealth(ctx context.Context, c Conn, h webhook.Health) error {
	_, err := c.Exec(ctx, `
		INSERT INTO postrider_health (tenant, endpoint, failures, trips, last_success_at, last_failure_at, recovering_at)
		VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (tenant, endpoint) DO UPDATE
		SET failures = excluded.failures,
			trips = excluded.trips,
			last_success_at = excluded.last_success_at,
			last_failure_at = excluded.last_failure_at,
			recovering_at = excluded.recovering_at`,
		h.Tenant, h.EndpointID, h.Failures, h.Trips, micros(h.LastSuccessAt), micros(h.LastFailureAt), micros(h.RecoveringSince))
	return err
}
