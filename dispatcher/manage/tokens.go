package manage

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

const (
	// maxAPIKeys bounds the API keys of a tenant: one for each program, and some while
	// they are replaced.
	maxAPIKeys = 100
	// maxPortalTokens bounds the portal tokens of a tenant that are valid at a time: one
	// for each page that is open.
	maxPortalTokens = 1_000
	// defaultPortalLife is how long a portal token is valid if nobody says.
	defaultPortalLife = time.Hour
)

// ErrTokenInvalid is returned by CheckToken for what lets nobody in.
var ErrTokenInvalid = dispatcher.ErrTokenInvalid

// CreateAPIKey makes a key with which programs use the management API for the tenant of
// by, who asks for it, and returns it with its secret, which cannot be read again. Of t
// count Name, Role, which defaults to developer, Scopes and ExpiresAt, which defaults to
// never. Errors are a *webhook.InvalidError; webhook.ErrForbidden if the key was to have a
// role or scope that by lacks; and store.ErrTooMany, at 100 keys.
func (m *Manager) CreateAPIKey(ctx context.Context, by webhook.Principal, t webhook.Token) (webhook.Token, Secret, error) {
	t.Kind = webhook.TokenAPIKey
	return m.createToken(ctx, by, t, maxAPIKeys, webhook.ActionAPIKeyCreated)
}

// CreatePortalToken makes a token that opens the console from a customer's page. It is
// CreateAPIKey, but for ExpiresAt, which is at most a day ahead and defaults to an hour,
// and Name, which defaults to "portal"; there may be 1,000 at a time.
func (m *Manager) CreatePortalToken(ctx context.Context, by webhook.Principal, t webhook.Token) (webhook.Token, Secret, error) {
	t.Kind, t.Name = webhook.TokenPortal, cmp.Or(t.Name, "portal")
	if t.ExpiresAt.IsZero() {
		t.ExpiresAt = now().Add(defaultPortalLife)
	}
	return m.createToken(ctx, by, t, maxPortalTokens, webhook.ActionPortalTokenCreated)
}

func (m *Manager) createToken(ctx context.Context, by webhook.Principal, t webhook.Token, limit int, action webhook.AuditAction) (webhook.Token, Secret, error) {
	t.Tenant, t.Role = by.Tenant, cmp.Or(t.Role, webhook.RoleDeveloper)
	if err := t.Validate(now()); err != nil {
		return webhook.Token{}, Secret{}, err
	}
	if !by.Covers(t.Role, t.Scopes) {
		return webhook.Token{}, Secret{}, fmt.Errorf("create token: %w: its role or scopes are more than its creator has", webhook.ErrForbidden)
	}
	t, text, err := m.d.CreateToken(ctx, t, limit, action)
	if err != nil {
		return webhook.Token{}, Secret{}, err
	}
	return t, tokenSecret(text), nil
}

func tokenSecret(text string) Secret {
	hash := sha256.Sum256([]byte(text))
	return Secret{reveal: func() string { return text }, fingerprint: func() string { return hex.EncodeToString(hash[:]) }}
}

// APIKeys returns a tenant's API keys without their secrets, newest first. Those that have
// expired are there for 30 days more. The error is the store's.
func (m *Manager) APIKeys(ctx context.Context, tenant string, page store.Page) ([]webhook.Token, error) {
	return m.tokens(ctx, tenant, webhook.TokenAPIKey, page)
}

// PortalTokens is APIKeys for portal tokens.
func (m *Manager) PortalTokens(ctx context.Context, tenant string, page store.Page) ([]webhook.Token, error) {
	return m.tokens(ctx, tenant, webhook.TokenPortal, page)
}

func (m *Manager) tokens(ctx context.Context, tenant string, kind webhook.TokenKind, page store.Page) ([]webhook.Token, error) {
	if err := checkPage(kind.Prefix(), page); err != nil || !validTenant(tenant) {
		return nil, err
	}
	return m.store.ListTokens(ctx, tenant, kind, page)
}

// RevokeAPIKey removes an API key: it is refused in this process at once, and within a
// second in every other one. Errors are store.ErrNotFound, and the store's; after
// store.ErrUnknown the key may be there or not.
func (m *Manager) RevokeAPIKey(ctx context.Context, tenant, id string) error {
	return m.revoke(ctx, webhook.TokenAPIKey, tenant, id, webhook.ActionAPIKeyRevoked)
}

// RevokePortalToken is RevokeAPIKey for a portal token.
func (m *Manager) RevokePortalToken(ctx context.Context, tenant, id string) error {
	return m.revoke(ctx, webhook.TokenPortal, tenant, id, webhook.ActionPortalTokenRevoked)
}

func (m *Manager) revoke(ctx context.Context, kind webhook.TokenKind, tenant, id string, action webhook.AuditAction) error {
	if err := known(kind.Prefix(), tenant, id); err != nil {
		return err
	}
	return m.d.RevokeToken(ctx, tenant, id, action)
}

// CheckToken returns the API key or portal token whose secret a text is. Errors are
// ErrTokenInvalid, for what is of another kind as well, and store.ErrUnavailable.
func (m *Manager) CheckToken(ctx context.Context, kind webhook.TokenKind, text string) (webhook.Token, error) {
	if dispatcher.TokenKindOf(text) != kind {
		return webhook.Token{}, ErrTokenInvalid
	}
	return m.d.CheckToken(ctx, text)
}
