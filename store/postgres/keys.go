package postgres

import (
	"cmp"
	"context"
	"time"

	"github.com/postrider/postrider/store"
)

func compareKeys(a, b tenantKey) int {
	return cmp.Or(cmp.Compare(a.tenant, b.tenant), cmp.Compare(a.key, b.key))
}

// resolveKeys finds out what the idempotency keys of publications stand for, and
// takes those that nobody has for the first of its users. Everybody takes keys in
// the same order.
func resolveKeys(ctx context.Context, on session, now time.Time, b *book) error {
	for {
		open := b.unresolved()
		if len(open) == 0 {
			return nil
		}
		if err := takeKeys(ctx, on, now, b, open); err != nil {
			return err
		}
		// A statement of its own: what conflicted may have been committed since
		// the last one began.
		if err := readKeys(ctx, on, b, b.unresolved()); err != nil {
			return err
		}
	}
}

// unresolved returns the first user of each key that is not known. Those whose
// directory is out of date take none.
func (b *book) unresolved() []*store.Publication {
	var open []*store.Publication
	for _, p := range b.keyed {
		if _, known := b.first[keyOf(p)]; known || b.outdated(p) {
			continue
		}
		if n := len(open); n == 0 || keyOf(open[n-1]) != keyOf(p) {
			open = append(open, p)
		}
	}
	return open
}

func takeKeys(ctx context.Context, on session, now time.Time, b *book, pubs []*store.Publication) error {
	n := len(pubs)
	tenants, keys, events := make([]string, n), make([]string, n), make([]string, n)
	hashes, deliveries, delays := make([][]byte, n), make([]int64, n), make([]int64, n)
	byKey := make(map[tenantKey]*store.Publication, n)
	for i, p := range pubs {
		tenants[i], keys[i], events[i] = p.Event.Tenant, p.Event.IdempotencyKey, p.Event.ID
		hashes[i], deliveries[i], delays[i] = notNil(p.ContentHash), int64(p.Pending()), delay(now, p.KeyExpires)
		byKey[keyOf(p)] = p
	}
	return on.query(ctx, `
		INSERT INTO postrider.idempotency (tenant, key, content_hash, event, deliveries, expires_at)
		SELECT k.tenant, k.key, k.hash, k.event, k.deliveries, postrider.now_us() + k.delay
		FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::bigint[], $6::bigint[])
			k (tenant, key, hash, event, deliveries, delay)
		ORDER BY k.tenant COLLATE "C", k.key COLLATE "C"
		ON CONFLICT (tenant, key) DO NOTHING
		RETURNING tenant, key`, []any{tenants, keys, hashes, events, deliveries, delays}, func(r row) error {
		var key tenantKey
		if err := r.Scan(&key.tenant, &key.key); err != nil {
			return err
		}
		p := byKey[key]
		first := firstUse{hash: notNil(p.ContentHash), taken: true}
		first.receipt.EventID, first.receipt.Deliveries = p.Event.ID, p.Pending()
		b.first[key] = first
		return nil
	})
}

// readKeys reads what keys stand for that others have taken, and removes those
// that have expired.
func readKeys(ctx context.Context, on session, b *book, pubs []*store.Publication) error {
	if len(pubs) == 0 {
		return nil
	}
	tenants, keys := make([]string, len(pubs)), make([]string, len(pubs))
	for i, p := range pubs {
		tenants[i], keys[i] = p.Event.Tenant, p.Event.IdempotencyKey
	}
	expired := false
	err := on.query(ctx, `
		SELECT i.tenant, i.key, i.content_hash, i.event, i.deliveries, i.expires_at <= postrider.now_us()
		FROM unnest($1::text[], $2::text[]) k (tenant, key)
		JOIN postrider.idempotency i ON i.tenant = k.tenant AND i.key = k.key`, []any{tenants, keys}, func(r row) error {
		var key tenantKey
		var first firstUse
		var old bool
		err := r.Scan(&key.tenant, &key.key, &first.hash, &first.receipt.EventID, &first.receipt.Deliveries, &old)
		if old {
			expired = true
		} else {
			b.first[key] = first
		}
		return err
	})
	if err != nil || !expired {
		return err
	}
	_, err = on.exec(ctx, `
		DELETE FROM postrider.idempotency i
		USING unnest($1::text[], $2::text[]) k (tenant, key)
		WHERE i.tenant = k.tenant
		AND i.key = k.key
		AND i.expires_at <= postrider.now_us()`, []any{tenants, keys})
	return err
}

// returnKeys gives back the keys that were taken for publications whose directory
// turned out to be out of date.
func returnKeys(ctx context.Context, on session, b *book) error {
	var tenants, keys []string
	for _, p := range b.keyed {
		if b.outdated(p) && b.ours(p) {
			tenants, keys = append(tenants, p.Event.Tenant), append(keys, p.Event.IdempotencyKey)
			delete(b.first, keyOf(p))
		}
	}
	if len(keys) == 0 {
		return nil
	}
	_, err := on.exec(ctx, `
		DELETE FROM postrider.idempotency i
		USING unnest($1::text[], $2::text[]) k (tenant, key)
		WHERE i.tenant = k.tenant
		AND i.key = k.key`, []any{tenants, keys})
	return err
}
