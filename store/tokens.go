package store

import (
	"context"
	"time"

	"github.com/postrider/postrider/webhook"
)

// Tokens keeps who is let in: API keys and portal tokens, by hashes of their secrets.
type Tokens interface {
	// CreateToken stores a token with the hash of its secret and returns it as it is
	// then: it is created at the store's time, and lives as long from then on as it
	// would have from now. ErrTooMany says that the tenant has limit tokens of the
	// kind already that have not expired. It is one transaction, with the audit
	// records.
	CreateToken(ctx context.Context, now time.Time, t webhook.Token, hash []byte, limit int, audit ...webhook.AuditRecord) (webhook.Token, error)

	// RevokeToken removes a tenant's token, in one transaction with the audit records.
	// A token that is not there is ErrNotFound.
	RevokeToken(ctx context.Context, now time.Time, tenant, id string, audit ...webhook.AuditRecord) error

	// UseToken notes that a token is used. One that is not there is not an error.
	UseToken(ctx context.Context, now time.Time, tenant, id string) error

	// ListTokens returns a tenant's tokens of a kind, also expired ones that are not
	// removed yet, newest first.
	ListTokens(ctx context.Context, tenant string, kind webhook.TokenKind, page Page) ([]webhook.Token, error)

	// TokenByHash returns the token of any tenant whose secret has a hash, also an
	// expired one, or ErrNotFound.
	TokenByHash(ctx context.Context, hash []byte) (webhook.Token, error)
}

// TokensKept is how long a token is kept after it has expired, so that people see why
// it does not work any more.
const TokensKept = 30 * 24 * time.Hour
