package dispatcher

import (
	"context"

	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// SealEndpoint returns an endpoint as a store keeps it: without its secrets, which
// are sealed beside it. Errors are the store's, if it was down when the keyring should have been checked
// against it, and the sealer's.
func (d *Dispatcher) SealEndpoint(ctx context.Context, ep webhook.Endpoint) (store.EndpointRecord, error) {
	if _, err := d.shardOf(ctx, ep.Tenant); err != nil {
		return store.EndpointRecord{}, err
	}
	return send.SealEndpoint(ctx, d.sealer, ep)
}

// OpenEndpoint returns the endpoint of a record with its secrets. The error is
// the sealer's.
func (d *Dispatcher) OpenEndpoint(ctx context.Context, rec store.EndpointRecord) (webhook.Endpoint, error) {
	return send.OpenEndpoint(ctx, d.sealer, rec)
}

// SealSecret completes a secret's record with the sealed form of its text. Errors
// are those of SealEndpoint.
func (d *Dispatcher) SealSecret(ctx context.Context, rec store.SecretRecord, text string) (store.SecretRecord, error) {
	if _, err := d.shardOf(ctx, rec.Tenant); err != nil {
		return store.SecretRecord{}, err
	}
	return send.SealSecret(ctx, d.sealer, rec, text)
}

// ExternalKey is what is kept of a key that stays outside, in the place of its text.
type ExternalKey = send.ExternalKey

// ErrNoExternalKeys is returned by ExternalSigner without Config.ExternalSigner.
var ErrNoExternalKeys = send.ErrNoExternalKeys

// DescribeSecret returns what may be read of a secret: the public half of an Ed25519
// key, and the reference of one that stays outside. The error is the sealer's.
func (d *Dispatcher) DescribeSecret(ctx context.Context, rec store.SecretRecord) (ExternalKey, error) {
	return send.DescribeSecret(ctx, d.sealer, rec)
}

// ExternalSigner returns the signer of a key that stays outside. Errors are
// ErrNoExternalKeys and Config.ExternalSigner's.
func (d *Dispatcher) ExternalSigner(ctx context.Context, tenant, reference string) (signer.Signer, error) {
	if d.cfg.ExternalSigner == nil {
		return nil, ErrNoExternalKeys
	}
	return d.cfg.ExternalSigner(ctx, tenant, reference)
}

// SealsSecrets reports whether secrets are sealed before a store sees them, or need not
// be because the store keeps nothing.
func (d *Dispatcher) SealsSecrets() bool {
	if _, plain := d.sealer.(seal.Plaintext); !plain {
		return true
	}
	for _, s := range d.shards {
		if _, ok := s.store.(store.Volatile); !ok {
			return false
		}
	}
	return true
}
