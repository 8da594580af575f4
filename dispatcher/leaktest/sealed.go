package leaktest

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/store"
)

// Sealed returns what a store keeps sealed of its endpoints, of all tenants: their
// secrets, and every text in the sealed part of their configuration. It returns about
// most of them, those of the endpoints that have changed first. Errors are the store's
// and the sealer's.
func Sealed(ctx context.Context, st store.Store, sealer seal.Sealer, most int) (found []Secret, err error) {
	for cursor := int64(0); len(found) < most; {
		page, next, err := st.ChangedEndpoints(ctx, cursor, 100)
		if err != nil || len(page) == 0 {
			return found, err
		}
		cursor = next
		for _, rec := range page {
			if len(found) >= most {
				break
			}
			own, err := sealedOf(ctx, st, sealer, rec)
			if err != nil {
				return nil, err
			}
			found = append(found, own...)
		}
	}
	return found, nil
}

// sealedOf opens all that is sealed of an endpoint.
func sealedOf(ctx context.Context, st store.Store, sealer seal.Sealer, rec store.EndpointRecord) (found []Secret, err error) {
	records, err := st.Secrets(ctx, rec.Tenant, rec.ID)
	if err != nil {
		return nil, err
	}
	for _, s := range records {
		text, err := sealer.Open(ctx, s.Sealed, seal.AssociatedData{Tenant: s.Tenant, ID: s.ID, Field: "secret"})
		if err != nil {
			return nil, fmt.Errorf("open secret %s: %w", s.ID, err)
		}
		found = append(found, NewSecret("secret "+s.ID, string(text)))
	}
	if len(rec.Sealed) == 0 {
		return found, nil
	}
	for _, field := range []string{"endpoint", "headers"} {
		text, err := sealer.Open(ctx, rec.Sealed, seal.AssociatedData{Tenant: rec.Tenant, ID: rec.ID, Field: field})
		if err != nil {
			continue
		}
		var value any
		if err := json.Unmarshal(text, &value); err != nil {
			return nil, err
		}
		for _, s := range textsOf(value) {
			found = append(found, NewSecret("credential of "+rec.ID, s))
		}
		return found, nil
	}
	return nil, fmt.Errorf("what is sealed of %s cannot be opened: its field is not known here", rec.ID)
}

// shortest is how long a text is at least that cannot be there by chance: 12 bytes of
// base64 are 72 bits.
const shortest = 12

// textsOf returns the texts of a JSON value that are long enough to be looked for.
func textsOf(value any) (texts []string) {
	switch v := value.(type) {
	case string:
		if len(v) >= shortest {
			texts = append(texts, v)
		}
	case []any:
		for _, e := range v {
			texts = append(texts, textsOf(e)...)
		}
	case map[string]any:
		for _, e := range v {
			texts = append(texts, textsOf(e)...)
		}
	}
	return texts
}
