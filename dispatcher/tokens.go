package dispatcher

import (
	"context"
	"fmt"

	"github.com/postrider/postrider/dispatcher/audit"
	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/tokens"
	"github.com/postrider/postrider/webhook"
)

// ErrTokenInvalid is returned by CheckToken for what lets nobody in.
var ErrTokenInvalid = tokens.ErrInvalid

// CreateToken stores a token, of which a tenant may have limit of its kind, and returns it
// with its secret, which is nowhere else. It is for those who build on a dispatcher, like
// the other methods about tokens. Errors are store.ErrTooMany, and the store's.
func (d *Dispatcher) CreateToken(ctx context.Context, t webhook.Token, limit int, action webhook.AuditAction) (webhook.Token, string, error) {
	var random string
	var err error
	if t.ID, err = d.entropy.ID(t.Kind.Prefix()); err == nil {
		random, err = d.entropy.Token()
	}
	if err != nil {
		return t, "", fmt.Errorf("create token: %w", err)
	}
	r, err := d.NewAudit(ctx, webhook.AuditRecord{Tenant: t.Tenant, Action: action, Resource: t.ID, After: audit.Token(&t)})
	if err != nil {
		return t, "", fmt.Errorf("create token: %w", err)
	}
	t.CreatedBy = r.Actor.Name
	secret := tokens.Text(t.Kind, random)
	hash := tokens.HashOf(secret)
	if t, err = d.store.CreateToken(ctx, clock.Now(), t, hash[:], limit, r); err != nil {
		return t, "", err
	}
	return t, secret, nil
}

// RevokeToken removes a token. When it returns the token is refused in this process, and
// within a second in every other one. Errors are store.ErrNotFound, and the store's; after
// store.ErrUnknown it may be there or not.
func (d *Dispatcher) RevokeToken(ctx context.Context, tenant, id string, action webhook.AuditAction) error {
	r, err := d.NewAudit(ctx, webhook.AuditRecord{Tenant: tenant, Action: action, Resource: id})
	if err != nil {
		return fmt.Errorf("revoke token: %w", err)
	}
	err = d.store.RevokeToken(ctx, clock.Now(), tenant, id, r)
	d.tokens.Revoked(id) // whatever became of it: it is read again
	return err
}

// CheckToken returns the token whose secret a text is. Errors are ErrTokenInvalid, and
// store.ErrUnavailable.
func (d *Dispatcher) CheckToken(ctx context.Context, text string) (webhook.Token, error) {
	return d.tokens.Check(ctx, text)
}

// TokenKindOf returns which kind of token's secret a text claims to be, and "" if it is
// none.
func TokenKindOf(text string) webhook.TokenKind { return tokens.KindOf(text) }
