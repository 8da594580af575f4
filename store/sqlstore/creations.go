package sqlstore

import (
	"bytes"
	"context"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// useCreationKey makes a key that is free that of a new endpoint, and returns "". Else it
// returns the id of the endpoint that the key stands for. Whoever uses the same key at the
// same time waits for the end of the transaction. at is the store's time, which is ahead of the
// caller's.
func useCreationKey(ctx context.Context, c Conn, ep *store.EndpointRecord, terms *store.Creation, at time.Time, ahead time.Duration) (first string, err error) {
	if terms.Key == "" {
		return "", nil
	}
	n, err := c.Exec(ctx, `
		INSERT INTO postrider_creations AS c (tenant, key, content_hash, endpoint, expires_at)
		VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (tenant, key) DO UPDATE
		SET content_hash = excluded.content_hash, endpoint = excluded.endpoint, expires_at = excluded.expires_at
		WHERE c.expires_at <= ?`,
		ep.Tenant, terms.Key, terms.ContentHash, ep.ID, terms.KeyExpires.Add(ahead).UnixMicro(), at.UnixMicro())
	if err != nil || n > 0 {
		return "", err
	}
	var hash []byte
	if _, err := queryOne(ctx, c, `
		SELECT content_hash, endpoint
		FROM postrider_creations
		WHERE tenant = ?
		AND key = ?`, []any{ep.Tenant, terms.Key}, &hash, &first); err != nil {
		return "", err
	}
	if !bytes.Equal(hash, terms.ContentHash) {
		return "", webhook.ErrIdempotencyConflict
	}
	return first, nil
}

// creations removes keys of creations that have expired.
func (p *pruning) creations(ctx context.Context) error {
	var expired []store.EventKey
	var now time.Time
	err := p.store.db.Read(ctx, func(ctx context.Context, c Conn) error {
		var err error
		if now, err = p.store.now(ctx, c, p.now); err != nil {
			return err
		}
		return c.Query(ctx, `
			SELECT tenant, key
			FROM postrider_creations`+p.store.index("postrider_creations_expires")+`
			WHERE expires_at <= ?
			ORDER BY expires_at
			LIMIT ? + 0`, []any{now.UnixMicro(), p.limit}, func(r Row) error {
			var key store.EventKey
			err := r.Scan(&key.Tenant, &key.ID)
			expired = append(expired, key)
			return err
		})
	})
	if err != nil {
		return err
	}
	p.reached(len(expired))
	return p.inSteps(ctx, len(expired), func(ctx context.Context, c Conn, done *store.Pruned, i int) error {
		n, err := c.Exec(ctx, `
			DELETE FROM postrider_creations
			WHERE tenant = ?
			AND key = ?
			AND expires_at <= ?`, expired[i].Tenant, expired[i].ID, now.UnixMicro())
		done.IdempotencyKeys += int(n)
		return err
	})
}
