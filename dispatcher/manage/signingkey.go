package manage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// signingKey is a key that is about to be stored.
type signingKey struct {
	signature webhook.Signature
	text      func() string // what is sealed
	shown     Secret        // what the receiver is given
}

// newKey makes a key. The error is that of the system's randomness.
func newKey(signature webhook.Signature) (signingKey, error) {
	switch signature.Scheme {
	case webhook.SchemeV1:
		secret, err := signer.NewSecret()
		return sharedKey(signature, secret), err
	case webhook.SchemeV1a:
		key, err := signer.NewPrivateKey()
		return privateKey(signature, key), err
	}
	secret, err := signer.NewTextSecret()
	return sharedKey(signature, secret), err
}

// parseKey reads a key that was given. The error is a *webhook.InvalidError and says
// nothing of the key.
func parseKey(signature webhook.Signature, text string) (signingKey, error) {
	switch signature.Scheme {
	case webhook.SchemeV1:
		secret, err := signer.ParseSecret(text)
		if err == nil {
			err = secret.Strong()
		}
		if err != nil || !strings.HasPrefix(text, "whsec_") {
			return signingKey{}, webhook.Invalid("secret", webhook.CodeSecretInvalid, `Must be "whsec_" and base64 of 24 to 64 bytes.`)
		}
		return sharedKey(signature, secret), nil
	case webhook.SchemeV1a:
		key, err := signer.ParsePrivateKey(text)
		if err != nil {
			return signingKey{}, webhook.Invalid("secret", webhook.CodeSecretInvalid, `Must be "whsk_" and base64 of an Ed25519 private key.`)
		}
		return privateKey(signature, key), nil
	}
	secret, err := signer.ParseTextSecret(text)
	if err == nil {
		err = secret.Strong()
	}
	if err != nil {
		return signingKey{}, webhook.Invalid("secret", webhook.CodeSecretInvalid, "Must be 24 to 128 bytes of ASCII text, and no private or public key.")
	}
	return sharedKey(signature, secret), nil
}

// sharedSecret is a key that both sides have.
type sharedSecret interface {
	Reveal() string
	Fingerprint() string
}

func sharedKey(signature webhook.Signature, s sharedSecret) signingKey {
	return signingKey{signature, s.Reveal, Secret{reveal: s.Reveal, fingerprint: s.Fingerprint}}
}

func privateKey(signature webhook.Signature, k signer.PrivateKey) signingKey {
	return signingKey{signature, k.Reveal, Secret{reveal: k.Public().String, fingerprint: k.Fingerprint}}
}

// maxReference bounds the name of a key that stays outside, in bytes.
const maxReference = 512

// externalKey looks up a key that stays outside. Errors are a *webhook.InvalidError
// about the field key, and Config.ExternalSigner's.
func (m *Manager) externalKey(ctx context.Context, tenant string, signature webhook.Signature, reference string) (signingKey, error) {
	bad := func(message string) (signingKey, error) {
		return signingKey{}, webhook.Invalid("key", webhook.CodeSecretInvalid, message)
	}
	switch {
	case !signature.Scheme.Standard():
		return bad("Only v1 and v1a sign with keys that stay outside.")
	case reference == "" || len(reference) > maxReference || strings.Trim(reference, printableASCII) != "":
		return bad(fmt.Sprintf("Must be 1 to %d bytes of visible ASCII.", maxReference))
	}
	key, err := m.d.ExternalSigner(ctx, tenant, reference)
	switch {
	case errors.Is(err, dispatcher.ErrNoExternalKeys):
		return bad("No keys outside are configured.")
	case errors.Is(err, signer.ErrNoKey) || err == nil && key == nil:
		return bad("Is not known.")
	case err != nil:
		return signingKey{}, fmt.Errorf("find external key: %w", err)
	}
	external := dispatcher.ExternalKey{Reference: reference}
	if signature.Scheme == webhook.SchemeV1a {
		public, ok := key.(signer.PublicSigner)
		if !ok || public.Public().IsZero() {
			return bad("Must have a public key, which is what receivers of v1a need.")
		}
		external.PublicKey = public.Public()
	}
	return signingKey{signature, external.Text, Secret{
		reveal:      external.PublicKey.String,
		fingerprint: func() string { return sha256Hex(reference) },
	}}, nil
}

const printableASCII = "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"

func sha256Hex(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// sealKey returns a new secret of an endpoint as a store keeps it.
func (m *Manager) sealKey(ctx context.Context, tenant, endpoint string, key signingKey) (store.SecretRecord, error) {
	id, err := m.d.NewID(webhook.PrefixSecret)
	if err != nil {
		return store.SecretRecord{}, err
	}
	return m.d.SealSecret(ctx, store.SecretRecord{
		ID: id, Tenant: tenant, Endpoint: endpoint, Signature: key.signature,
		Fingerprint: key.shown.Fingerprint(), CreatedAt: now(),
	}, key.text())
}
