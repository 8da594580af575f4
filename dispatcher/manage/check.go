package manage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/postrider/postrider/webhook"
)

// CheckEndpoint returns nil, or the *webhook.InvalidError that CreateEndpoint would return
// for an endpoint. It asks nobody: neither the receiver, nor how many endpoints there may be.
func (m *Manager) CheckEndpoint(_ context.Context, ep webhook.Endpoint) error {
	_, err := m.newEndpoint(ep, nil)
	return err
}

// newEndpoint checks what a caller gave to be created and fills in defaults.
// secretErr is what is wrong with the secret that came with it, or nil. The
// error names every field at fault.
func (m *Manager) newEndpoint(ep webhook.Endpoint, secretErr error) (webhook.Endpoint, error) {
	ep = ep.Clone()
	dropHidden(&ep)
	inv := m.normalize(&ep)
	m.check(&ep, inv)
	inv.Fields = append(inv.Fields, fieldsOf(secretErr)...)
	if _, ok := keepHidden(ep.Headers, nil); !ok {
		inv.Fields = append(inv.Fields, nothingHidden)
	}
	if !sameClient(&ep.TLS, &webhook.TLS{}) {
		inv.Fields = append(inv.Fields, clientSet)
	}
	for _, field := range differing(&ep, &webhook.Endpoint{Tenant: ep.Tenant}) {
		inv.Add(field, webhook.CodeInvalidField, "Is set by the library; leave it empty.")
	}
	return ep.WithDefaults(), inv.Err()
}

// changedEndpoint checks what before was changed to and fills in defaults.
// Headers and credentials that were kept get their values back, unless the URL
// moved to another host. The error names every field at fault.
func (m *Manager) changedEndpoint(before, ep webhook.Endpoint) (webhook.Endpoint, error) {
	given := ep.Headers
	fixed := differing(&ep, &before)
	turnOff(&before, &ep)
	ep = ep.Clone()
	dropHidden(&ep)
	ep = ep.WithDefaults()
	ep.CreatedAt, ep.UpdatedAt = before.CreatedAt, before.UpdatedAt // to the letter, time zones too
	headers, ok := keepHidden(given, before.Headers)
	ep.Headers = headers
	inv := m.normalize(&ep)
	keepCredentials(&before, &ep)
	m.check(&ep, inv)
	if !ok {
		inv.Fields = append(inv.Fields, nothingHidden)
	}
	if ep.TLS.ClientCertificate.IsZero() && ep.TLS.ClientFingerprint != "" {
		inv.Fields = append(inv.Fields, clientSet)
	}
	if ep.Status != before.Status {
		inv.Add("status", webhook.CodeInvalidField, "Is changed by pausing and resuming.")
	}
	if ep.Signature != before.Signature {
		inv.Add("signature", webhook.CodeInvalidField, "Is changed by rotating the secret.")
	}
	for _, field := range fixed {
		inv.Add(field, webhook.CodeInvalidField, "Cannot be changed.")
	}
	if otherHost(before.URL, ep.URL) {
		maps.DeleteFunc(ep.Headers, func(name, _ string) bool { return given[name] == Hidden })
	}
	return ep, inv.Err()
}

// fieldTokenURL is judged by the guard like the URL.
const fieldTokenURL = "auth.oauth2.token_url"

// normalize brings an endpoint's URLs into their normal form and returns what is
// wrong with them.
func (m *Manager) normalize(ep *webhook.Endpoint) *webhook.InvalidError {
	inv := new(webhook.InvalidError)
	ep.URL = normalizeURL(inv, "url", *ep, m.d.CheckURL)
	if m.d.HasScheme(ep.URL) {
		refuseAddresses(inv, ep)
	}
	if ep.Auth.Type == webhook.AuthOAuth2 { // the endpoint's own lists are about its address alone
		tokens := webhook.Endpoint{Tenant: ep.Tenant, URL: ep.Auth.OAuth2.TokenURL}
		ep.Auth.OAuth2.TokenURL = normalizeURL(inv, fieldTokenURL, tokens, m.d.CheckHTTPURL)
	}
	return inv
}

