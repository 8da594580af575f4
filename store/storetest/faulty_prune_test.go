package storetest_test

import (
	"context"
	"time"

	"github.com/postrider/postrider/store"
)

// prunesPending cancels what is in the way of pruning a tenant.
type prunesPending struct{ store.Store }

func (s *prunesPending) PruneTenant(ctx context.Context, now time.Time, tenant string, before time.Time, limit int) (store.Erased, error) {
	list, err := s.ListDeliveries(ctx, tenant, store.DeliveryFilter{To: before}, store.Page{Limit: store.MaxPage})
	if err != nil {
		return store.Erased{}, err
	}
	for _, d := range list {
		if _, err := s.Cancel(ctx, now, tenant, []string{d.ID}); err != nil {
			return store.Erased{}, err
		}
	}
	return s.Store.PruneTenant(ctx, now, tenant, before, limit)
}
