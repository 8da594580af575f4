package memstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// token is a token and the hash of its secret.
type token struct {
	webhook.Token
	hash string
}

func (t *token) id() string { return t.ID }

// out returns the token as callers may keep it.
func (t *token) out() webhook.Token {
	out := t.Token
	out.Scopes = slices.Clone(t.Scopes)
	return out
}

// CreateToken implements store.Tokens.
func (s *Store) CreateToken(ctx context.Context, now time.Time, t webhook.Token, hash []byte, limit int, audit ...webhook.AuditRecord) (webhook.Token, error) {
	if err := s.beginChange(ctx, "create token", audit); err != nil {
		return webhook.Token{}, err
	}
	defer s.mu.Unlock()
	now = instant(now)
	live := 0
	if owner := s.tenants[t.Tenant]; owner != nil {
		owner.tokens.after("", func(old *token) bool {
			if old.Kind == t.Kind && !old.Expired(now) {
				live++
			}
			return true
		})
	}
	if live >= limit {
		return webhook.Token{}, fmt.Errorf("create token: %w", store.ErrTooMany)
	}
	t.CreatedAt, t.ExpiresAt, t.LastUsedAt = now, instant(t.ExpiresAt), time.Time{}
	kept := &token{Token: t, hash: string(hash)}
	kept.Token = kept.out()
	s.tokens[kept.hash] = kept
	s.tenant(t.Tenant).tokens.add(kept)
	s.audit(now, audit)
	return t, nil
}

// RevokeToken implements store.Tokens.
func (s *Store) RevokeToken(ctx context.Context, now time.Time, tenant, id string, audit ...webhook.AuditRecord) error {
	if err := s.beginChange(ctx, "revoke token", audit); err != nil {
		return err
	}
	defer s.mu.Unlock()
	t := s.token(tenant, id)
	if t == nil {
		return fmt.Errorf("revoke token: %w", store.ErrNotFound)
	}
	s.removeToken(t)
	s.audit(instant(now), audit)
	return nil
}

// UseToken implements store.Tokens.
func (s *Store) UseToken(ctx context.Context, now time.Time, tenant, id string) error {
	if err := s.begin(ctx, "note the use of a token"); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if t := s.token(tenant, id); t != nil {
		t.LastUsedAt = instant(now)
	}
	return nil
}

// ListTokens implements store.Tokens.
func (s *Store) ListTokens(ctx context.Context, tenant string, kind webhook.TokenKind, page store.Page) ([]webhook.Token, error) {
	if err := s.begin(ctx, "list tokens"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	owner := s.tenants[tenant]
	if owner == nil {
		return nil, nil
	}
	var list []webhook.Token
	owner.tokens.before(page.After, func(t *token) bool {
		if t.Kind == kind {
			list = append(list, t.out())
		}
		return len(list) < page.Size()
	})
	return list, nil
}

// TokenByHash implements store.Tokens.
func (s *Store) TokenByHash(ctx context.Context, hash []byte) (webhook.Token, error) {
	if err := s.begin(ctx, "read token"); err != nil {
		return webhook.Token{}, err
	}
	defer s.mu.Unlock()
	t := s.tokens[string(hash)]
	if t == nil {
		return webhook.Token{}, fmt.Errorf("read token: %w", store.ErrNotFound)
	}
	return t.out(), nil
}

// token returns a tenant's token, or nil.
func (s *Store) token(tenant, id string) *token {
	owner := s.tenants[tenant]
	if owner == nil {
		return nil
	}
	i, found := owner.tokens.search(id)
	if !found {
		return nil
	}
	return owner.tokens.items[i]
}

func (s *Store) removeToken(t *token) {
	s.tenants[t.Tenant].tokens.remove(t.ID)
	delete(s.tokens, t.hash)
}

// tokens removes those that expired before the cutoff.
func (p *pruning) tokens(cutoff time.Time) {
	n := 0
	for _, t := range p.store.tokens {
		if t.ExpiresAt.IsZero() || !t.ExpiresAt.Before(cutoff) {
			continue
		}
		if n++; n > p.limit {
			p.done.More = true
			return
		}
		p.store.removeToken(t)
		p.store.forgetTenant(t.Tenant)
		p.done.Tokens++
	}
}
