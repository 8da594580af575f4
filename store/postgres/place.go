package postgres

import (
	"context"
	"fmt"

	"github.com/postrider/postrider/store"
)

// Place implements store.Deliveries.
func (s *Store) Place(ctx context.Context, tenant, delivery string) (store.Place, error) {
	var p store.Place
	found := false
	err := s.query(ctx, `
		SELECT q.owner <> 0, q.owner = 0 AND q.parked = 1, q.canceled = 1, q.crashes, l.next_at, coalesce(h.delivery, ''), h.due,
			coalesce(b.delivery, '')
		FROM postrider.queue q
		LEFT JOIN postrider.lanes l ON l.tenant = q.tenant AND l.endpoint = q.endpoint
		LEFT JOIN LATERAL (
			SELECT a.delivery, a.due
			FROM postrider.queue a
			WHERE a.okey <> ''
			AND a.tenant = q.tenant
			AND a.endpoint = q.endpoint
			AND a.okey = q.okey
			AND a.seq < q.seq
			ORDER BY a.seq
			LIMIT 1) h ON true
		LEFT JOIN LATERAL (
			SELECT x.delivery
			FROM postrider.blocks x
			WHERE x.tenant = q.tenant
			AND x.endpoint = q.endpoint
			AND x.okey = q.okey
			AND x.seq < q.seq
			ORDER BY x.seq
			LIMIT 1) b ON true
		WHERE q.tenant = $1
		AND q.delivery = $2`, []any{tenant, delivery}, func(r row) error {
		found = true
		var lane, due *int64
		err := r.Scan(&p.Leased, &p.Parked, &p.Canceled, &p.Crashes, &lane, &p.Ahead, &due, &p.BlockedBy)
		if lane != nil && *lane < never {
			p.LaneNext = fromMicros(lane)
		}
		p.AheadDue = fromMicros(due)
		return err
	})
	if err == nil && !found {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.Place{}, fmt.Errorf("read place: %w", classify(err))
	}
	return p, nil
}
