package webhook

import (
	"crypto/sha256"
	"crypto/subtle"

	"github.com/postrider/postrider/signer/redact"
)

// Credential is a secret with which requests to an endpoint prove who sends them:
// a password, a token, a private key. It prints, logs and marshals as "***", and
// nothing unmarshals into it. The zero value is none. Copies share the secret and
// are safe for concurrent use; Equal compares, == is not defined.
type Credential struct {
	redacted
	text func() string // nil for none; why a func: see redact.Mask
}

type redacted = redact.Mask

// NewCredential returns a Credential, which is none if text is empty.
func NewCredential(text string) Credential {
	if text == "" {
		return Credential{}
	}
	return Credential{text: func() string { return text }}
}

// Reveal returns the secret, or "" if there is none. It is for sealing it and
// for sending it.
func (c Credential) Reveal() string {
	if c.text == nil {
		return ""
	}
	return c.text()
}

// IsZero reports whether there is none.
func (c Credential) IsZero() bool { return c.text == nil }

// Equal reports whether both are the same secret, or none, in a time that does
// not depend on where they differ.
func (c Credential) Equal(other Credential) bool {
	a, b := sha256.Sum256([]byte(c.Reveal())), sha256.Sum256([]byte(other.Reveal()))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}
