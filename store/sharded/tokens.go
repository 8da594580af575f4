package sharded

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// CreateToken implements store.Tokens.
func (s *Store) CreateToken(ctx context.Context, now time.Time, t webhook.Token, hash []byte, limit int, audit ...webhook.AuditRecord) (webhook.Token, error) {
	sh, err := s.place(ctx, t.Tenant)
	if err != nil {
		return webhook.Token{}, fmt.Errorf("create token: %w", err)
	}
	return sh.CreateToken(ctx, now, t, hash, limit, audit...)
}

// RevokeToken implements store.Tokens.
func (s *Store) RevokeToken(ctx context.Context, now time.Time, tenant, id string, audit ...webhook.AuditRecord) error {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return fmt.Errorf("revoke token: %w", err)
	}
	return sh.RevokeToken(ctx, now, tenant, id, audit...)
}

// UseToken implements store.Tokens.
func (s *Store) UseToken(ctx context.Context, now time.Time, tenant, id string) error {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return fmt.Errorf("note the use of a token: %w", err)
	}
	return sh.UseToken(ctx, now, tenant, id)
}

// ListTokens implements store.Tokens.
func (s *Store) ListTokens(ctx context.Context, tenant string, kind webhook.TokenKind, page store.Page) ([]webhook.Token, error) {
	sh, err := s.at(ctx, tenant)
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	return sh.ListTokens(ctx, tenant, kind, page)
}

// TokenByHash implements store.Tokens. A secret does not tell whose it is, so all shards
// are asked at once, and the first that has it answers: one that hangs holds up nobody
// whose token is elsewhere. Unless all have answered, a token that was not found may be
// there all the same.
func (s *Store) TokenByHash(ctx context.Context, hash []byte) (webhook.Token, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type answer struct {
		token webhook.Token
		err   error
	}
	answers := make(chan answer, len(s.shards))
	for _, sh := range s.shards {
		go func() {
			t, err := sh.TokenByHash(ctx, hash)
			answers <- answer{t, err}
		}()
	}
	none := fmt.Errorf("read token: %w", store.ErrNotFound)
	for range s.shards {
		a := <-answers
		if a.err == nil {
			return a.token, nil
		}
		if !errors.Is(a.err, store.ErrNotFound) {
			none = a.err
		}
	}
	return webhook.Token{}, none
}
