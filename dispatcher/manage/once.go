package manage

import (
	"context"
	"fmt"
	"time"

	"github.com/postrider/postrider/signer/redact"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// creationKept is how long a creation can be repeated by its key: as long as events by
// theirs.
const creationKept = 24 * time.Hour

// Once makes the creation of an endpoint repeatable, for who did not hear what became of
// the first.
type Once struct {
	redact.Mask
	// Key is 1 to webhook.MaxIdempotencyKeyLen bytes that the tenant uses for this
	// creation alone. It is remembered for 24 hours.
	Key string
	// Content is what was asked for, such as the request's body: the same key with other
	// content is a mistake. A keyed hash of it is stored.
	Content []byte
	// Secret is that of ImportEndpoint, or "" for a new one.
	Secret string
}

// CreateEndpointOnce is CreateEndpoint, or ImportEndpoint if there is a Secret, that creates
// one endpoint however often it is called with the same key, in whichever processes. Who
// repeats it gets the endpoint as it is by now, and no Secret: that is shown once. Errors
// are also webhook.ErrIdempotencyConflict, for a key that was used with other content, and
// store.ErrNotFound, for one whose endpoint was deleted. With Config.OwnershipCheck who
// repeats it asks the endpoint again too.
func (m *Manager) CreateEndpointOnce(ctx context.Context, ep webhook.Endpoint, once Once) (webhook.Endpoint, Secret, error) {
	if !webhook.ValidIdempotencyKey(once.Key) {
		return webhook.Endpoint{}, Secret{}, webhook.Invalid("idempotency_key", webhook.CodeInvalidField,
			fmt.Sprintf("Must be 1 to %d bytes of UTF-8 without control characters.", webhook.MaxIdempotencyKeyLen))
	}
	if !validTenant(ep.Tenant) {
		return m.CreateEndpoint(ctx, ep) // which says so
	}
	hash, err := m.d.MAC(ctx, ep.Tenant, "create endpoint", once.Content, []byte(once.Secret))
	if err != nil {
		return webhook.Endpoint{}, Secret{}, fmt.Errorf("create endpoint: %w", err)
	}
	terms := store.Creation{Key: once.Key, ContentHash: hash, KeyExpires: now().Add(creationKept)}
	if once.Secret != "" {
		return m.importEndpoint(ctx, ep, once.Secret, terms)
	}
	return m.createEndpoint(ctx, ep, terms)
}
