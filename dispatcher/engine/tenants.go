package engine

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/clock"
)

const (
	// tenantsEvery is how often tenants are asked for that keep things for less
	// than the store does.
	tenantsEvery = time.Hour
	tenantsPage  = 100
)

// pruneTenants removes what is past the retention of its tenant's own, if it is time
// to. It goes on from tenant to tenant whatever happens.
func (e *Engine) pruneTenants(ctx context.Context) {
	if e.cfg.TenantRetention == nil || clock.Now().Sub(e.tenantsPruned) < tenantsEvery {
		return
	}
	e.tenantsPruned = clock.Now()
	for cursor := ""; ; {
		tenants, next, err := e.store.Tenants(ctx, cursor, tenantsPage)
		if err != nil {
			e.pruneFailed(ctx, err)
			return
		}
		for _, tenant := range tenants {
			if err := e.pruneTenant(ctx, tenant); err != nil {
				e.pruneFailed(ctx, err)
			}
		}
		if len(tenants) < tenantsPage || ctx.Err() != nil {
			return
		}
		cursor = next
	}
}

func (e *Engine) pruneFailed(ctx context.Context, err error) {
	if ctx.Err() == nil {
		e.log.Warn("prune what a tenant keeps for less; trying again later", zap.Error(err))
	}
}

// pruneTenant removes what a tenant has had for longer than it may, in bites.
func (e *Engine) pruneTenant(ctx context.Context, tenant string) error {
	age, err := e.cfg.TenantRetention(ctx, tenant)
	if err != nil || age <= 0 || age >= e.cfg.Retention.Deliveries {
		return err
	}
	for {
		call, cancel := context.WithTimeout(ctx, pruneTimeout)
		now := clock.Now()
		done, err := e.store.PruneTenant(call, now, tenant, now.Add(-age), pruneLimit)
		cancel()
		if err != nil || !done.More {
			return err
		}
		if !sleep(ctx, pruneRest) {
			return ctx.Err()
		}
	}
}
