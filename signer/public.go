package signer

import (
	"crypto/ed25519"
	"fmt"
)

// A PublicKey verifies v1a, Ed25519 (RFC 8032; Standard Webhooks 1.0.0,
// "Asymmetric"). It is no secret: it prints and marshals as its text, and ==
// compares it. The zero PublicKey is no key.
type PublicKey struct {
	key [ed25519.PublicKeySize]byte
}

// ParsePublicKey reads "whpk_" and standard base64, padded or not, of 32
// bytes. The prefix is required, so that a secret is never published by
// mistake. It returns ErrNoKey (also for 32 zero bytes), ErrKeyType,
// ErrKeyEncoding or ErrKeySize.
func ParsePublicKey(s string) (PublicKey, error) {
	raw, err := decodeKey(s, prefixPublic)
	if err != nil {
		return PublicKey{}, err
	}
	return NewPublicKey(raw)
}

// String returns the key as text, "whpk_" and padded base64, or "" for the
// zero PublicKey.
func (p PublicKey) String() string {
	if p.IsZero() {
		return ""
	}
	return encodeKey(prefixPublic, p.key[:])
}

// Ed25519 returns the key as the standard library has it, for those who write it in
// another form, or nil for the zero PublicKey.
func (p PublicKey) Ed25519() ed25519.PublicKey {
	if p.IsZero() {
		return nil
	}
	return p.key[:]
}

// NewPublicKey returns the PublicKey of an Ed25519 key, such as a KMS gives. It
// returns ErrKeySize or, for 32 zero bytes, ErrNoKey.
func NewPublicKey(key ed25519.PublicKey) (PublicKey, error) {
	if len(key) != ed25519.PublicKeySize {
		return PublicKey{}, fmt.Errorf("%w: public key of %d bytes, want %d", ErrKeySize, len(key), ed25519.PublicKeySize)
	}
	p := PublicKey{key: [ed25519.PublicKeySize]byte(key)}
	if p.IsZero() {
		return PublicKey{}, ErrNoKey
	}
	return p, nil
}

// MarshalText returns the key as String does.
func (p PublicKey) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText sets p as ParsePublicKey reads it. An empty text gives the
// zero PublicKey, as MarshalText wrote it. On an error p is unchanged.
func (p *PublicKey) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*p = PublicKey{}
		return nil
	}
	parsed, err := ParsePublicKey(string(text))
	if err != nil {
		return err
	}
	*p = parsed
	return nil
}

// IsZero reports whether there is no key in p.
func (p PublicKey) IsZero() bool { return p == PublicKey{} }
