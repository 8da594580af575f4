package webhook

import (
	"fmt"
	"regexp"
	"slices"
	"time"
)

// TokenKind says what a token is for.
type TokenKind string

// The kinds of tokens.
const (
	// TokenAPIKey lets a program use the management API.
	TokenAPIKey TokenKind = "api_key"
	// TokenPortal opens the console from a customer's page, for a short time.
	TokenPortal TokenKind = "portal"
)

// Prefix returns what the ids of tokens of the kind begin with, or "" for no kind.
func (k TokenKind) Prefix() Prefix {
	switch k {
	case TokenAPIKey:
		return PrefixAPIKey
	case TokenPortal:
		return PrefixPortalToken
	}
	return ""
}

// Token lets in whoever shows its secret, which is not part of it: stores have only a
// hash of that.
type Token struct {
	// ID is "key_" or "ptk_" and a ULID. It is no secret.
	ID     string
	Tenant string
	Kind   TokenKind
	// Name says what the token is for, 1 to MaxTokenNameLen bytes.
	Name string
	Role Role
	// Scopes are what Principal.Scopes will be.
	Scopes []string
	// CreatedBy names who made it (Actor.Name).
	CreatedBy string
	CreatedAt time.Time
	// ExpiresAt is when it ends to be valid. The zero time is never, which no portal
	// token has.
	ExpiresAt time.Time
	// LastUsedAt is when it was used last, to about a minute, or the zero time.
	LastUsedAt time.Time
}

// The bounds of tokens.
const (
	MaxTokenNameLen = 100
	MaxScopes       = 20
	// MaxPortalLife is the longest that a portal token is valid. It stands in
	// addresses of pages, which browsers and proxies keep.
	MaxPortalLife = 24 * time.Hour
)

var validScope = regexp.MustCompile(`^[a-z0-9][a-z0-9._:-]{0,63}$`)

// Validate returns a *InvalidError that names everything wrong with a token that is
// valid from a time on, or nil.
func (t *Token) Validate(from time.Time) error {
	var inv InvalidError
	inv.text("tenant", t.Tenant, MaxTenantLen)
	if t.Name == "" {
		inv.Add("name", CodeInvalidField, "Must say what it is for.")
	}
	inv.text("name", t.Name, MaxTokenNameLen)
	if !t.Role.Valid() {
		inv.Add("role", CodeInvalidField, "Must be admin, developer or viewer.")
	}
	if len(t.Scopes) > MaxScopes || slices.ContainsFunc(t.Scopes, func(s string) bool { return !validScope.MatchString(s) }) {
		inv.Add("scopes", CodeInvalidField, fmt.Sprintf("At most %d, each 1 to 64 of a–z, 0–9, dot, underscore, colon and hyphen.", MaxScopes))
	}
	switch {
	case t.Kind == TokenPortal && (!t.ExpiresAt.After(from) || t.ExpiresAt.After(from.Add(MaxPortalLife))):
		inv.Add("ttl_seconds", CodeInvalidField, fmt.Sprintf("Must be between 1 and %d.", int(MaxPortalLife.Seconds())))
	case !t.ExpiresAt.IsZero() && !t.ExpiresAt.After(from):
		inv.Add("expires_at", CodeInvalidField, "Must be in the future.")
	}
	return inv.Err()
}

// Expired reports whether the token is not valid any more at a time.
func (t *Token) Expired(at time.Time) bool {
	return !t.ExpiresAt.IsZero() && !at.Before(t.ExpiresAt)
}

// Principal returns who shows the token: the audit log then has its name and id.
func (t *Token) Principal() Principal {
	return Principal{Tenant: t.Tenant, Role: t.Role, Actor: t.Name + " (" + t.ID + ")", Scopes: slices.Clone(t.Scopes)}
}

// Covers reports whether a principal has a role and scopes and may therefore pass them
// on.
func (p *Principal) Covers(role Role, scopes []string) bool {
	for _, s := range scopes {
		if !slices.Contains(p.Scopes, s) {
			return false
		}
	}
	return p.Role.rank() > 0 && role.rank() > 0 && p.Role.rank() >= role.rank()
}

// rank orders roles by what they may do; 0 is no role.
func (r Role) rank() int {
	switch r {
	case RoleAdmin:
		return 3
	case RoleDeveloper:
		return 2
	case RoleViewer:
		return 1
	}
	return 0
}
