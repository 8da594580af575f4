package manage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// Rotation says how to replace the secret of an endpoint.
type Rotation struct {
	// Signature is how the new secret signs; rotating is how an endpoint changes
	// it. The old secret goes on as it did: both signatures are sent, unless both
	// need the same header and that has room for one (github, custom), which is
	// the new one's.
	// Defaults to the endpoint's.
	Signature webhook.Signature
	// Secret is the new secret, as ImportEndpoint takes it.
	// Defaults to one made for it.
	Secret string
	// Key is the reference of a new key that stays outside (see
	// CreateEndpointWithKey), in the place of a secret.
	// Defaults to none.
	Key string
	// Overlap is how long the old secret goes on signing beside the new one, at
	// most 7 days; negative is not at all.
	// Defaults to 24 hours.
	Overlap time.Duration
}

const (
	defaultOverlap = 24 * time.Hour
	maxOverlap     = 7 * 24 * time.Hour
	// maxSecrets bounds the signatures that every delivery carries. Receivers
	// look at the first 16.
	maxSecrets = 10
)

// ErrTooManySecrets is returned by RotateSecret while ten secrets sign for the
// endpoint. Wait until the first of them ends; Secrets says when.
var ErrTooManySecrets = errors.New("too many secrets are in use")

// RotateSecret gives an endpoint a new secret and returns it; this is the only
// time that it is shown. The one before goes on signing for the overlap, so that
// the receiver can change over without missing a delivery; older ones keep the
// end that they had.
//
// Errors are store.ErrNotFound, ErrTooManySecrets, those of Config.ExternalSigner,
// and *webhook.InvalidError with the fields of signature, secret and key (code
// secret_invalid, also for one that signs already) and overlap_seconds. After store.ErrUnknown the new secret may be
// signing: rotate again.
func (m *Manager) RotateSecret(ctx context.Context, tenant, endpoint string, r Rotation) (Secret, error) {
	rec, err := m.record(ctx, tenant, endpoint)
	if err != nil {
		return Secret{}, err
	}
	if rec.Endpoint, err = m.d.OpenEndpoint(ctx, rec); err != nil { // the signature's header must not be one of them
		return Secret{}, fmt.Errorf("rotate secret: %w", err)
	}
	at := now()
	present, err := m.signing(ctx, tenant, endpoint, at)
	if err != nil {
		return Secret{}, err
	}
	key, err := m.rotated(ctx, rec, r, present)
	if err != nil {
		return Secret{}, err
	}
	if len(present) >= maxSecrets {
		return Secret{}, fmt.Errorf("rotate secret: %w", ErrTooManySecrets)
	}
	sealed, err := m.sealKey(ctx, tenant, endpoint, key)
	if err != nil {
		return Secret{}, fmt.Errorf("rotate secret: %w", err)
	}
	overlap := max(cmp.Or(r.Overlap, defaultOverlap), 0)
	record, err := m.auditRotation(ctx, sealed, present, at.Add(overlap))
	if err != nil {
		return Secret{}, fmt.Errorf("rotate secret: %w", err)
	}
	if err := m.store.RotateSecret(ctx, at, sealed, at.Add(overlap), record); err != nil {
		return Secret{}, err
	}
	m.announce(ctx, tenant, endpoint)
	m.d.Report(webhook.Operational{
		Type: webhook.TypeSecretRotated, Tenant: tenant, At: at, Cause: sealed.ID,
		Snapshot: webhook.Snapshot{SecretID: sealed.ID}.Of(&rec.Endpoint),
	})
	return key.shown, nil
}

// auditRotation returns the record of a rotation: of either secret its fingerprint.
func (m *Manager) auditRotation(ctx context.Context, next store.SecretRecord, present []store.SecretRecord, until time.Time) (webhook.AuditRecord, error) {
	of := func(s store.SecretRecord) map[string]any {
		return map[string]any{"secret_id": s.ID, "scheme": s.Signature.String(), "fingerprint": s.Fingerprint}
	}
	var before any
	after := of(next)
	if len(present) > 0 {
		before = of(present[0])
		after["old_until"] = instant(until)
	}
	return m.audit(ctx, webhook.AuditRecord{Tenant: next.Tenant, Action: webhook.ActionSecretRotated, Resource: next.Endpoint}, before, after)
}

