package sqlstore

import (
	"context"
	"fmt"

	"github.com/postrider/postrider/store"
)

// placeText reads the row of a delivery whose owner is like that: nobody, or one of
// the few that are leased.
func placeText(owner string) string {
	return `
	SELECT q.owner, q.parked, q.canceled, q.crashes, coalesce(l.next_at, 9223372036854775807), (` +
		aheadText("delivery") + `), (` + aheadText("due") + `), (
		SELECT b.delivery
		FROM postrider_blocks b
		WHERE b.tenant = q.tenant
		AND b.endpoint = q.endpoint
		AND b.okey = q.okey
		AND b.seq < q.seq
		ORDER BY b.seq
		LIMIT 1)
	FROM postrider_queue q
	LEFT JOIN postrider_lanes l ON l.tenant = q.tenant AND l.endpoint = q.endpoint
	WHERE q.owner ` + owner + `
	AND q.delivery = ?
	AND q.tenant = ?`
}

// aheadText reads a column of the first pending delivery of the key.
func aheadText(column string) string {
	return `
		SELECT h.` + column + `
		FROM postrider_queue h
		WHERE h.okey <> ''
		AND h.tenant = q.tenant
		AND h.endpoint = q.endpoint
		AND h.okey = q.okey
		AND h.seq < q.seq
		ORDER BY h.seq
		LIMIT 1`
}

// Place implements store.Deliveries.
func (s *Store) Place(ctx context.Context, tenant, delivery string) (store.Place, error) {
	var p store.Place
	found := false
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) error {
		query := placeText("= 0") + `
	UNION ALL` + placeText("> 0")
		return c.Query(ctx, query, []any{delivery, tenant, delivery, tenant}, func(r Row) error {
			found = true
			var owner, parked, lane int64
			err := r.Scan(&owner, &parked, &p.Canceled, &p.Crashes, &lane, &p.Ahead, &p.AheadDue, &p.BlockedBy)
			p.Leased, p.Parked = owner != 0, owner == 0 && parked != 0
			if lane < never {
				p.LaneNext = fromMicros(lane)
			}
			return err
		})
	})
	switch {
	case err != nil:
		return store.Place{}, fmt.Errorf("read place: %w", err)
	case !found:
		return store.Place{}, fmt.Errorf("read place: %w", store.ErrNotFound)
	}
	return p, nil
}
