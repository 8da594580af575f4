package send

import (
	"context"
	"fmt"

	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/store"
)

// The fields that sealed values belong to.
const (
	fieldEndpoint = "endpoint"
	fieldSecret   = "secret"
)

// SealSecret completes a secret's record with the sealed form of its text. The
// error is the sealer's.
func SealSecret(ctx context.Context, sealer seal.Sealer, rec store.SecretRecord, text string) (store.SecretRecord, error) {
	sealed, err := sealer.Seal(ctx, []byte(text), SecretPlace(rec))
	if err != nil {
		return rec, fmt.Errorf("seal secret %s: %w", rec.ID, err)
	}
	rec.Sealed = sealed
	return rec, nil
}

// SecretPlace returns what a sealed secret is bound to.
func SecretPlace(rec store.SecretRecord) seal.AssociatedData {
	return seal.AssociatedData{Tenant: rec.Tenant, ID: rec.ID, Field: fieldSecret}
}
