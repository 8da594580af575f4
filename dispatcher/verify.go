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

// SentBody returns the body of a request that delivers an event as it is, neither
// in a batch nor encrypted.
func SentBody(ev *webhook.Event) []byte { return send.NewMessage(ev).Body() }
