package memstore

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
)

// rate names what is limited.
type rate struct{ tenant, name string }

// ReserveRates implements store.Rates.
func (s *Store) ReserveRates(ctx context.Context, now time.Time, reqs []store.RateRequest) ([]store.RateGrant, error) {
	if err := store.CheckRates(reqs); err != nil {
		return nil, fmt.Errorf("reserve rates: %w", err)
	}
	if err := s.begin(ctx, "reserve rates"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	now = instant(now)
	grants := make([]store.RateGrant, len(reqs))
	for i, r := range reqs {
		key := rate{r.Tenant, r.Name}
		grants[i], s.rates[key] = r.Grant(now, s.rates[key])
	}
	return grants, nil
}
