package sharded

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Tx returns a store.Tx over a transaction of one of the shards, as that shard's
// own Tx method returned it. It refuses tenants of other shards, ErrWrongShard:
//
//	name, err := st.Shard(ctx, ev.Tenant) // before the transaction begins
//	tx, err := pools[name].Begin(ctx)
//	receipt, err := d.PublishTx(ctx, st.Tx(name, stores[name].Tx(tx)), ev)
//
// It gives no tenant a place, because it could wait for the very transaction that
// it is in.
func (s *Store) Tx(name string, tx store.Tx) store.ShardTx {
	return &hostTx{store: s, name: name, tx: tx}
}

type hostTx struct {
	store *Store
	name  string
	tx    store.Tx
}

// Shard implements store.ShardTx.
func (t *hostTx) Shard() string { return t.name }

// Publish implements store.Tx.
func (t *hostTx) Publish(ctx context.Context, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	for i := range pubs {
		if err := t.check(ctx, pubs[i].Event.Tenant); err != nil {
			return nil, fmt.Errorf("publish in a transaction: %w", err)
		}
	}
	return t.tx.Publish(ctx, now, pubs)
}

// TenantEndpoints implements store.Tx.
func (t *hostTx) TenantEndpoints(ctx context.Context, tenant string, after int64) ([]store.EndpointRecord, int64, error) {
	if err := t.check(ctx, tenant); err != nil {
		return nil, 0, fmt.Errorf("read endpoints in a transaction: %w", err)
	}
	return t.tx.TenantEndpoints(ctx, tenant, after)
}

// Events implements store.Tx.
func (t *hostTx) Events(ctx context.Context, tenant string, page store.Page) ([]webhook.Event, error) {
	if err := t.check(ctx, tenant); err != nil {
		return nil, fmt.Errorf("read events in a transaction: %w", err)
	}
	return t.tx.Events(ctx, tenant, page)
}

// Reserver implements store.Tx: that of the shard.
func (t *hostTx) Reserver() (store.Reserver, bool) { return t.tx.Reserver() }

func (t *hostTx) check(ctx context.Context, tenant string) error {
	sh, err := t.store.find(ctx, tenant)
	switch {
	case err != nil:
		return err
	case sh == nil:
		return fmt.Errorf("%w: tenant %q has no shard yet; ask for it before the transaction begins", ErrWrongShard, tenant)
	case sh.name != t.name:
		return fmt.Errorf("%w: tenant %q is on shard %q, the transaction on %q", ErrWrongShard, tenant, sh.name, t.name)
	}
	return nil
}
