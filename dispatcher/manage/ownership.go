package manage

import (
	"context"
	"fmt"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// verifyOwner asks an endpoint that is about to be stored whether it wants
// deliveries, if the host wants that to be asked. It counts as a test of the
// tenant's: otherwise it could be used to knock at strangers' doors. Errors are
// ErrTestLimit, a *webhook.InvalidError, field url, code url_not_verified, ctx's if
// it ended first, and the sealer's.
func (m *Manager) verifyOwner(ctx context.Context, rec store.EndpointRecord, secrets ...store.SecretRecord) error {
	if !m.mustAnswer(rec.URL) {
		return nil
	}
	if err := m.allowTest(rec.Tenant); err != nil {
		return fmt.Errorf("verify ownership: %w", err)
	}
	answered, err := m.d.Challenge(ctx, store.EngineEndpoint{EndpointRecord: rec, Secrets: secrets})
	switch {
	case err != nil:
		return err
	case answered:
		return nil
	case ctx.Err() != nil: // it says nothing about the endpoint
		return fmt.Errorf("verify ownership: %w", ctx.Err())
	}
	return webhook.Invalid("url", webhook.CodeURLNotVerified, "Endpoint did not answer the challenge.")
}

// verifyMoved is verifyOwner for an endpoint that moves to another host.
func (m *Manager) verifyMoved(ctx context.Context, rec store.EndpointRecord) error {
	if !m.mustAnswer(rec.URL) {
		return nil
	}
	present, found, err := m.engineEndpoint(ctx, rec.Tenant, rec.ID)
	if err != nil || !found {
		return err // if it is gone the update will say so
	}
	return m.verifyOwner(ctx, rec, present.Secrets...)
}

// mustAnswer reports whether an endpoint at a URL has to show that it wants deliveries. A
// topic cannot: the host says whose it is.
func (m *Manager) mustAnswer(url string) bool { return m.d.OwnershipCheck() && !m.d.HasScheme(url) }
