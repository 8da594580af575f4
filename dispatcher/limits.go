package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/postrider/postrider/dispatcher/quota"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

const (
	// reserveTimeout bounds what a host's transaction waits for a connection to
	// reserve on.
	reserveTimeout = time.Second
	// releaseTimeout bounds how long Run returns what it has not used of quotas.
	releaseTimeout = 5 * time.Second
)

// Limits returns what a tenant may do, as Config.Limits told within the last 10
// seconds or so. The error is that of Config.Limits, if it never told.
func (d *Dispatcher) Limits(ctx context.Context, tenant string) (webhook.Limits, error) {
	return d.quotas.Limits(ctx, tenant)
}

// charge takes what an event costs of its tenant's quotas.
func (d *Dispatcher) charge(ctx context.Context, p *publication, from quota.Source) error {
	if d.quotas == nil {
		return nil
	}
	var err error
	p.token, err = d.quotas.Take(ctx, p.Event.Tenant, from)
	if over, ok := errors.AsType[*webhook.QuotaError](err); ok {
		kind := webhook.IncidentQuota
		if over.Limit == webhook.LimitEventsPerSecond {
			kind = webhook.IncidentPublishFlood
		}
		d.incident(p.Event.Tenant, kind, over.Limit)
	}
	return err
}

// refund gives back what an event cost that was not stored.
func (p *publication) refund(ctx context.Context, from quota.Source, r webhook.Receipt, err error) {
	if err != nil && !errors.Is(err, store.ErrUnknown) || r.Duplicate {
		p.token.Return(ctx, from)
	}
}

// source is where a publication's quotas are.
func (p *publication) source() quota.Source { return quota.Source{Reserver: p.shard.store} }

// chargeTx is charge while a host's transaction goes on, which waits no longer than
// it must.
func (d *Dispatcher) chargeTx(ctx context.Context, p *publication, from quota.Source) error {
	if d.quotas == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, reserveTimeout)
	defer cancel()
	return d.charge(ctx, p, from)
}

// release returns what this process has not used of quotas.
func (d *Dispatcher) release() {
	ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
	defer cancel()
	err := d.quotas.Release(ctx, func(tenant string) (store.Reserver, error) {
		s, err := d.shardOf(ctx, tenant)
		if err != nil {
			return nil, fmt.Errorf("return quotas: %w", err)
		}
		return s.store, nil
	})
	if err != nil {
		d.log.Warn("return what was not used of quotas; it is lost", zap.Error(err))
	}
}

// tenantRetention returns what says how long a tenant's events are kept, or nil if
// no plan does.
func (d *Dispatcher) tenantRetention() func(context.Context, string) (time.Duration, error) {
	if d.cfg.Limits == nil {
		return nil
	}
	return func(ctx context.Context, tenant string) (time.Duration, error) {
		limits, err := d.cfg.Limits(ctx, tenant)
		return limits.Retention, err
	}
}