// rotated returns the new key of a rotation, or every field at fault.
func (m *Manager) rotated(ctx context.Context, rec store.EndpointRecord, r Rotation, present []store.SecretRecord) (key signingKey, err error) {
	var inv webhook.InvalidError
	signature := cmp.Or(r.Signature, rec.Signature)
	signatureErr := signature.Validate(&rec.Endpoint)
	inv.Fields = append(inv.Fields, fieldsOf(signatureErr)...)
	if signature.Scheme == "" {
		signature.Scheme = webhook.SchemeV1
	}
	switch {
	case r.Secret != "" && r.Key != "":
		inv.Add("key", webhook.CodeInvalidField, "Give a secret or a key.")
	case signatureErr != nil: // says nothing about what a key must be
	case r.Key != "":
		key, err = m.externalKey(ctx, rec.Tenant, signature, r.Key)
	case r.Secret != "":
		key, err = parseKey(signature, r.Secret)
	}
	if err != nil && fieldsOf(err) == nil {
		return signingKey{}, fmt.Errorf("rotate secret: %w", err)
	}
	inv.Fields = append(inv.Fields, fieldsOf(err)...)
	field := "secret"
	if r.Key != "" {
		field = "key"
	}
	for _, s := range present {
		if s.Fingerprint == key.shown.Fingerprint() {
			inv.Add(field, webhook.CodeSecretInvalid, "Is in use already; give another one.")
		}
	}
	if r.Overlap > maxOverlap {
		inv.Add("overlap_seconds", webhook.CodeInvalidField, "Must be at most 7 days.")
	}
	if err := inv.Err(); err != nil {
		return signingKey{}, err
	}
	if r.Secret == "" && r.Key == "" {
		return newKey(signature)
	}
	return key, nil
}

// SecretInfo is what can be read of a secret.
type SecretInfo struct {
	// ID is "sec_" and a ULID.
	ID        string
	Signature webhook.Signature
	// Fingerprint is that of Secret.Fingerprint.
	Fingerprint string
	// PublicKey is the whpk_ key that receivers of v1a verify with; empty for
	// other schemes.
	PublicKey string
	// Key is the reference of a key that stays outside, or "".
	Key       string
	CreatedAt time.Time
	// Until is when the secret stops signing; zero for the present one.
	Until time.Time
}

// Secrets returns what can be read of the secrets that sign for an endpoint, the
// present one first, then older ones, newest first. Errors are store.ErrNotFound
// and the sealer's.
func (m *Manager) Secrets(ctx context.Context, tenant, endpoint string) ([]SecretInfo, error) {
	if _, err := m.record(ctx, tenant, endpoint); err != nil {
		return nil, err
	}
	records, err := m.signing(ctx, tenant, endpoint, now())
	if err != nil {
		return nil, err
	}
	infos := make([]SecretInfo, len(records))
	for i, s := range records {
		facts, err := m.d.DescribeSecret(ctx, s)
		if err != nil {
			return nil, err
		}
		infos[i] = SecretInfo{
			ID: s.ID, Signature: s.Signature, Fingerprint: s.Fingerprint, CreatedAt: s.CreatedAt, Until: s.Until,
			PublicKey: facts.PublicKey.String(), Key: facts.Reference,
		}
	}
	return infos, nil
}

// signing returns the secrets that have not ended.
func (m *Manager) signing(ctx context.Context, tenant, endpoint string, at time.Time) ([]store.SecretRecord, error) {
	records, err := m.store.Secrets(ctx, tenant, endpoint)
	if err != nil {
		return nil, err
	}
	var live []store.SecretRecord
	for _, s := range records {
		if s.Until.IsZero() || at.Before(s.Until) {
			live = append(live, s)
		}
	}
	return live, nil
}
