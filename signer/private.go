package signer

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"sync"
	"time"
)

const (
	tokenPrefixV1a  = "v1a,"
	tokenEncodedV1a = 88 // base64 of 64 bytes
)

// A PrivateKey signs v1a, Ed25519 (RFC 8032; Standard Webhooks 1.0.0,
// "Asymmetric"). Receivers verify with its Public half and cannot sign.
//
// Copies share the key and are safe for concurrent use. Equal compares; == is
// not defined. The zero PrivateKey is no key; IsZero reports it and Sign
// refuses it. A PrivateKey prints, logs and
// marshals as ***, and nothing unmarshals into it.
type PrivateKey struct {
	redacted
	k func() *privateKey // nil for the zero PrivateKey; why a func: see redacted
}

// NewPrivateKey returns a new key made from crypto/rand. The error is always
// nil today: Go ends the program if the system has no randomness.
func NewPrivateKey() (PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("generate key: %w", err)
	}
	return newPrivateKey(key), nil
}

// ParsePrivateKey reads "whsk_" and standard base64, padded or not, of the 64
// bytes of an Ed25519 key (seed and public half) or of its 32 byte seed alone
// (RFC 8032, section 5.1.5). The prefix is required. It returns ErrNoKey,
// ErrKeyType, ErrKeyEncoding, ErrKeySize or ErrKeyMismatch.
func ParsePrivateKey(s string) (PrivateKey, error) {
	raw, err := decodeKey(s, prefixPrivate)
	if err != nil {
		return PrivateKey{}, err
	}
	if len(raw) != ed25519.SeedSize && len(raw) != ed25519.PrivateKeySize {
		return PrivateKey{}, fmt.Errorf("%w: private key of %d bytes, want %d or %d",
			ErrKeySize, len(raw), ed25519.PrivateKeySize, ed25519.SeedSize)
	}
	key := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
	if len(raw) == ed25519.PrivateKeySize && !sameBytes(key, raw) {
		return PrivateKey{}, ErrKeyMismatch
	}
	return newPrivateKey(key), nil
}

// Public returns the key to give to receivers, or the zero PublicKey for the
// zero PrivateKey.
func (p PrivateKey) Public() PublicKey {
	if p.k == nil {
		return PublicKey{}
	}
	return PublicKey{key: [ed25519.PublicKeySize]byte(p.k().key[ed25519.SeedSize:])}
}

// Sign returns the v1a signature of a webhook, "v1a," and the base64 of an
// Ed25519 signature. It returns ErrBadID, ErrBadTimestamp, or ErrNoKey for the
// zero PrivateKey. It never waits, so ctx is not used.
func (p PrivateKey) Sign(_ context.Context, id string, at time.Time, body []byte) (string, error) {
	if p.k == nil {
		return "", ErrNoKey
	}
	unix, err := checkSigned(id, at)
	if err != nil {
		return "", err
	}
	var token [len(tokenPrefixV1a) + tokenEncodedV1a]byte
	n := copy(token[:], tokenPrefixV1a)
	base64.StdEncoding.Encode(token[n:], p.k().sign(id, unix, body))
	return string(token[:]), nil
}

// Reveal returns the key as text, "whsk_" and padded base64 of seed and public
// half, or "" for the zero PrivateKey. It is for sealing the key.
func (p PrivateKey) Reveal() string {
	if p.k == nil {
		return ""
	}
	return encodeKey(prefixPrivate, p.k().key)
}

// Fingerprint returns the SHA-256 of the key's 64 bytes as 64 hex digits, or
// "" for the zero PrivateKey. It tells keys apart without showing them.
func (p PrivateKey) Fingerprint() string {
	if p.k == nil {
		return ""
	}
	return fingerprint(p.k().key)
}

// Equal reports whether both are the same key, in constant time. Two zero
// PrivateKeys are equal.
func (p PrivateKey) Equal(other PrivateKey) bool {
	if p.k == nil || other.k == nil {
		return p.IsZero() && other.IsZero()
	}
	return sameBytes(p.k().key, other.k().key)
}

// IsZero reports whether there is no key in p.
func (p PrivateKey) IsZero() bool { return p.k == nil }

// privateKey is a key with a pool of buffers: Ed25519 reads its message twice,
// so prefix and body have to lie side by side.
type privateKey struct {
	key      ed25519.PrivateKey
	messages sync.Pool // of *[]byte
}

func newPrivateKey(key ed25519.PrivateKey) PrivateKey {
	k := &privateKey{key: key}
	k.messages.New = func() any { return new([]byte) }
	return PrivateKey{k: func() *privateKey { return k }}
}

func (k *privateKey) sign(id string, unix int64, body []byte) []byte {
	msg := k.messages.Get().(*[]byte)
	*msg = append(appendPrefix((*msg)[:0], id, unix), body...)
	signature := ed25519.Sign(k.key, *msg)
	k.messages.Put(msg)
	return signature
}
