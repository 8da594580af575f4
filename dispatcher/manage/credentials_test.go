package manage_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/transport/auth/authtest"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// client returns the TLS settings of a new client certificate.
func client(t *testing.T) webhook.TLS {
	t.Helper()
	certificate, key := authtest.NewClientCertificate()
	return webhook.TLS{ClientCertificate: webhook.NewCredential(certificate), ClientKey: webhook.NewCredential(key)}
}

var (
	bearer = webhook.Auth{Type: webhook.AuthBearer, Secret: webhook.NewCredential("canary-token")}
	oauth  = webhook.Auth{
		Type: webhook.AuthOAuth2, Secret: webhook.NewCredential("canary-client-secret"),
		OAuth2: webhook.OAuth2{TokenURL: "https://LOGIN.example:443/token", ClientID: "c1"},
	}
)

// Credentials are in the database, sealed, and in no answer.
func TestCredentialsAreWriteOnly(t *testing.T) {
	w := newWorld(t)
	given := newEndpoint()
	given.Auth, given.TLS = bearer, client(t)
	created, _, err := w.CreateEndpoint(t.Context(), given)
	w.must(err, "CreateEndpoint")
	if created.Auth.Type != webhook.AuthBearer || len(created.TLS.ClientFingerprint) != 64 || created.TLS.ClientNotAfter.Year() != 2031 {
		t.Errorf("CreateEndpoint = %+v, %+v; want the type, and the client certificate's fingerprint and expiry", created.Auth, created.TLS)
	}
	read, err := w.Endpoint(t.Context(), acme, created.ID)
	w.must(err, "Endpoint")
	list, err := w.Endpoints(t.Context(), acme, store.Page{})
	w.must(err, "Endpoints")
	updated, err := w.UpdateEndpoint(t.Context(), acme, created.ID, func(ep *webhook.Endpoint) error {
		if !ep.SameSecrets(&webhook.Endpoint{}) {
			t.Errorf("UpdateEndpoint showed the change %+v, %+v; want no credentials", ep.Auth, ep.TLS)
		}
		ep.Description = "x"
		return nil
	})
	w.must(err, "UpdateEndpoint")
	paused, err := w.Pause(t.Context(), acme, created.ID)
	w.must(err, "Pause")
	for call, ep := range map[string]webhook.Endpoint{"CreateEndpoint": created, "Endpoint": read, "Endpoints": list[0], "UpdateEndpoint": updated, "Pause": paused} {
		if !ep.SameSecrets(&webhook.Endpoint{}) || ep.TLS.ClientFingerprint != created.TLS.ClientFingerprint {
			t.Errorf("%s returned %+v, %+v; want no credentials, and the fingerprint", call, ep.Auth, ep.TLS)
		}
	}
	stored, err := w.d.OpenEndpoint(t.Context(), w.record(created.ID))
	w.must(err, "OpenEndpoint")
	if !stored.SameSecrets(&given) {
		t.Error("the stored endpoint has other credentials than those that were given")
	}
	if rec := w.record(created.ID); strings.Contains(fmt.Sprintf("%+v", rec.Endpoint), "canary") || !rec.Endpoint.SameSecrets(&webhook.Endpoint{}) {
		t.Error("the record has credentials outside of what is sealed")
	}
}

