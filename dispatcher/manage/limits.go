package manage

import (
	"context"
	"time"

	"github.com/postrider/postrider/dispatcher/quota"
	"github.com/postrider/postrider/webhook"
)

// Limits are what a tenant's plan allows, and what of it is used.
type Limits struct {
	webhook.Limits
	// Month is when the present month began, UTC, and EventsUsed how many of its
	// events are used up. Processes take them in blocks of one in a hundred, of
	// at most 1,000: each may have a part of one that it has not used.
	Month      time.Time
	EventsUsed int64
	// EndpointsUsed is how many endpoints there are.
	EndpointsUsed int
}

// Limits returns what a tenant may do and what of it is used. Without a limit of
// events they are not counted. The error is that of dispatcher.Config.Limits, or the
// store's.
func (m *Manager) Limits(ctx context.Context, tenant string) (Limits, error) {
	l := Limits{Month: quota.Month(now())}
	if !validTenant(tenant) {
		return l, nil
	}
	var err error
	if l.Limits, err = m.d.Limits(ctx, tenant); err != nil {
		return Limits{}, err
	}
	if l.EventsUsed, err = m.store.QuotaUsed(ctx, tenant, webhook.LimitEventsPerMonth, l.Month); err != nil {
		return Limits{}, err
	}
	if l.EndpointsUsed, err = m.store.CountEndpoints(ctx, tenant); err != nil {
		return Limits{}, err
	}
	return l, nil
}
