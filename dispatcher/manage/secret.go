package manage

import (
	"github.com/postrider/postrider/signer/redact"
)

// Secret is what the creator of an endpoint, or of a new secret for one, is
// shown and gives to the receiver. There is nothing to show of a shared secret that
// stays in a KMS. It prints, logs and marshals as ***; Reveal
// is the one way to its text. The zero Secret is none.
type Secret struct {
	redacted
	// Closures: reflection, which is all that fmt has for a Secret in an
	// unexported field, cannot enter them.
	reveal, fingerprint func() string
}

// Reveal returns what the receiver needs to verify signatures: for scheme v1a the
// public key, "whpk_…", since the private key never leaves the library; for all
// others the shared secret, "whsec_…" if it was made here. It is "" for the zero
// Secret. Show it once and do not log it.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// Fingerprint returns the SHA-256 of the key that signs as 64 hex digits, the
// same that Secrets lists, or "" for the zero Secret. It tells secrets apart and
// is safe to log.
func (s Secret) Fingerprint() string {
	if s.fingerprint == nil {
		return ""
	}
	return s.fingerprint()
}

// redacted is embedded, under a name that documentation does not show, by what
// holds a secret.
type redacted = redact.Mask