func TestUpdateEndpointCredentials(t *testing.T) {
	const elsewhere = "https://evil.example/hooks"
	second := webhook.NewCredential("canary-second")
	renewed := client(t)
	none := webhook.Auth{}
	withSecret := func(a webhook.Auth, c webhook.Credential) webhook.Auth { a.Secret = c; return a }
	key := client(t)
	house := webhook.Auth{Type: webhook.AuthCustom, Scheme: "house"}
	for _, tt := range []struct {
		name   string
		before webhook.Auth
		change func(*webhook.Endpoint)
		auth   webhook.Auth // its type and secret
		client webhook.TLS
	}{
		{"something else", bearer, func(ep *webhook.Endpoint) { ep.Description = "x" }, bearer, key},
		{"the token", bearer, func(ep *webhook.Endpoint) { ep.Auth.Secret = second }, withSecret(bearer, second), key},
		{"what it looks like", bearer, func(ep *webhook.Endpoint) { ep.Auth.Secret = webhook.NewCredential(manage.Hidden) }, bearer, key},
		{"nothing left", bearer, func(ep *webhook.Endpoint) { ep.Auth, ep.TLS = none, webhook.TLS{} }, none, webhook.TLS{}},
		{"another type", bearer, func(ep *webhook.Endpoint) {
			ep.Auth = webhook.Auth{Type: webhook.AuthAPIKey, Secret: second}
		}, webhook.Auth{Type: webhook.AuthAPIKey, Secret: second}, key},
		{"another path", bearer, func(ep *webhook.Endpoint) { ep.URL = "https://ACME.example:443/other" }, bearer, key},
		{"another host", bearer, func(ep *webhook.Endpoint) { ep.URL = elsewhere }, none, webhook.TLS{}},
		{"another port", bearer, func(ep *webhook.Endpoint) { ep.URL = "https://acme.example:8443/hooks" }, none, webhook.TLS{}},
		{"another host and the token", bearer, func(ep *webhook.Endpoint) { ep.URL, ep.Auth.Secret = elsewhere, second }, withSecret(bearer, second), webhook.TLS{}},
		{"another host and the same token", bearer, func(ep *webhook.Endpoint) { ep.URL, ep.Auth.Secret = elsewhere, bearer.Secret }, bearer, webhook.TLS{}},
		{"another host and the certificate", bearer, func(ep *webhook.Endpoint) {
			ep.URL, ep.TLS.ClientCertificate, ep.TLS.ClientKey = elsewhere, renewed.ClientCertificate, renewed.ClientKey
		}, none, renewed},
		{"a new certificate", bearer, func(ep *webhook.Endpoint) {
			ep.TLS.ClientCertificate, ep.TLS.ClientKey = renewed.ClientCertificate, renewed.ClientKey
		}, bearer, renewed},
		{"no certificate", bearer, func(ep *webhook.Endpoint) { ep.TLS.ClientFingerprint = "" }, bearer, webhook.TLS{}},
		{"pins", bearer, func(ep *webhook.Endpoint) { ep.TLS.MinVersion = webhook.TLS13 }, bearer, key},
		{"another token path", oauth, func(ep *webhook.Endpoint) { ep.Auth.OAuth2.TokenURL = "https://login.example/v2" }, oauth, key},
		{"scopes", oauth, func(ep *webhook.Endpoint) { ep.Auth.OAuth2.Scopes = []string{"a"} }, oauth, key},
		{"another token host and the secret", oauth, func(ep *webhook.Endpoint) {
			ep.Auth.OAuth2.TokenURL, ep.Auth.Secret = "https://other.example/", second
		}, withSecret(oauth, second), key},
		{"a host with a scheme that has no secret", house, func(ep *webhook.Endpoint) { ep.URL = elsewhere }, house, webhook.TLS{}},
	} {
		w := newWorld(t)
		ep := newEndpoint()
		ep.Auth, ep.TLS = tt.before, key
		ep, _, err := w.CreateEndpoint(t.Context(), ep)
		w.must(err, "CreateEndpoint")
		got, err := w.UpdateEndpoint(t.Context(), acme, ep.ID, func(ep *webhook.Endpoint) error { tt.change(ep); return nil })
		w.must(err, "UpdateEndpoint: "+tt.name)
		stored, err := w.d.OpenEndpoint(t.Context(), w.record(ep.ID))
		w.must(err, "OpenEndpoint")
		want := webhook.Endpoint{Auth: tt.auth, TLS: tt.client}.WithDefaults()
		if stored.Auth.Type != tt.auth.Type || !stored.SameSecrets(&want) || stored.TLS.ClientFingerprint != want.TLS.ClientFingerprint {
			t.Errorf("after changing %s: authentication by %q, secret as wanted %t, client %q; want by %q, client %q", tt.name,
				stored.Auth.Type, stored.Auth.Secret.Equal(tt.auth.Secret), stored.TLS.ClientFingerprint, tt.auth.Type, want.TLS.ClientFingerprint)
		}
		if diff := cmp.Diff(stored.WithoutSecrets(), got); diff != "" {
			t.Errorf("UpdateEndpoint: %s: what was returned differs from what is stored:\n%s", tt.name, diff)
		}
	}
}

func TestUpdateEndpointRefusesCredentials(t *testing.T) {
	w := newWorld(t)
	ep := newEndpoint()
	ep.Auth, ep.TLS = oauth, client(t)
	ep, _, err := w.CreateEndpoint(t.Context(), ep)
	w.must(err, "CreateEndpoint")
	if got := ep.Auth.OAuth2.TokenURL; got != "https://login.example/token" {
		t.Errorf("token URL = %s; want it in normal form", got)
	}
	for _, tt := range []badEndpoint{
		{"another token host", func(ep *webhook.Endpoint) { ep.Auth.OAuth2.TokenURL = "https://evil.example/token" }, []string{"auth.secret invalid_field"}},
		{"token URL inside", func(ep *webhook.Endpoint) { ep.Auth.OAuth2.TokenURL = "https://169.254.169.254/" }, []string{"auth.oauth2.token_url url_not_allowed", "auth.secret invalid_field"}},
		{"no token URL", func(ep *webhook.Endpoint) { ep.Auth.OAuth2.TokenURL = "" }, []string{"auth.oauth2.token_url url_invalid", "auth.secret invalid_field"}},
		{"another type without a secret", func(ep *webhook.Endpoint) { ep.Auth = webhook.Auth{Type: webhook.AuthBearer} }, []string{"auth.secret invalid_field"}},
		{"a scheme that nobody has registered", func(ep *webhook.Endpoint) {
			ep.Auth = webhook.Auth{Type: webhook.AuthCustom, Scheme: "canary-input"}
		}, []string{"auth.scheme invalid_field"}},
		{"another fingerprint", func(ep *webhook.Endpoint) { ep.TLS.ClientFingerprint = "canary-input" }, []string{"tls.client_fingerprint invalid_field"}},
		{"another expiry", func(ep *webhook.Endpoint) { ep.TLS.ClientNotAfter = time.Now() }, []string{"tls.client_fingerprint invalid_field"}},
		{"half a certificate", func(ep *webhook.Endpoint) { ep.TLS.ClientCertificate = client(t).ClientCertificate }, []string{"tls.client_key invalid_field"}},
	} {
		_, err := w.UpdateEndpoint(t.Context(), acme, ep.ID, func(ep *webhook.Endpoint) error { tt.change(ep); return nil })
		wantFields(t, "UpdateEndpoint: "+tt.name, err, tt.want...)
	}
	hidden := newEndpoint()
	hidden.Auth = webhook.Auth{Type: webhook.AuthBearer, Secret: webhook.NewCredential(manage.Hidden)}
	_, _, err = w.CreateEndpoint(t.Context(), hidden)
	wantFields(t, "CreateEndpoint with what a secret looks like", err, "auth.secret invalid_field")
	hidden.Auth, hidden.TLS.ClientFingerprint = webhook.Auth{}, ep.TLS.ClientFingerprint
	_, _, err = w.CreateEndpoint(t.Context(), hidden)
	wantFields(t, "CreateEndpoint with a fingerprint", err, "tls.client_fingerprint invalid_field")
}
