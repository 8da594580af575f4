package send

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// sealedEndpoint is what is secret in an endpoint's configuration, as it is
// sealed: one JSON object with a version. Its names are stored; they must not
// change. A new member is optional; what old code must not pass over needs a new
// version.
type sealedEndpoint struct {
	Version           int               `json:"v"`
	Headers           map[string]string `json:"headers,omitempty"`
	Auth              string            `json:"auth,omitempty"`
	ClientCertificate string            `json:"client_certificate,omitempty"`
	ClientKey         string            `json:"client_key,omitempty"`
}

const sealedVersion = 1

var errSealedVersion = errors.New("sealed by a newer version of the library")

// secretsOf returns what is secret in an endpoint, and whether there is anything.
func secretsOf(ep *webhook.Endpoint) (s sealedEndpoint, some bool) {
	s = sealedEndpoint{
		Version: sealedVersion, Headers: ep.Headers, Auth: ep.Auth.Secret.Reveal(),
		ClientCertificate: ep.TLS.ClientCertificate.Reveal(), ClientKey: ep.TLS.ClientKey.Reveal(),
	}
	return s, len(s.Headers) > 0 || s.Auth != "" || s.ClientCertificate != "" || s.ClientKey != ""
}

// into puts the secrets back into the endpoint that they are of.
func (s sealedEndpoint) into(ep *webhook.Endpoint) {
	ep.Headers, ep.Auth.Secret = s.Headers, webhook.NewCredential(s.Auth)
	ep.TLS.ClientCertificate, ep.TLS.ClientKey = webhook.NewCredential(s.ClientCertificate), webhook.NewCredential(s.ClientKey)
}

// SealEndpoint returns an endpoint as a store keeps it: without its secrets,
// which are sealed beside it. The error is the sealer's.
func SealEndpoint(ctx context.Context, sealer seal.Sealer, ep webhook.Endpoint) (store.EndpointRecord, error) {
	rec := store.EndpointRecord{Endpoint: ep.WithoutSecrets()}
	secrets, some := secretsOf(&ep)
	if !some {
		return rec, nil
	}
	plain, err := json.Marshal(secrets)
	if err != nil {
		return rec, fmt.Errorf("encode secrets: %w", err)
	}
	rec.Sealed, err = sealer.Seal(ctx, plain, EndpointPlace(&rec))
	if err != nil {
		return rec, fmt.Errorf("seal secrets of %s: %w", ep.ID, err)
	}
	return rec, nil
}

// OpenEndpoint returns the endpoint of a record with its secrets. The error is
// the sealer's, or says that what it opened cannot be read.
func OpenEndpoint(ctx context.Context, sealer seal.Sealer, rec store.EndpointRecord) (webhook.Endpoint, error) {
	ep := rec.Endpoint
	if len(rec.Sealed) == 0 {
		return ep, nil
	}
	plain, err := sealer.Open(ctx, rec.Sealed, EndpointPlace(&rec))
	if err != nil {
		return ep, fmt.Errorf("open secrets of %s: %w", rec.ID, err)
	}
	var secrets sealedEndpoint
	if err := json.Unmarshal(plain, &secrets); err != nil {
		return ep, fmt.Errorf("decode secrets of %s: %w", rec.ID, errSealedText)
	}
	if secrets.Version != sealedVersion {
		return ep, fmt.Errorf("decode secrets of %s: %w", rec.ID, errSealedVersion)
	}
	secrets.into(&ep)
	return ep, nil
}

// errSealedText takes the place of errors of encoding/json, which may quote what
// they could not read.
var errSealedText = errors.New("sealed text is not what was sealed")

// EndpointPlace returns what an endpoint's sealed configuration is bound to.
func EndpointPlace(rec *store.EndpointRecord) seal.AssociatedData {
	return seal.AssociatedData{Tenant: rec.Tenant, ID: rec.ID, Field: fieldEndpoint}
}
