package sqlstore

import (
	"context"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
)

// publishTorn is Publish in a build that is to fail its tests: events and their keys
// in one transaction, and their deliveries in another.
func (s *Store) publishTorn(ctx context.Context, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	alone := slices.Clone(pubs)
	for i := range alone {
		alone[i].Deliveries = nil
	}
	var results []store.PublishResult
	if err := s.db.Write(ctx, func(ctx context.Context, c Conn) (err error) {
		results, err = s.publish(ctx, c, now, alone)
		return err
	}); err != nil {
		return nil, err
	}
	return results, s.db.Write(ctx, func(ctx context.Context, c Conn) error {
		for i := range pubs {
			if results[i].Outcome != store.PublishStored {
				continue
			}
			results[i].Receipt.Deliveries = pubs[i].Pending()
			var seq int64
			if _, err := queryOne(ctx, c, `
				SELECT seq
				FROM postrider_events
				WHERE tenant = ?
				AND id = ?`, []any{pubs[i].Event.Tenant, pubs[i].Event.ID}, &seq); err != nil {
				return err
			}
			if err := insertRows(ctx, c, now, []*store.Publication{&pubs[i]}, seq); err != nil {
				return err
			}
		}
		return nil
	})
}
