package webhook

import "errors"

// Role is what a principal may do.
type Role string

// The roles, from most to least.
const (
	RoleAdmin     Role = "admin"
	RoleDeveloper Role = "developer"
	RoleViewer    Role = "viewer"
)

// Valid reports whether r is one of the three roles.
func (r Role) Valid() bool { return r == RoleAdmin || r == RoleDeveloper || r == RoleViewer }

// Principal is who acts: what the host's authentication found out.
type Principal struct {
	// Tenant is the only tenant that the principal can see.
	Tenant string
	Role   Role
	// Actor names the person or program in the audit log.
	Actor string
	// Scopes open what no role opens, such as "publish". An empty list opens
	// none of it.
	Scopes []string
}

var (
	// ErrForbidden is what an authenticator's error matches if it knows who asks, or
	// from where, and does not let them in.
	ErrForbidden = errors.New("forbidden")
	// ErrUndecided is what an authenticator's error matches if it cannot tell at the
	// moment, since what it has to ask does not answer.
	ErrUndecided = errors.New("credentials cannot be checked at the moment")
)

// ValidTenant reports whether a text can be a tenant: at most MaxTenantLen bytes of
// UTF-8 without control characters.
func ValidTenant(tenant string) bool { return len(tenant) <= MaxTenantLen && cleanText(tenant) }
