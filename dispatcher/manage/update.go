package manage

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// errNoChange is returned by UpdateEndpoint without a function.
var errNoChange = errors.New("update endpoint: there is no change function")

// UpdateEndpoint lets change alter an endpoint and stores the result, which it
// returns. A field that change sets to its zero value gets its default, and what
// belongs to a limit, batch or order that it turns off goes with it; if nothing is
// different in the end, nothing is written.
//
// If somebody else was faster, change is called again with what they left: it
// must do nothing but alter its argument. An error of change is returned as it
// is, and nothing is written; a change that was meant for one version compares
// Version and returns store.ErrVersion.
//
// Headers have Hidden for values. A header that is left so keeps its value, and
// one with any other value was sent anew. Auth has no Secret: left without, it keeps
// the one it has, unless its type, algorithm or scheme changes or the token URL
// moves to another host; set to its zero value, it and its secret are gone. TLS has
// no client certificate and key: left without, they are kept as long as
// ClientFingerprint is there.
//
// If the URL moves to another host or port, or from https to http, what was not
// sent anew of headers, authentication and client certificate is dropped, because
// the new receiver must not see it.
//
// What is the library's cannot be changed, neither can Tenant. Status is changed
// by Pause and Resume, Signature by RotateSecret. Errors are
// *webhook.InvalidError, which names every field at fault, and
// store.ErrNotFound; and ErrTestLimit, if Config.OwnershipCheck is set and the URL
// moves.
func (m *Manager) UpdateEndpoint(ctx context.Context, tenant, id string, change func(*webhook.Endpoint) error) (webhook.Endpoint, error) {
	if change == nil {
		return webhook.Endpoint{}, errNoChange
	}
	if err := known(webhook.PrefixEndpoint, tenant, id); err != nil {
		return webhook.Endpoint{}, err
	}
	var headers map[string]string // with Hidden for values
	moved := false
	rec, err := m.d.UpdateEndpoint(ctx, tenant, id, func(rec *store.EndpointRecord) error {
		before, err := m.d.OpenEndpoint(ctx, *rec)
		if err != nil {
			return fmt.Errorf("update endpoint: %w", err)
		}
		headers = hide(before.Headers)
		ep := shown(before.Clone())
		if err := change(&ep); err != nil {
			return err
		}
		if ep, err = m.changedEndpoint(before, ep); err != nil {
			m.refusedURL(tenant, id, err)
			return err
		}
		moved = otherHost(before.URL, ep.URL)
		headers = hide(ep.Headers)
		if err := m.replace(ctx, rec, before, ep); err != nil || !moved {
			return err
		}
		return m.verifyMoved(ctx, *rec)
	})
	if err != nil {
		return webhook.Endpoint{}, err
	}
	if moved {
		m.incident(tenant, webhook.IncidentEndpointChurn, "")
	}
	updated := rec.Endpoint
	updated.Headers = headers
	return updated, nil
}

// replace makes ep of the record that was before, or returns
// dispatcher.ErrUnchanged. Secrets that stay are not sealed anew.
func (m *Manager) replace(ctx context.Context, rec *store.EndpointRecord, before, ep webhook.Endpoint) error {
	kept := before.SameSecrets(&ep)
	if kept && reflect.DeepEqual(plain(before), plain(ep)) {
		return dispatcher.ErrUnchanged
	}
	if kept {
		rec.Endpoint = ep.WithoutSecrets()
		return nil
	}
	sealed, err := m.d.SealEndpoint(ctx, ep)
	if err != nil {
		return fmt.Errorf("update endpoint: %w", err)
	}
	*rec = sealed
	return nil
}

// plain returns an endpoint without secrets in which nil and empty are the same
// where they mean the same. An empty subscription is not one to everything.
func plain(ep webhook.Endpoint) webhook.Endpoint {
	ep = ep.WithDefaults().WithoutSecrets()
	if len(ep.Labels) == 0 {
		ep.Labels = nil
	}
	if len(ep.Auth.Params) == 0 {
		ep.Auth.Params = nil
	}
	if len(ep.Auth.OAuth2.Scopes) == 0 {
		ep.Auth.OAuth2.Scopes = nil
	}
	if len(ep.TLS.Pins) == 0 {
		ep.TLS.Pins = nil
	}
	if len(ep.Metadata) == 0 {
		ep.Metadata = nil
	}
	if len(ep.Sources) == 0 {
		ep.Sources = nil
	}
	if len(ep.Channels) == 0 {
		ep.Channels = nil
	}
	if len(ep.Anonymize) == 0 {
		ep.Anonymize = nil
	}
	if len(ep.AllowedIPs) == 0 {
		ep.AllowedIPs = nil
	}
	if len(ep.DeniedIPs) == 0 {
		ep.DeniedIPs = nil
	}
	if len(ep.SuccessStatuses) == 0 {
		ep.SuccessStatuses = nil
	}
	if len(ep.EventTypes) == 0 {
		ep.EventTypes = []string{}
	}
	return ep
}
