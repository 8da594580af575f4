package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

const tokenColumns = `tenant, id, kind, name, role, scopes, created_by, created_at, expires_at, last_used_at`

func scanToken(r Row, t *webhook.Token) error {
	var scopes []byte
	err := r.Scan(&t.Tenant, &t.ID, (*string)(&t.Kind), &t.Name, (*string)(&t.Role), &scopes, &t.CreatedBy,
		&t.CreatedAt, &t.ExpiresAt, &t.LastUsedAt)
	if err != nil || len(scopes) == 0 {
		return err
	}
	if err := json.Unmarshal(scopes, &t.Scopes); err != nil {
		return fmt.Errorf("scopes of token %s: %w", t.ID, err)
	}
	return nil
}

// CreateToken implements store.Tokens. Those who create tokens wait for each other, so
// that there are never too many.
func (s *Store) CreateToken(ctx context.Context, now time.Time, t webhook.Token, hash []byte, limit int, audit ...webhook.AuditRecord) (webhook.Token, error) {
	var scopes []byte
	if len(t.Scopes) > 0 {
		var err error
		if scopes, err = json.Marshal(t.Scopes); err != nil {
			return webhook.Token{}, fmt.Errorf("create token: %w", err)
		}
	}
	err := s.db.Write(ctx, func(ctx context.Context, c Conn) error {
		at, err := s.now(ctx, c, now)
		if err != nil {
			return err
		}
		if _, err := nextValue(ctx, c, "tokens"); err != nil {
			return err
		}
		var live int
		if _, err := queryOne(ctx, c, `
			SELECT count(*)
			FROM postrider_tokens`+s.index("postrider_tokens_kind")+`
			WHERE tenant = ?
			AND kind = ?
			AND (expires_at IS NULL OR expires_at > ?)`, []any{t.Tenant, string(t.Kind), at.UnixMicro()}, &live); err != nil {
			return err
		}
		if live >= limit {
			return store.ErrTooMany
		}
		t.CreatedAt, t.LastUsedAt = whole(at), time.Time{}
		if !t.ExpiresAt.IsZero() {
			t.ExpiresAt = whole(at.Add(t.ExpiresAt.Sub(now)))
		}
		if _, err := c.Exec(ctx, `
			INSERT INTO postrider_tokens (tenant, id, kind, hash, name, role, scopes, created_by, created_at, expires_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			t.Tenant, t.ID, string(t.Kind), hash, t.Name, string(t.Role), textOrNull(string(scopes)), t.CreatedBy,
			t.CreatedAt.UnixMicro(), micros(t.ExpiresAt)); err != nil {
			return err
		}
		return WriteAudit(ctx, c, at, audit)
	})
	if err != nil {
		return webhook.Token{}, wrap("create token", err)
	}
	return t, nil
}

// RevokeToken implements store.Tokens.
func (s *Store) RevokeToken(ctx context.Context, now time.Time, tenant, id string, audit ...webhook.AuditRecord) error {
	return wrap("revoke token", s.db.Write(ctx, func(ctx context.Context, c Conn) error {
		now, err := s.now(ctx, c, now)
		if err != nil {
			return err
		}
		n, err := c.Exec(ctx, `
			DELETE FROM postrider_tokens
			WHERE tenant = ?
			AND id = ?`, tenant, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return store.ErrNotFound
		}
		return WriteAudit(ctx, c, now, audit)
	}))
}

// UseToken implements store.Tokens.
func (s *Store) UseToken(ctx context.Context, now time.Time, tenant, id string) error {
	return wrap("note the use of a token", s.db.Write(ctx, func(ctx context.Context, c Conn) error {
		now, err := s.now(ctx, c, now)
		if err != nil {
			return err
		}
		_, err = c.Exec(ctx, `
			UPDATE postrider_tokens
			SET last_used_at = ?
			WHERE tenant = ?
			AND id = ?`, now.UnixMicro(), tenant, id)
		return err
	}))
}

// ListTokens implements store.Tokens.
func (s *Store) ListTokens(ctx context.Context, tenant string, kind webhook.TokenKind, page store.Page) ([]webhook.Token, error) {
	w := where{args: []any{tenant, string(kind)}}
	if page.After != "" {
		w.and(`id < ?`, page.After)
	}
	var list []webhook.Token
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) error {
		return c.Query(ctx, `
			SELECT `+tokenColumns+`
			FROM postrider_tokens`+s.index("postrider_tokens_kind")+`
			WHERE tenant = ?
			AND kind = ?`+w.String()+`
			ORDER BY id DESC
			LIMIT ? + 0`, append(w.args, page.Size()), func(r Row) error {
			var t webhook.Token
			err := scanToken(r, &t)
			list = append(list, t)
			return err
		})
	})
	if err != nil {
		return nil, wrap("list tokens", err)
	}
	return list, nil
}

// TokenByHash implements store.Tokens.
func (s *Store) TokenByHash(ctx context.Context, hash []byte) (webhook.Token, error) {
	var t webhook.Token
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) error {
		return c.Query(ctx, `
			SELECT `+tokenColumns+`
			FROM postrider_tokens`+s.index("postrider_tokens_hash")+`
			WHERE hash = ?`, []any{hash}, func(r Row) error { return scanToken(r, &t) })
	})
	if err == nil && t.ID == "" {
		err = store.ErrNotFound
	}
	if err != nil {
		return webhook.Token{}, wrap("read token", err)
	}
	return t, nil
}

// tokens removes those that expired before the cutoff.
func (p *pruning) tokens(ctx context.Context, cutoff time.Time) error {
	return p.byID(ctx, oldRows{
		before: cutoff,
		find: `
			SELECT tenant, id
			FROM postrider_tokens` + p.store.index("postrider_tokens_expires") + `
			WHERE expires_at < ?
			ORDER BY expires_at
			LIMIT ? + 0`,
		remove: `
			DELETE FROM postrider_tokens
			WHERE tenant = ?
			AND id = ?`,
		count: func(done *store.Pruned) *int { return &done.Tokens },
	})
}
