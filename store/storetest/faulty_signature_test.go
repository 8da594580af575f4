package storetest_test

import (
	"context"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// forgetsEncryption has no column for the key to encrypt for.
func forgetsEncryption(st store.Store) store.Store {
	return &endpointWriter{
		Store:  st,
		before: func(ep store.EndpointRecord) store.EndpointRecord { ep.Encryption = webhook.Encryption{}; return ep },
		after:  func(_, kept store.EndpointRecord) store.EndpointRecord { return kept },
	}
}

// schemeAlone keeps the scheme of a new secret, but not its header.
type schemeAlone struct{ store.Store }

func (s *schemeAlone) RotateSecret(ctx context.Context, now time.Time, secret store.SecretRecord, oldUntil time.Time, audit ...webhook.AuditRecord) error {
	secret.Signature = webhook.Signature{Scheme: secret.Signature.Scheme}
	return s.Store.RotateSecret(ctx, now, secret, oldUntil, audit...)
}
