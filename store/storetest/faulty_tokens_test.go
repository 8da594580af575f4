package storetest_test

import (
	"context"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// revokesForAll revokes a token whoever asks.
type revokesForAll struct{ store.Store }

func (s *revokesForAll) RevokeToken(ctx context.Context, now time.Time, tenant, id string, audit ...webhook.AuditRecord) error {
	if tenant != "acme" && s.Store.RevokeToken(ctx, now, "acme", id) == nil {
		return nil
	}
	return s.Store.RevokeToken(ctx, now, tenant, id, audit...)
}

// tokensLinger finds tokens for a while after they were revoked elsewhere.
type tokensLinger struct {
	store.Store
	seen map[string]webhook.Token
}

func newTokensLinger(st store.Store) store.Store {
	return &tokensLinger{st, make(map[string]webhook.Token)}
}

func (s *tokensLinger) TokenByHash(ctx context.Context, hash []byte) (webhook.Token, error) {
	if t, ok := s.seen[string(hash)]; ok {
		return t, nil
	}
	t, err := s.Store.TokenByHash(ctx, hash)
	if err == nil {
		s.seen[string(hash)] = t
	}
	return t, err
}

// tokensWithoutLimit makes as many as are asked for.
type tokensWithoutLimit struct{ store.Store }

func (s *tokensWithoutLimit) CreateToken(ctx context.Context, now time.Time, t webhook.Token, hash []byte, limit int, audit ...webhook.AuditRecord) (webhook.Token, error) {
	return s.Store.CreateToken(ctx, now, t, hash, limit+1, audit...)
}
