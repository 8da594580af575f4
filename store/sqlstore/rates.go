package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
)

// ReserveRates implements store.Rates.
func (s *Store) ReserveRates(ctx context.Context, now time.Time, reqs []store.RateRequest) ([]store.RateGrant, error) {
	if err := store.CheckRates(reqs); err != nil || len(reqs) == 0 {
		return nil, wrap("reserve rates", err)
	}
	grants := make([]store.RateGrant, len(reqs))
	err := s.db.Write(ctx, func(ctx context.Context, c Conn) error {
		now, err := s.now(ctx, c, now)
		if err != nil {
			return err
		}
		for i := range reqs {
			if grants[i], err = reserveRate(ctx, c, now, &reqs[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reserve rates: %w", err)
	}
	return grants, nil
}

func reserveRate(ctx context.Context, c Conn, now time.Time, r *store.RateRequest) (store.RateGrant, error) {
	var free time.Time
	if _, err := queryOne(ctx, c, `
		SELECT free_at
		FROM postrider_rates
		WHERE tenant = ?
		AND name = ?`, []any{r.Tenant, r.Name}, &free); err != nil {
		return store.RateGrant{}, err
	}
	g, free := r.Grant(now, free)
	if g.N == 0 {
		return g, nil
	}
	_, err := c.Exec(ctx, `
		INSERT INTO postrider_rates (tenant, name, free_at)
		VALUES (?, ?, ?)
		ON CONFLICT (tenant, name) DO UPDATE
		SET free_at = excluded.free_at`, r.Tenant, r.Name, free.UnixMicro())
	return g, err
}
