package manage_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/webhook"
)

// queues is a scheme whose topics belong to the tenants that they are named after.
type queues struct{ transport.TransportFunc }

func (queues) CheckURL(tenant, raw string) (string, error) {
	if raw = strings.ToLower(raw); strings.HasPrefix(raw, "queue://"+tenant+"/") {
		return raw, nil
	}
	return "", webhook.Invalid("url", webhook.CodeURLNotAllowed, "Endpoint address is not allowed.")
}

func queueWorld(t *testing.T) *world {
	t.Helper()
	taken := transport.TransportFunc(func(_ context.Context, req *transport.Request) (*transport.Response, error) {
		if !strings.HasPrefix(req.URL, "queue://acme/") || req.Scope != (guard.Scope{}) {
			return nil, &transport.Error{Class: webhook.ClassBlockedAddress}
		}
		return &transport.Response{StatusCode: 202}, nil
	})
	nowhere, err := guard.NewList([]string{"192.0.2.0/24"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return newWorldWith(t, dispatcher.Config{
		OwnershipCheck: true, TenantList: func(string) *guard.List { return nowhere },
		Schemes: map[string]transport.Scheme{"queue": queues{taken}},
	})
}

// TestEndpointsOfAScheme creates, tests and moves an endpoint whose URL is of a scheme that
// the host has registered: lists of addresses and the check of ownership are not about it.
func TestEndpointsOfAScheme(t *testing.T) {
	t.Parallel()
	w := queueWorld(t)
	ep, _, err := w.CreateEndpoint(t.Context(), webhook.Endpoint{
		Tenant: "acme", URL: "QUEUE://acme/Orders", Auth: webhook.Auth{Type: webhook.AuthBearer, Secret: webhook.NewCredential("for-the-old-topic")},
	})
	if err != nil || ep.URL != "queue://acme/orders" {
		t.Fatalf("CreateEndpoint = %q, %v; want the normal form of the scheme", ep.URL, err)
	}
	if r, err := w.TestEndpoint(t.Context(), "acme", ep.ID, manage.Test{}); err != nil || !r.Delivered || r.StatusCode != 202 {
		t.Errorf("TestEndpoint = %+v, %v; want it taken", r, err)
	}
	ep, err = w.UpdateEndpoint(t.Context(), "acme", ep.ID, func(ep *webhook.Endpoint) error {
		ep.URL = "queue://acme/invoices"
		return nil
	})
	if err != nil || ep.Auth.Type != webhook.AuthNone {
		t.Errorf("UpdateEndpoint = %+v, %v; want another topic without the credentials of the first", ep.Auth, err)
	}
}

func TestSchemesRefuse(t *testing.T) {
	t.Parallel()
	w := queueWorld(t)
	for name, c := range map[string]struct {
		ep     webhook.Endpoint
		fields string
	}{
		"another tenant's topic": {webhook.Endpoint{URL: "queue://globex/orders"}, "url url_not_allowed"},
		"a scheme of nobody's":   {webhook.Endpoint{URL: "topic://acme/orders"}, "url url_invalid"},
		"a space":                {webhook.Endpoint{URL: "queue://acme/or ders"}, "url url_invalid"},
		"too long":               {webhook.Endpoint{URL: "queue://acme/" + strings.Repeat("x", guard.MaxURLLen)}, "url url_invalid"},
		"lists of addresses": {
			webhook.Endpoint{URL: "queue://acme/orders", AllowedIPs: []string{"192.0.2.1"}, DeniedIPs: []string{"192.0.2.2"}},
			"allowed_ips invalid_field, denied_ips invalid_field",
		},
		"TLS settings": {webhook.Endpoint{URL: "queue://acme/orders", TLS: webhook.TLS{MinVersion: webhook.TLS13}}, "tls invalid_field"},
		"tokens from a topic": {webhook.Endpoint{URL: "queue://acme/orders", Auth: webhook.Auth{
			Type: webhook.AuthOAuth2, Secret: webhook.NewCredential("a client's secret"), OAuth2: webhook.OAuth2{ClientID: "a", TokenURL: "queue://acme/tokens"},
		}}, "auth.oauth2.token_url url_invalid"},
	} {
		c.ep.Tenant = "acme"
		_, _, err := w.CreateEndpoint(t.Context(), c.ep)
		invalid, ok := errors.AsType[*webhook.InvalidError](err)
		if !ok {
			t.Errorf("%s: CreateEndpoint = %v; want it refused", name, err)
			continue
		}
		var got []string
		for _, f := range invalid.Fields {
			got = append(got, f.Field+" "+f.Code)
		}
		if fields := strings.Join(got, ", "); fields != c.fields {
			t.Errorf("%s: CreateEndpoint refuses %q; want %q", name, fields, c.fields)
		}
	}
}
