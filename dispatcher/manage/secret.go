package manage

import (
	"strings"

	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/signer/redact"
	"github.com/postrider/postrider/webhook"
)

// Secret is what the creator of an endpoint, or of a new secret for one, is
// shown and gives to the receiver. It prints, logs and marshals as ***; Reveal
// is the one way to its text. The zero Secret is none.
type Secret struct {
	redacted
	// Closures: reflection, which is all that fmt has for a Secret in an
	// unexported field, cannot enter them.
	reveal, fingerprint func() string
}

// Reveal returns what the receiver needs to verify signatures: for scheme v1 the
// shared secret, "whsec_…"; for v1a the public key, "whpk_…", since the private
// key never leaves the library. It is "" for the zero Secret. Show it once and
// do not log it.
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

// signingKey is a key that is about to be stored.
type signingKey struct {
	scheme webhook.SignatureScheme
	text   func() string // what is sealed
	shown  Secret        // what the receiver is given
}

// newKey makes a key for a scheme. The error is that of the system's randomness.
func newKey(scheme webhook.SignatureScheme) (signingKey, error) {
	if scheme == webhook.SchemeV1a {
		key, err := signer.NewPrivateKey()
		return privateKey(key), err
	}
	secret, err := signer.NewSecret()
	return sharedKey(secret), err
}

// parseKey reads a key that was given for a scheme. The error is a
// *webhook.InvalidError and says nothing of the key.
func parseKey(scheme webhook.SignatureScheme, text string) (signingKey, error) {
	if scheme == webhook.SchemeV1a {
		key, err := signer.ParsePrivateKey(text)
		if err != nil {
			return signingKey{}, webhook.Invalid("secret", webhook.CodeSecretInvalid, `Must be "whsk_" and base64 of an Ed25519 private key.`)
		}
		return privateKey(key), nil
	}
	secret, err := signer.ParseSecret(text)
	if err == nil {
		err = secret.Strong()
	}
	if err != nil || !strings.HasPrefix(text, "whsec_") {
		return signingKey{}, webhook.Invalid("secret", webhook.CodeSecretInvalid, `Must be "whsec_" and base64 of 24 to 64 bytes.`)
	}
	return sharedKey(secret), nil
}

func sharedKey(s signer.Secret) signingKey {
	return signingKey{webhook.SchemeV1, s.Reveal, Secret{reveal: s.Reveal, fingerprint: s.Fingerprint}}
}

func privateKey(k signer.PrivateKey) signingKey {
	return signingKey{webhook.SchemeV1a, k.Reveal, Secret{reveal: k.Public().String, fingerprint: k.Fingerprint}}
}
