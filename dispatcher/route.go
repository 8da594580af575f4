package dispatcher

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/postrider/postrider/dispatcher/lane"
	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// route is how to send to an endpoint, with everything opened that was sealed.
// It is never changed; a change of the endpoint makes a new one.
type route struct {
	revision int64
	endpoint webhook.Endpoint
	signers  []routeSigner
}

// routeSigner is a signer with the time at which it stops signing; zero for the
// present one.
type routeSigner struct {
	signer.Signer
	until time.Time
}

// signersAt returns who signs at a time, the present secret first.
func (r *route) signersAt(at time.Time, buf []signer.Signer) []signer.Signer {
	for _, s := range r.signers {
		if s.until.IsZero() || at.Before(s.until) {
			buf = append(buf, s.Signer)
		}
	}
	return buf
}

// header returns the headers of a request without its signature, in a map of
// the caller's own.
func (r *route) header() http.Header {
	h := make(http.Header, len(r.endpoint.Headers)+5)
	for name, value := range r.endpoint.Headers {
		h.Set(name, value)
	}
	return h
}

// newRoute opens the sealed parts of an endpoint.
func newRoute(ctx context.Context, sealer seal.Sealer, ep store.EngineEndpoint) (*route, error) {
	r := &route{revision: ep.Revision, endpoint: ep.Endpoint}
	if ep.Deleted() {
		return r, nil
	}
	headers, err := openHeaders(ctx, sealer, ep.EndpointRecord)
	if err != nil {
		return nil, err
	}
	r.endpoint.Headers = headers
	for _, rec := range ep.Secrets {
		s, err := openSecret(ctx, sealer, rec)
		if err != nil {
			return nil, err
		}
		r.signers = append(r.signers, routeSigner{s, rec.Until})
	}
	return r, nil
}

// The fields that sealed values belong to.
const (
	fieldHeaders = "headers"
	fieldSecret  = "secret"
)

// SealHeaders returns an endpoint as a store keeps it, its headers sealed.
func (d *Dispatcher) SealHeaders(ctx context.Context, ep webhook.Endpoint) (store.EndpointRecord, error) {
	rec := store.EndpointRecord{Endpoint: ep}
	rec.Headers = nil
	if len(ep.Headers) == 0 {
		return rec, nil
	}
	plain, err := json.Marshal(ep.Headers)
	if err != nil {
		return rec, fmt.Errorf("encode headers: %w", err)
	}
	rec.Sealed, err = d.sealer.Seal(ctx, plain, seal.AssociatedData{Tenant: ep.Tenant, ID: ep.ID, Field: fieldHeaders})
	if err != nil {
		return rec, fmt.Errorf("seal headers of %s: %w", ep.ID, err)
	}
	return rec, nil
}

// OpenHeaders returns the endpoint of a record with its headers. The error is
// the sealer's.
func (d *Dispatcher) OpenHeaders(ctx context.Context, rec store.EndpointRecord) (webhook.Endpoint, error) {
	headers, err := openHeaders(ctx, d.sealer, rec)
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

// SealSecret completes a secret's record with the sealed form of its text.
func (d *Dispatcher) SealSecret(ctx context.Context, rec store.SecretRecord, text string) (store.SecretRecord, error) {
	sealed, err := d.sealer.Seal(ctx, []byte(text), secretPlace(rec))
	if err != nil {
		return rec, fmt.Errorf("seal secret %s: %w", rec.ID, err)
	}
	rec.Sealed = sealed
	return rec, nil
}

// PublicKey returns the public half of an Ed25519 secret, for receivers to verify
// with. ok is false for a secret of another scheme, which has none. The error is
// the sealer's.
func (d *Dispatcher) PublicKey(ctx context.Context, rec store.SecretRecord) (key signer.PublicKey, ok bool, err error) {
	if rec.Scheme != webhook.SchemeV1a {
		return key, false, nil
	}
	s, err := openSecret(ctx, d.sealer, rec)
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

// laneConfig returns what an endpoint's configuration means for its lane.
func laneConfig(ep *webhook.Endpoint) lane.Config {
	ceiling := ep.MaxInFlight
	if ceiling == 0 {
		ceiling = webhook.DefaultMaxInFlight
	}
	return lane.Config{
		Paused:        ep.Status == webhook.EndpointPaused,
		Deleted:       ep.Deleted(),
		StartInFlight: min(webhook.DefaultMinInFlight, ceiling),
		MaxInFlight:   ceiling,
	}
}
