package manage

import (
	"context"
	"errors"
	"fmt"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/audit"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// CreateEndpoint stores a new endpoint with a secret made for it, and returns
// both; this is the only time that the secret is shown. Defaults are filled in
// and the URL is brought into its normal form. An endpoint with Status paused is
// created paused, by hand.
//
// The fields that are the library's (ID, Revision, Version, the times,
// PauseCause and StatusReason) must be left empty. A *webhook.InvalidError names
// every field at fault, those of the URL first; a tenant that has as many endpoints
// as it may gets a *webhook.QuotaError. With Config.OwnershipCheck the endpoint is
// asked first, for 5 seconds at most; one that does not answer is a
// *webhook.InvalidError, field url, code url_not_verified, and a tenant that tries
// too often gets ErrTestLimit. Then, and on every other error
// but store.ErrUnknown, nothing was stored. After store.ErrUnknown look whether
// Endpoints has it; its secret can be rotated.
func (m *Manager) CreateEndpoint(ctx context.Context, ep webhook.Endpoint) (webhook.Endpoint, Secret, error) {
	return m.createEndpoint(ctx, ep, store.Creation{})
}

// CreateEndpointWithKey is CreateEndpoint with a key that stays outside, in a KMS or
// an HSM: reference is its name there, by which Config.ExternalSigner finds its
// signer. For v1a that must be a signer.PublicSigner, and the Secret is its public
// key; for v1 the Secret has nothing to show. Other schemes cannot. A reference that
// will not do is a *webhook.InvalidError, field key, code secret_invalid; errors of
// Config.ExternalSigner are passed on.
func (m *Manager) CreateEndpointWithKey(ctx context.Context, ep webhook.Endpoint, reference string) (webhook.Endpoint, Secret, error) {
	key, keyErr := m.externalKey(ctx, ep.Tenant, ep.WithDefaults().Signature, reference)
	if keyErr != nil && fieldsOf(keyErr) == nil {
		return webhook.Endpoint{}, Secret{}, fmt.Errorf("create endpoint: %w", keyErr)
	}
	ep, err := m.newEndpoint(ep, keyErr)
	if err != nil {
		return webhook.Endpoint{}, Secret{}, err
	}
	return m.create(ctx, ep, key, store.Creation{})
}

// ImportEndpoint is CreateEndpoint with a secret that receivers have already, by the
// scheme of the endpoint's Signature: for v1 "whsec_" and base64 of 24 to 64 bytes;
// for v1a "whsk_" and base64 of an Ed25519 private key; for all others the text
// itself, 24 to 128 bytes of ASCII. Anything else is a *webhook.InvalidError, field
// secret, code secret_invalid.
func (m *Manager) ImportEndpoint(ctx context.Context, ep webhook.Endpoint, secret string) (webhook.Endpoint, Secret, error) {
	return m.importEndpoint(ctx, ep, secret, store.Creation{})
}

func (m *Manager) createEndpoint(ctx context.Context, ep webhook.Endpoint, terms store.Creation) (webhook.Endpoint, Secret, error) {
	ep, err := m.newEndpoint(ep, nil)
	if err != nil {
		m.refusedURL(ep.Tenant, "", err)
		return webhook.Endpoint{}, Secret{}, err
	}
	key, err := newKey(ep.Signature)
	if err != nil {
		return webhook.Endpoint{}, Secret{}, fmt.Errorf("create endpoint: %w", err)
	}
	return m.create(ctx, ep, key, terms)
}

func (m *Manager) importEndpoint(ctx context.Context, ep webhook.Endpoint, secret string, terms store.Creation) (webhook.Endpoint, Secret, error) {
	key, keyErr := parseKey(ep.WithDefaults().Signature, secret)
	ep, err := m.newEndpoint(ep, keyErr)
	if err != nil {
		m.refusedURL(ep.Tenant, "", err)
		return webhook.Endpoint{}, Secret{}, err
	}
	return m.create(ctx, ep, key, terms)
}

// create stores an endpoint that was checked. What was created before, by the key of the
// terms, is returned without a secret.
func (m *Manager) create(ctx context.Context, ep webhook.Endpoint, key signingKey, terms store.Creation) (webhook.Endpoint, Secret, error) {
	var err error
	if ep.ID, err = m.d.NewID(webhook.PrefixEndpoint); err != nil {
		return webhook.Endpoint{}, Secret{}, fmt.Errorf("create endpoint: %w", err)
	}
	sealed, err := m.sealKey(ctx, ep.Tenant, ep.ID, key)
	if err != nil {
		return webhook.Endpoint{}, Secret{}, fmt.Errorf("create endpoint: %w", err)
	}
	rec, err := m.d.SealEndpoint(ctx, ep)
	if err != nil {
		return webhook.Endpoint{}, Secret{}, fmt.Errorf("create endpoint: %w", err)
	}
	limits, err := m.d.Limits(ctx, ep.Tenant)
	if err != nil {
		return webhook.Endpoint{}, Secret{}, fmt.Errorf("create endpoint: %w", err)
	}
	record := webhook.AuditRecord{Tenant: ep.Tenant, Action: webhook.ActionEndpointCreated, Resource: ep.ID}
	_, record.After = audit.Diff(nil, &ep)
	if record, err = m.d.NewAudit(ctx, record); err != nil {
		return webhook.Endpoint{}, Secret{}, fmt.Errorf("create endpoint: %w", err)
	}
	if err := m.verifyOwner(ctx, rec, sealed); err != nil {
		return webhook.Endpoint{}, Secret{}, err
	}
	terms.Most = max(limits.Endpoints, 0)
	rec, err = m.store.CreateEndpoint(ctx, now(), rec, sealed, terms, record)
	if errors.Is(err, store.ErrTooMany) {
		err = &webhook.QuotaError{Limit: webhook.LimitEndpoints}
		m.overQuota(ep.Tenant, err)
	}
	if err != nil {
		return webhook.Endpoint{}, Secret{}, err
	}
	if rec.ID != ep.ID {
		first, err := m.show(ctx, rec)
		return first, Secret{}, err
	}
	m.d.Changed(&rec.Endpoint)
	m.incident(ep.Tenant, webhook.IncidentEndpointChurn, "")
	created := rec.Endpoint
	created.Headers = hide(ep.Headers)
	return created, key.shown, nil
}

// Endpoint returns one endpoint, with Hidden in place of its headers' values, and
// without the secret of its authentication, its client certificate and key.
// The error is store.ErrNotFound, also after its deletion.
func (m *Manager) Endpoint(ctx context.Context, tenant, id string) (webhook.Endpoint, error) {
	rec, err := m.record(ctx, tenant, id)
	if err != nil {
		return webhook.Endpoint{}, err
	}
	return m.show(ctx, rec)
}

// Endpoints returns a page of a tenant's endpoints, newest first, as Endpoint
// returns one. No endpoints are not an error. The error is a
// *webhook.InvalidError if page.After is not an endpoint's id.
func (m *Manager) Endpoints(ctx context.Context, tenant string, page store.Page) ([]webhook.Endpoint, error) {
	if err := checkPage(webhook.PrefixEndpoint, page); err != nil {
		return nil, err
	}
	if !validTenant(tenant) {
		return nil, nil
	}
	records, err := m.store.ListEndpoints(ctx, tenant, page)
	if err != nil {
		return nil, err
	}
	eps := make([]webhook.Endpoint, len(records))
	for i, rec := range records {
		if eps[i], err = m.show(ctx, rec); err != nil {
			return nil, err
		}
	}
	return eps, nil
}

// DeleteEndpoint deletes an endpoint and its secrets. No later event goes to it;
// its pending deliveries are canceled, attempts under way aside. Its history
// stays. The error is store.ErrNotFound, also after its deletion.
func (m *Manager) DeleteEndpoint(ctx context.Context, tenant, id string) error {
	rec, err := m.record(ctx, tenant, id)
	if err != nil {
		return err
	}
	before, err := m.d.OpenEndpoint(ctx, rec)
	if err != nil { // a key that was lost must not keep an endpoint alive
		before = rec.Endpoint
	}
	record := webhook.AuditRecord{Tenant: tenant, Action: webhook.ActionEndpointDeleted, Resource: id}
	record.Before, _ = audit.Diff(&before, nil)
	if record, err = m.d.NewAudit(ctx, record); err != nil {
		return fmt.Errorf("delete endpoint: %w", err)
	}
	if err := m.store.DeleteEndpoint(ctx, now(), tenant, id, record); err != nil {
		return err
	}
	m.announce(ctx, tenant, id)
	m.incident(tenant, webhook.IncidentEndpointChurn, "")
	return nil
}

// Pause stops sends to an endpoint, attempts under way aside; its deliveries
// wait. Pausing one that is paused changes nothing, not even why it is. The
// error is store.ErrNotFound.
func (m *Manager) Pause(ctx context.Context, tenant, id string) (webhook.Endpoint, error) {
	return m.setStatus(ctx, tenant, id, webhook.Endpoint{Status: webhook.EndpointPaused}.WithDefaults())
}

// Resume lets deliveries to a paused endpoint go on, with its health forgotten.
// Resuming one that is active changes nothing. The error is store.ErrNotFound.
func (m *Manager) Resume(ctx context.Context, tenant, id string) (webhook.Endpoint, error) {
	return m.setStatus(ctx, tenant, id, webhook.Endpoint{Status: webhook.EndpointActive})
}

// setStatus gives an endpoint the status of another, with its cause and reason.
func (m *Manager) setStatus(ctx context.Context, tenant, id string, as webhook.Endpoint) (webhook.Endpoint, error) {
	if err := known(webhook.PrefixEndpoint, tenant, id); err != nil {
		return webhook.Endpoint{}, err
	}
	rec, err := m.d.UpdateEndpoint(ctx, tenant, id, func(rec *store.EndpointRecord) error {
		if rec.Status == as.Status {
			return dispatcher.ErrUnchanged
		}
		rec.Status, rec.PauseCause, rec.StatusReason = as.Status, as.PauseCause, as.StatusReason
		return nil
	})
	if err != nil {
		return webhook.Endpoint{}, err
	}
	return m.show(ctx, rec)
}

// record reads an endpoint as it is stored.
func (m *Manager) record(ctx context.Context, tenant, id string) (store.EndpointRecord, error) {
	if err := known(webhook.PrefixEndpoint, tenant, id); err != nil {
		return store.EndpointRecord{}, err
	}
	return m.store.Endpoint(ctx, tenant, id)
}

// show returns an endpoint as people may see it.
func (m *Manager) show(ctx context.Context, rec store.EndpointRecord) (webhook.Endpoint, error) {
	ep, err := m.d.OpenEndpoint(ctx, rec)
	if err != nil {
		return webhook.Endpoint{}, fmt.Errorf("read endpoint: %w", err)
	}
	return shown(ep), nil
}

// shown returns an endpoint without its secrets, and with Hidden in place of its
// headers' values.
func shown(ep webhook.Endpoint) webhook.Endpoint {
	headers := hide(ep.Headers)
	ep = ep.WithoutSecrets()
	ep.Headers = headers
	return ep
}
