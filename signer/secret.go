package signer

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"sync"
	"time"
)

const (
	newSecretSize  = 32 // the bytes of a secret made here
	minSecretSize  = 16 // the fewest that a verifier takes
	minStrongSize  = 24 // the fewest that a sender may use
	maxStrongSize  = 64 // the most that a sender may use, one block of SHA-256
	tokenPrefixV1  = "v1,"
	tokenEncodedV1 = 44 // base64 of 32 bytes
)

// A Secret is the symmetric key of one endpoint. It signs and verifies v1,
// HMAC-SHA256 (RFC 2104; Standard Webhooks 1.0.0, "Symmetric").
//
// Copies share the key and are safe for concurrent use. Equal compares; == is
// not defined. The zero Secret is no key; IsZero reports it and Sign refuses
// it. A Secret prints, logs and marshals as ***,
// and nothing unmarshals into it.
type Secret struct {
	redacted
	k func() *secretKey // nil for the zero Secret; why a func: see redacted
}

// NewSecret returns a Secret of 32 random bytes from crypto/rand. The error is
// always nil today: Go ends the program if the system has no randomness.
func NewSecret() (Secret, error) {
	raw := make([]byte, newSecretSize)
	if _, err := rand.Read(raw); err != nil {
		return Secret{}, fmt.Errorf("read random bytes: %w", err)
	}
	return newSecret(raw), nil
}

// ParseSecret reads a secret as a verifier takes it: "whsec_" and standard
// base64 of 16 bytes or more. Prefix and padding may be missing, as in other
// libraries. It returns ErrNoKey, ErrKeyType, ErrKeyEncoding or ErrKeySize.
//
// A sender that is given a secret also calls Strong.
func ParseSecret(s string) (Secret, error) {
	if !hasPrefix(s) {
		s = prefixSecret + s
	}
	raw, err := decodeKey(s, prefixSecret)
	if err != nil {
		return Secret{}, err
	}
	if len(raw) < minSecretSize {
		return Secret{}, fmt.Errorf("%w: secret of %d bytes, want %d or more", ErrKeySize, len(raw), minSecretSize)
	}
	return newSecret(raw), nil
}

// Strong returns nil if the secret is fit for signing: 24 to 64 bytes
// (Standard Webhooks 1.0.0, "Symmetric"). Otherwise it returns ErrKeySize, or
// ErrNoKey for the zero Secret. Whatever creates endpoints asks it; a verifier
// does not, because it cannot choose what its sender uses.
func (s Secret) Strong() error {
	if s.k == nil {
		return ErrNoKey
	}
	if n := len(s.k().raw); n < minStrongSize || n > maxStrongSize {
		return fmt.Errorf("%w: secret of %d bytes, want %d to %d", ErrKeySize, n, minStrongSize, maxStrongSize)
	}
	return nil
}

// Sign returns the v1 signature of a webhook, "v1," and the base64 of
// HMAC-SHA256. It returns ErrBadID, ErrBadTimestamp, or ErrNoKey for the zero
// Secret. It never waits, so ctx is not used.
func (s Secret) Sign(_ context.Context, id string, at time.Time, body []byte) (string, error) {
	if s.k == nil {
		return "", ErrNoKey
	}
	unix, err := checkSigned(id, at)
	if err != nil {
		return "", err
	}
	sum := s.k().digest(id, unix, body)
	var token [len(tokenPrefixV1) + tokenEncodedV1]byte
	n := copy(token[:], tokenPrefixV1)
	base64.StdEncoding.Encode(token[n:], sum[:])
	return string(token[:]), nil
}

// Reveal returns the secret as text, "whsec_" and padded base64, or "" for the
// zero Secret. It is for showing the secret once and for sealing it.
func (s Secret) Reveal() string {
	if s.k == nil {
		return ""
	}
	return encodeKey(prefixSecret, s.k().raw)
}

// Fingerprint returns the SHA-256 of the key's bytes as 64 hex digits, or ""
// for the zero Secret. It tells secrets apart without showing them.
func (s Secret) Fingerprint() string {
	if s.k == nil {
		return ""
	}
	return fingerprint(s.k().raw)
}

// Equal reports whether both are the same key, in constant time. Two zero
// Secrets are equal.
func (s Secret) Equal(other Secret) bool {
	if s.k == nil || other.k == nil {
		return s.IsZero() && other.IsZero()
	}
	return sameBytes(s.k().raw, other.k().raw)
}

// IsZero reports whether there is no key in s.
func (s Secret) IsZero() bool { return s.k == nil }

// secretKey is a key with a pool of HMAC states that were keyed before, so
// that a signature costs neither an allocation nor the two blocks of keying.
type secretKey struct {
	raw    []byte
	states sync.Pool // of *macState
}

type macState struct {
	mac hash.Hash
	buf []byte // the signed prefix, then the digest
}

func newSecret(raw []byte) Secret {
	k := newSecretKey(raw)
	return Secret{k: func() *secretKey { return k }}
}

func newSecretKey(raw []byte) *secretKey {
	k := &secretKey{raw: raw}
	k.states.New = func() any {
		return &macState{mac: hmac.New(sha256.New, raw), buf: make([]byte, 0, maxID+32)}
	}
	return k
}

func (k *secretKey) digest(id string, unix int64, body []byte) [sha256.Size]byte {
	st := k.state()
	st.buf = appendPrefix(st.buf, id, unix)
	return k.sum(st, body)
}

// state returns a state to put the signed prefix into; sum takes it back.
func (k *secretKey) state() *macState {
	st := k.states.Get().(*macState)
	st.buf = st.buf[:0]
	return st
}

// sum returns the HMAC over the prefix that is in the state, and the body.
func (k *secretKey) sum(st *macState, body []byte) (sum [sha256.Size]byte) {
	st.mac.Reset()
	st.mac.Write(st.buf)
	st.mac.Write(body)
	st.buf = st.mac.Sum(st.buf[:0])
	copy(sum[:], st.buf)
	k.states.Put(st)
	return sum
}

func fingerprint(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// sameBytes compares digests, so that not even a difference in length shows in
// the time it takes.
func sameBytes(a, b []byte) bool {
	x, y := sha256.Sum256(a), sha256.Sum256(b)
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
