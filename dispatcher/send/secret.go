package send

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// ExternalKeys finds the signers of keys that stay outside, in a KMS or an HSM, by
// the reference that a tenant's endpoint has to its key.
type ExternalKeys func(ctx context.Context, tenant, reference string) (signer.Signer, error)

// ExternalKey is what is kept of a key that stays outside, in the place of its text.
type ExternalKey struct {
	Reference string `json:"reference"`
	// PublicKey is for receivers of v1a; zero for v1.
	PublicKey signer.PublicKey `json:"public_key,omitzero"`
}

// Text returns the key as SealSecret takes it. No text of a key of one's own
// begins as it does.
func (k ExternalKey) Text() string {
	b, _ := json.Marshal(k) // strings cannot fail
	return string(b)
}

// DescribeSecret returns what may be read of a secret: the public half of an Ed25519
// key, and the reference of one that stays outside. The error is the sealer's.
func DescribeSecret(ctx context.Context, sealer seal.Sealer, rec store.SecretRecord) (ExternalKey, error) {
	if !rec.Signature.Scheme.Standard() {
		return ExternalKey{}, nil
	}
	s, err := openSecret(ctx, sealer, rec)
	if err != nil {
		return ExternalKey{}, err
	}
	if key, ok := s.Signer.(signer.PrivateKey); ok {
		s.external.PublicKey = key.Public()
	}
	return s.external, nil
}

// routeSigner is a secret that was opened: a Signer of Standard Webhooks, a key that
// stays outside, or a text for another scheme.
type routeSigner struct {
	signer.Signer
	external ExternalKey
	version  webhook.SignatureScheme // of the external key
	text     signer.TextSecret
	form     signer.Scheme
	// until is when it stops signing; zero for the present one.
	until time.Time
}

func openSecret(ctx context.Context, sealer seal.Sealer, rec store.SecretRecord) (routeSigner, error) {
	s := routeSigner{until: rec.Until, version: rec.Signature.Scheme}
	plain, err := sealer.Open(ctx, rec.Sealed, SecretPlace(rec))
	if err != nil {
		return s, fmt.Errorf("open secret %s: %w", rec.ID, err)
	}
	if s.form, err = rec.Signature.Form(); err != nil {
		return s, fmt.Errorf("parse secret %s: %w", rec.ID, err)
	}
	switch text := string(plain); {
	case !s.form.Standard():
		s.text, err = signer.ParseTextSecret(text)
	case strings.HasPrefix(text, "{"):
		err = json.Unmarshal(plain, &s.external)
	case rec.Signature.Scheme == webhook.SchemeV1a:
		s.Signer, err = signer.ParsePrivateKey(text)
	default:
		s.Signer, err = signer.ParseSecret(text)
	}
	if err != nil {
		return s, fmt.Errorf("parse secret %s: %w", rec.ID, err)
	}
	return s, nil
}

// signsAt reports whether a secret has not ended.
func (s *routeSigner) signsAt(at time.Time) bool { return s.until.IsZero() || at.Before(s.until) }