// refuseAddresses adds what an endpoint cannot have whose URL is no address.
func refuseAddresses(inv *webhook.InvalidError, ep *webhook.Endpoint) {
	for _, f := range []struct {
		field string
		has   bool
	}{{"allowed_ips", len(ep.AllowedIPs) > 0}, {"denied_ips", len(ep.DeniedIPs) > 0}, {"tls", !ep.TLS.IsZero()}} {
		if f.has {
			inv.Add(f.field, webhook.CodeInvalidField, "Must be empty for a URL of this scheme.")
		}
	}
}

// normalizeURL returns the normal form of an endpoint's URL, or adds what is wrong
// with it and returns it as it is.
func normalizeURL(inv *webhook.InvalidError, field string, ep webhook.Endpoint, check func(webhook.Endpoint) (string, error)) string {
	normal, err := check(ep)
	for _, f := range fieldsOf(err) {
		inv.Add(field, f.Code, f.Message)
	}
	if err != nil {
		return ep.URL
	}
	return normal
}

// check adds every other field at fault.
func (m *Manager) check(ep *webhook.Endpoint, inv *webhook.InvalidError) {
	urls := len(inv.Fields)
	for _, f := range fieldsOf(ep.Validate()) {
		if !slices.ContainsFunc(inv.Fields[:urls], func(u webhook.FieldError) bool { return u.Field == f.Field }) { // one error about each is enough
			inv.Fields = append(inv.Fields, f)
		}
	}
	if len(ep.Filter) <= webhook.MaxExpressionLen && len(ep.Transform) <= webhook.MaxExpressionLen { // what is longer was refused, and is not looked at
		inv.Fields = append(inv.Fields, fieldsOf(m.d.CheckExpressions(ep))...)
	}
	if ep.Auth.Type == webhook.AuthCustom && ep.Auth.Scheme != "" && !m.d.KnowsAuthScheme(ep.Auth.Scheme) {
		inv.Add("auth.scheme", webhook.CodeInvalidField, "Must be the name of a scheme that is registered.")
	}
	if most := m.d.Retention().Deliveries; ep.DeadLetter.Retain > most {
		inv.Add("dead_letter.retain_days", webhook.CodeInvalidField,
			fmt.Sprintf("Must be at most %d days, which is how long deliveries are kept.", most/(24*time.Hour)))
	}
}

// turnOff takes away what belongs to a part of the configuration that is turned
// off, if it is as it was: it says nothing any more, and the defaults that were
// filled in must not stand in the way.
func turnOff(before, ep *webhook.Endpoint) {
	if ep.RateLimit.PerSecond == 0 && ep.RateLimit.Burst == before.RateLimit.Burst {
		ep.RateLimit.Burst = 0
	}
	if ep.Batch.MaxEvents == 0 && ep.Batch.MaxWait == before.Batch.MaxWait {
		ep.Batch.MaxWait = 0
	}
	if !ep.Order.Enabled && ep.Order.OnFailure == before.Order.OnFailure {
		ep.Order.OnFailure = ""
	}
}

// fieldsOf returns what an *InvalidError says.
func fieldsOf(err error) []webhook.FieldError {
	inv, ok := errors.AsType[*webhook.InvalidError](err)
	if !ok {
		return nil
	}
	return inv.Fields
}

// differing returns the fields that are the library's and not the same in both.
func differing(a, b *webhook.Endpoint) (fields []string) {
	for _, f := range []struct {
		name string
		same bool
	}{
		{"id", a.ID == b.ID},
		{"tenant", a.Tenant == b.Tenant},
		{"status_reason", a.StatusReason == b.StatusReason && a.PauseCause == b.PauseCause},
		{"revision", a.Revision == b.Revision},
		{"version", a.Version == b.Version},
		{"created_at", a.CreatedAt.Equal(b.CreatedAt)},
		{"updated_at", a.UpdatedAt.Equal(b.UpdatedAt)},
		{"deleted_at", a.DeletedAt.Equal(b.DeletedAt)},
	} {
		if !f.same {
			fields = append(fields, f.name)
		}
	}
	return fields
}
