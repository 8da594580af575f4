package send

import (
	"context"
	"fmt"

	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// The fields that sealed values belong to.
const (
	fieldEndpoint = "endpoint"
	fieldSecret   = "secret"
)

// SealSecret completes a secret's record with the sealed form of its text. The
// error is the sealer's.
func SealSecret(ctx context.Context, sealer seal.Sealer, rec store.SecretRecord, text string) (store.SecretRecord, error) {
	sealed, err := sealer.Seal(ctx, []byte(text), secretPlace(rec))
	if err != nil {
		return rec, fmt.Errorf("seal secret %s: %w", rec.ID, err)
	}
	rec.Sealed = sealed
	return rec, nil
}

// PublicKey returns the public half of an Ed25519 secret, for receivers to verify
// with. ok is false for a secret of another scheme, which has none. The error is
// the sealer's.
func PublicKey(ctx context.Context, sealer seal.Sealer, rec store.SecretRecord) (key signer.PublicKey, ok bool, err error) {
	if rec.Scheme != webhook.SchemeV1a {
		return key, false, nil
	}
	s, err := openSecret(ctx, sealer, rec)
	if err != nil {
		return key, false, err
	}
	return s.(signer.PrivateKey).Public(), true, nil
}

func secretPlace(rec store.SecretRecord) seal.AssociatedData {
	return seal.AssociatedData{Tenant: rec.Tenant, ID: rec.ID, Field: fieldSecret}
}

func openSecret(ctx context.Context, sealer seal.Sealer, rec store.SecretRecord) (signer.Signer, error) {
	text, err := sealer.Open(ctx, rec.Sealed, secretPlace(rec))
	if err != nil {
		return nil, fmt.Errorf("open secret %s: %w", rec.ID, err)
	}
	if rec.Scheme == webhook.SchemeV1a {
		key, err := signer.ParsePrivateKey(string(text))
		if err != nil {
			return nil, fmt.Errorf("parse secret %s: %w", rec.ID, err)
		}
		return key, nil
	}
	secret, err := signer.ParseSecret(string(text))
	if err != nil {
		return nil, fmt.Errorf("parse secret %s: %w", rec.ID, err)
	}
	return secret, nil
}
