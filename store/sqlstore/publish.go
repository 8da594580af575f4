package sqlstore

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/sabotage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Publish implements store.Publishing.
func (s *Store) Publish(ctx context.Context, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	if sabotage.NoOutbox {
		return s.publishTorn(ctx, now, pubs)
	}
	var results []store.PublishResult
	err := s.db.Write(ctx, func(ctx context.Context, c Conn) (err error) {
		results, err = s.publish(ctx, c, now, pubs)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("publish: %w", err)
	}
	return results, nil
}

// publish is Publish in a transaction, and returns errors as they are.
func (s *Store) publish(ctx context.Context, c Conn, now time.Time, pubs []store.Publication) ([]store.PublishResult, error) {
	now, err := s.now(ctx, c, now)
	if err != nil {
		return nil, err
	}
	revisions, err := tenantRevisions(ctx, c, pubs)
	if err != nil {
		return nil, err
	}
	keys, err := knownKeys(ctx, c, now, pubs)
	if err != nil {
		return nil, err
	}
	results := make([]store.PublishResult, len(pubs))
	accepted := make([]*store.Publication, 0, len(pubs))
	for i := range pubs {
		p := &pubs[i]
		results[i] = judge(p, revisions[p.Event.Tenant], keys)
		if results[i].Outcome == store.PublishStored {
			accepted = append(accepted, p)
		}
	}
	return results, insertPublications(ctx, c, now, accepted, keys)
}

// judge decides what becomes of one publication and takes its key.
func judge(p *store.Publication, revision int64, keys map[tenantKey]firstUse) store.PublishResult {
	ev := &p.Event
	receipt := webhook.Receipt{EventID: ev.ID, Deliveries: p.Pending()}
	key := tenantKey{ev.Tenant, ev.IdempotencyKey}
	if ev.IdempotencyKey != "" {
		first := keys[key]
		switch {
		case first.hash == nil:
		case bytes.Equal(first.hash, p.ContentHash):
			first.receipt.Duplicate = true
			return store.PublishResult{Outcome: store.PublishDuplicate, Receipt: first.receipt}
		default:
			return store.PublishResult{Outcome: store.PublishConflict}
		}
	}
	if revision > p.Revision {
		return store.PublishResult{Outcome: store.PublishStale}
	}
	if ev.IdempotencyKey != "" {
		hash := p.ContentHash
		if hash == nil {
			hash = []byte{}
		}
		keys[key] = firstUse{hash: hash, receipt: receipt}
	}
	return store.PublishResult{Outcome: store.PublishStored, Receipt: receipt}
}

func tenantRevisions(ctx context.Context, c Conn, pubs []store.Publication) (map[string]int64, error) {
	revisions := make(map[string]int64, 1)
	for i := range pubs {
		tenant := pubs[i].Event.Tenant
		if _, ok := revisions[tenant]; ok {
			continue
		}
		revision, err := tenantRevision(ctx, c, tenant)
		if err != nil {
			return nil, err
		}
		revisions[tenant] = revision
	}
	return revisions, nil
}

func tenantRevision(ctx context.Context, c Conn, tenant string) (revision int64, err error) {
	_, err = queryOne(ctx, c, `
		SELECT revision
		FROM postrider_tenants
		WHERE tenant = ?`, []any{tenant}, &revision)
	return revision, err
}

// tenantKey is an idempotency key of a tenant.
type tenantKey struct{ tenant, key string }

// firstUse is what an idempotency key stands for.
type firstUse struct {
	hash    []byte // nil if the key is not in use
	receipt webhook.Receipt
}

// knownKeys reads the keys that the publications use. Expired ones are removed
// and count as absent.
func knownKeys(ctx context.Context, c Conn, now time.Time, pubs []store.Publication) (map[tenantKey]firstUse, error) {
	var keys map[tenantKey]firstUse
	for i := range pubs {
		ev := &pubs[i].Event
		if ev.IdempotencyKey == "" {
			continue
		}
		if keys == nil {
			keys = make(map[tenantKey]firstUse)
		}
		key := tenantKey{ev.Tenant, ev.IdempotencyKey}
		if _, ok := keys[key]; ok {
			continue
		}
		first, err := knownKey(ctx, c, now, key)
		if err != nil {
			return nil, err
		}
		keys[key] = first
	}
	return keys, nil
}

func knownKey(ctx context.Context, c Conn, now time.Time, key tenantKey) (firstUse, error) {
	var first firstUse
	var seq int64
	var expires time.Time
	found, err := queryOne(ctx, c, `
		SELECT seq, content_hash, event, deliveries, expires_at
		FROM postrider_idempotency
		WHERE tenant = ?
		AND key = ?`, []any{key.tenant, key.key},
		&seq, &first.hash, &first.receipt.EventID, &first.receipt.Deliveries, &expires)
	if err != nil || !found {
		return firstUse{}, err
	}
	if !expires.After(now) {
		_, err := c.Exec(ctx, `
			DELETE FROM postrider_idempotency
			WHERE seq = ?`, seq)
		return firstUse{}, err
	}
	if first.hash == nil {
		first.hash = []byte{}
	}
	return first, nil
}

// Published implements store.Publishing.
func (s *Store) Published(ctx context.Context, events []store.EventKey) ([]store.EventKey, error) {
	var found []store.EventKey
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) error {
		return eachTenant(events, func(tenant string, ids []string) error {
			return selectPublished.query(ctx, c, []any{tenant}, len(ids), func(args []any, i int) []any {
				return append(args, ids[i])
			}, func(r Row) error {
				key := store.EventKey{Tenant: tenant}
				err := r.Scan(&key.ID)
				found = append(found, key)
				return err
			})
		})
	})
	if err != nil {
		return nil, fmt.Errorf("look for published events: %w", err)
	}
	return found, nil
}

var selectPublished = newMulti(`
	SELECT id
	FROM postrider_events
	WHERE tenant = ?
	AND id IN (`, `?`, `)`)

// eachTenant calls f with the different ids of each tenant.
func eachTenant(keys []store.EventKey, f func(tenant string, ids []string) error) error {
	byTenant := make(map[string][]string, 1)
	seen := make(map[store.EventKey]bool, len(keys))
	for _, k := range keys {
		if !seen[k] {
			seen[k] = true
			byTenant[k.Tenant] = append(byTenant[k.Tenant], k.ID)
		}
	}
	for tenant, ids := range byTenant {
		if err := f(tenant, ids); err != nil {
			return err
		}
	}
	return nil
}
