package signer

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
)

// maxTextSize is the longest text a sender may use: 64 bytes in hex digits, the
// longest that is customary.
const maxTextSize = 128

// A TextSecret is the symmetric key of the schemes of GitHub, Stripe and others
// (see Scheme): the text itself is the key of the HMAC, with whatever it begins
// with, and not the bytes that it may encode.
//
// Copies share the key and are safe for concurrent use. Equal compares; == is not
// defined. The zero TextSecret is no key; IsZero reports it. A TextSecret prints,
// logs and marshals as ***, and nothing unmarshals into it.
type TextSecret struct {
	redacted
	k func() *secretKey // nil for the zero TextSecret; why a func: see redacted
}

// NewTextSecret returns a new TextSecret: "whsec_" and the padded base64 of 32
// bytes from crypto/rand. The error is always nil today: Go ends the program if
// the system has no randomness.
func NewTextSecret() (TextSecret, error) {
	raw := make([]byte, newSecretSize)
	if _, err := rand.Read(raw); err != nil {
		return TextSecret{}, fmt.Errorf("read random bytes: %w", err)
	}
	return newTextSecret(prefixSecret + base64.StdEncoding.EncodeToString(raw)), nil
}

// ParseTextSecret takes a text as the key: 16 bytes or more of ASCII without
// control characters, and no space at either end. It returns ErrNoKey, ErrKeySize,
// ErrKeyEncoding, or ErrKeyType for what begins as a private or public key.
//
// A sender that is given a secret also calls Strong.
func ParseTextSecret(s string) (TextSecret, error) {
	switch {
	case s == "":
		return TextSecret{}, ErrNoKey
	case strings.HasPrefix(s, prefixPrivate), strings.HasPrefix(s, prefixPublic):
		return TextSecret{}, fmt.Errorf("%w: want a text that is shared", ErrKeyType)
	case len(s) < minSecretSize:
		return TextSecret{}, fmt.Errorf("%w: secret of %d bytes, want %d or more", ErrKeySize, len(s), minSecretSize)
	case s != strings.Trim(s, " ") || !printable(s, ' '):
		return TextSecret{}, fmt.Errorf("%w: want ASCII without control characters", ErrKeyEncoding)
	}
	return newTextSecret(s), nil
}

func newTextSecret(s string) TextSecret {
	k := newSecretKey([]byte(s))
	return TextSecret{k: func() *secretKey { return k }}
}

// Strong returns nil if the secret is fit for signing: 24 to 128 bytes. Otherwise
// it returns ErrKeySize, or ErrNoKey for the zero TextSecret. It cannot know how
// the text was chosen.
func (s TextSecret) Strong() error {
	if s.k == nil {
		return ErrNoKey
	}
	if n := len(s.k().raw); n < minStrongSize || n > maxTextSize {
		return fmt.Errorf("%w: secret of %d bytes, want %d to %d", ErrKeySize, n, minStrongSize, maxTextSize)
	}
	return nil
}

// Reveal returns the text, or "" for the zero TextSecret. It is for showing the
// secret once and for sealing it.
func (s TextSecret) Reveal() string {
	if s.k == nil {
		return ""
	}
	return string(s.k().raw)
}

// Fingerprint returns the SHA-256 of the text as 64 hex digits, or "" for the zero
// TextSecret. It tells secrets apart without showing them.
func (s TextSecret) Fingerprint() string {
	if s.k == nil {
		return ""
	}
	return fingerprint(s.k().raw)
}

// Equal reports whether both are the same text, in constant time. Two zero
// TextSecrets are equal.
func (s TextSecret) Equal(other TextSecret) bool {
	if s.k == nil || other.k == nil {
		return s.IsZero() && other.IsZero()
	}
	return sameBytes(s.k().raw, other.k().raw)
}

// IsZero reports whether there is no key in s.
func (s TextSecret) IsZero() bool { return s.k == nil }

// digest returns the HMAC over what a scheme signs.
func (s TextSecret) digest(scheme Scheme, unix int64, body []byte) [sha256.Size]byte {
	k := s.k()
	st := k.state()
	st.buf = scheme.appendPrefix(st.buf, unix)
	return k.sum(st, body)
}

// printable reports whether s is ASCII from a first character on, without
// control characters.
func printable(s string, from byte) bool {
	for i := range len(s) {
		if s[i] < from || s[i] > '~' {
			return false
		}
	}
	return true
}
