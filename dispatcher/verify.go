package dispatcher

import (
	"context"

	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// SignatureVerifier tells whether a request was signed with secrets of an endpoint, in
// any of their schemes.
type SignatureVerifier = send.Verifier

// VerifierOf returns a verifier with secrets of a tenant's endpoint. It is for those
// who build on a dispatcher. The error is the sealer's.
func (d *Dispatcher) VerifierOf(ctx context.Context, tenant string, secrets []store.SecretRecord) (*SignatureVerifier, error) {
	return d.sender.NewVerifier(ctx, d.sealer, tenant, secrets)
}

// SentBody returns the body of a request that delivers an event to a tenant's endpoint,
// in no batch. It is nil if that cannot be told; see send.Sender.Sent. Errors are the
// store's and the sealer's.
func (d *Dispatcher) SentBody(ctx context.Context, tenant, endpoint string, ev *webhook.Event) ([]byte, error) {
	eps, err := d.store.EngineEndpoints(ctx, []store.Lane{{Tenant: tenant, Endpoint: endpoint}})
	if err != nil || len(eps) == 0 || eps[0].Deleted() {
		return nil, err
	}
	r, err := send.NewRoute(ctx, d.sealer, eps[0])
	if err != nil {
		return nil, err
	}
	return d.sender.Sent(ctx, r, send.NewMessage(ev))
}
