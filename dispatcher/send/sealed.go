package send

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// The fields that sealed values belong to.
const (
	fieldHeaders = "headers"
	fieldSecret  = "secret"
)

// SealHeaders returns an endpoint as a store keeps it, its headers sealed. The
// error is the sealer's.
func SealHeaders(ctx context.Context, sealer seal.Sealer, ep webhook.Endpoint) (store.EndpointRecord, error) {
	rec := store.EndpointRecord{Endpoint: ep}
	rec.Headers = nil
	if len(ep.Headers) == 0 {
		return rec, nil
	}
	plain, err := json.Marshal(ep.Headers)
	if err != nil {
		return rec, fmt.Errorf("encode headers: %w", err)
	}
	rec.Sealed, err = sealer.Seal(ctx, plain, seal.AssociatedData{Tenant: ep.Tenant, ID: ep.ID, Field: fieldHeaders})
	if err != nil {
		return rec, fmt.Errorf("seal headers of %s: %w", ep.ID, err)
	}
	return rec, nil
}

// OpenHeaders returns the endpoint of a record with its headers. The error is
// the sealer's.
func OpenHeaders(ctx context.Context, sealer seal.Sealer, rec store.EndpointRecord) (webhook.Endpoint, error) {
	headers, err := openHeaders(ctx, sealer, rec)
	rec.Endpoint.Headers = headers
	return rec.Endpoint, err
}

func openHeaders(ctx context.Context, sealer seal.Sealer, rec store.EndpointRecord) (map[string]string, error) {
	if len(rec.Sealed) == 0 {
		return nil, nil
	}
	plain, err := sealer.Open(ctx, rec.Sealed, seal.AssociatedData{Tenant: rec.Tenant, ID: rec.ID, Field: fieldHeaders})
	if err != nil {
		return nil, fmt.Errorf("open headers of %s: %w", rec.ID, err)
	}
	var headers map[string]string
	if err := json.Unmarshal(plain, &headers); err != nil {
		return nil, fmt.Errorf("decode headers of %s: %w", rec.ID, err)
	}
	return headers, nil
}

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
