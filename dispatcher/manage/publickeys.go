package manage

import (
	"context"
	"encoding/base64"
	"fmt"

	"github.com/postrider/postrider/signer"
)

// JWKS is a set of public keys (RFC 7517, section 5).
type JWKS struct {
	Keys []JWK `json:"keys"`
}

// JWK is the public key of an Ed25519 signature (RFC 8037, section 2).
type JWK struct {
	KeyType   string `json:"kty"` // "OKP"
	Curve     string `json:"crv"` // "Ed25519"
	X         string `json:"x"`   // the 32 bytes of the key in base64url without padding
	KeyID     string `json:"kid"` // the secret's id
	Use       string `json:"use"` // "sig"
	Algorithm string `json:"alg"` // "EdDSA"
}

// PublicKeys returns the public keys that receivers of an endpoint verify with, the
// present one first, and while it is rotated those that still sign. An endpoint that
// signs with no v1a key has none. Nothing in it is secret. Errors are
// store.ErrNotFound and the sealer's.
func (m *Manager) PublicKeys(ctx context.Context, tenant, endpoint string) (JWKS, error) {
	set := JWKS{Keys: []JWK{}}
	secrets, err := m.Secrets(ctx, tenant, endpoint)
	if err != nil {
		return set, err
	}
	for _, s := range secrets {
		if s.PublicKey == "" {
			continue
		}
		key, err := signer.ParsePublicKey(s.PublicKey)
		if err != nil {
			return set, fmt.Errorf("read public key of %s: %w", s.ID, err)
		}
		set.Keys = append(set.Keys, JWK{
			KeyType: "OKP", Curve: "Ed25519", X: base64.RawURLEncoding.EncodeToString(key.Ed25519()),
			KeyID: s.ID, Use: "sig", Algorithm: "EdDSA",
		})
	}
	return set, nil
}
