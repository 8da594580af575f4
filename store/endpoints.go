package store

import (
	"bytes"
	"context"
	"time"

	"github.com/postrider/postrider/webhook"
)

// EndpointRecord is an endpoint as a store keeps it: what is secret in its
// configuration is sealed.
type EndpointRecord struct {
	// Endpoint is without its secrets (see webhook.Endpoint.WithoutSecrets); they
	// are in Sealed. A store keeps and returns none, even if it is given some.
	webhook.Endpoint
	// Sealed holds the custom headers, the secret of the authentication, and the
	// client certificate and key: nothing a store could read.
	Sealed []byte
}

// Clone returns a copy that shares nothing with r.
func (r EndpointRecord) Clone() EndpointRecord {
	return EndpointRecord{Endpoint: r.Endpoint.Clone(), Sealed: bytes.Clone(r.Sealed)}
}

// Endpoints keeps the configuration of endpoints. Every write gives the
// endpoint a new Revision, which is greater than any revision that the tenant
// had before, makes it the tenant's revision, and makes the endpoint's lane
// due, so that the engine judges its parked deliveries anew. All of that is one
// transaction, and so are the audit records (see Audit).
type Endpoints interface {
	// CreateEndpoint stores a new endpoint with its first secret and returns
	// it with Revision, Version 1 and times set. If c.Most is not zero and the
	// tenant has as many endpoints already, it is ErrTooMany, whoever else
	// creates some at the same time.
	//
	// With a c.Key that the tenant has used, and that has not expired, nothing is
	// written: the endpoint that was created then is returned as it is now, which
	// its ID tells. It is webhook.ErrIdempotencyConflict if c.ContentHash was
	// another, and ErrNotFound if that endpoint was deleted since. A key is
	// remembered only with its endpoint; of those who use one at the same time one
	// creates, and the others wait for it.
	CreateEndpoint(ctx context.Context, now time.Time, ep EndpointRecord, secret SecretRecord, c Creation, audit ...webhook.AuditRecord) (EndpointRecord, error)

	// UpdateEndpoint replaces the configuration if ep.Version is the present
	// version, and returns it with the next Version. An endpoint that was
	// paused and now is active begins anew: its failures and trips are zero,
	// and its recovery begins, by the store's clock.
	// ErrVersion if the version is not current; ErrNotFound also for deleted
	// endpoints.
	UpdateEndpoint(ctx context.Context, now time.Time, ep EndpointRecord, audit ...webhook.AuditRecord) (EndpointRecord, error)

	// DeleteEndpoint leaves a tombstone, which only Directory shows, without
	// Sealed, and removes the secrets. Pending deliveries stay for the engine to cancel.
	// ErrNotFound if there is none, or it was deleted before.
	DeleteEndpoint(ctx context.Context, now time.Time, tenant, id string, audit ...webhook.AuditRecord) error

	// Endpoint returns one endpoint; ErrNotFound also for deleted ones.
	Endpoint(ctx context.Context, tenant, id string) (EndpointRecord, error)

	// ListEndpoints returns a tenant's endpoints, newest first, without
	// deleted ones. An empty list is not an error.
	ListEndpoints(ctx context.Context, tenant string, page Page) ([]EndpointRecord, error)
}

// Creation is what holds for the creation of an endpoint. The zero value asks for
// nothing.
type Creation struct {
	// Most, if not zero, is how many endpoints the tenant may have.
	Most int
	// Key, if not "", is what the creation can be repeated by, and ContentHash a
	// hash of all that makes a repetition the same.
	Key         string
	ContentHash []byte
	// KeyExpires is when the key may be used anew, as long from the store's time on
	// as it is from now.
	KeyExpires time.Time
}

// Directory is how the engine follows the configuration of endpoints.
type Directory interface {
	// TenantEndpoints returns the endpoints of a tenant, tombstones included,
	// whose revision is greater than after, and the tenant's revision, both
	// of one moment. A tenant that never had an endpoint has revision 0.
	TenantEndpoints(ctx context.Context, tenant string, after int64) ([]EndpointRecord, int64, error)

	// ChangedEndpoints returns endpoints of all tenants, tombstones included,
	// that changed after the cursor, at most limit of them, oldest first, and
	// the cursor to go on from. Cursor 0 is the beginning. A change that was
	// committed before the call is in this call's answer or, if the limit cut
	// it off, in a later one's. An endpoint may be reported more than once.
	ChangedEndpoints(ctx context.Context, cursor int64, limit int) ([]EndpointRecord, int64, error)

	// LatestChange returns a cursor after which ChangedEndpoints reports every
	// change that is committed after this call began.
	LatestChange(ctx context.Context) (int64, error)

	// Tenants returns tenants that have, or had, endpoints, at most limit of them
	// in the order of their bytes, and the cursor to go on from, which is "=" and
	// the last of them. The cursor "" is the beginning, and an answer with fewer
	// than limit the end.
	Tenants(ctx context.Context, cursor string, limit int) ([]string, string, error)

	// EngineEndpoints returns endpoints or their tombstones, each with its
	// secrets and its health of one moment, in no particular order; unknown
	// ones are left out. They are what lanes start from.
	EngineEndpoints(ctx context.Context, keys []Lane) ([]EngineEndpoint, error)
}

// EngineEndpoint is what the engine needs to send to an endpoint.
type EngineEndpoint struct {
	EndpointRecord
	Secrets []SecretRecord
	Health  webhook.Health
}

// SecretRecord is a signing secret as a store keeps it.
type SecretRecord struct {
	ID, Tenant, Endpoint string
	// Signature is how the secret signs, for as long as it does.
	Signature webhook.Signature
	// Sealed is the secret, sealed by the host's key.
	Sealed []byte
	// Fingerprint is the SHA-256 of the secret, for people to compare.
	Fingerprint string
	CreatedAt   time.Time
	// Until is when the secret stops signing; zero for the present one.
	Until time.Time
}

// Secrets keeps the signing secrets of endpoints.
type Secrets interface {
	// Secrets returns an endpoint's secrets, the present one first, then older
	// ones, newest first, expired ones included. An unknown or foreign
	// endpoint has none.
	Secrets(ctx context.Context, tenant, endpoint string) ([]SecretRecord, error)

	// RotateSecret makes secret the present one and lets the one before it
	// sign until oldUntil; secrets that had ended by now are removed. It
	// counts as a change of the endpoint (see Endpoints), with a new Version
	// too, for the endpoint's Signature becomes the secret's and an
	// update from before must not undo that. ErrNotFound if the endpoint is
	// unknown or deleted.
	RotateSecret(ctx context.Context, now time.Time, secret SecretRecord, oldUntil time.Time, audit ...webhook.AuditRecord) error
}
