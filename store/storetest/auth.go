package storetest

import (
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// auths has a setting in every field of every type of authentication.
var auths = []webhook.Auth{
	{Type: webhook.AuthAPIKey, Header: "X-Token"},
	{Type: webhook.AuthBasic, Username: "büro"},
	{Type: webhook.AuthBearer},
	{Type: webhook.AuthJWT, JWT: webhook.JWT{
		Algorithm: webhook.JWTES256, KeyID: "k1", Issuer: "us", Subject: "them", Audience: "https://them.example", Lifetime: 90 * time.Second,
	}},
	{Type: webhook.AuthOAuth2, OAuth2: webhook.OAuth2{
		TokenURL: "https://login.example/token", ClientID: "c1", Scopes: []string{"hooks:write", "x"}, Audience: "them", Style: webhook.OAuth2Post,
	}},
	{Type: webhook.AuthCustom, Scheme: "house", Params: map[string]string{"region": "eu"}},
}

// tlsSettings has a setting in every field that is not secret.
var tlsSettings = webhook.TLS{
	MinVersion: webhook.TLS13, Authorities: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
	Pins:              []string{"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
	ClientFingerprint: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	ClientNotAfter:    time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC),
}

func endpointKeepsAuth(w *world) {
	for _, auth := range auths {
		rec := w.newEndpoint(acme)
		rec.Auth, rec.TLS = auth, tlsSettings
		got, err := w.store.CreateEndpoint(w.ctx, w.now, rec, w.newSecret(acme, rec.ID), store.Creation{})
		w.must(err, "CreateEndpoint")
		w.keepsAuth("CreateEndpoint", got, auth, tlsSettings)

		got.Auth.Params, got.Auth.OAuth2.Scopes = nil, nil
		got.TLS = webhook.TLS{MinVersion: webhook.TLS12}
		want := got.Clone()
		w.touch(got)
		got, err = w.store.Endpoint(w.ctx, acme, rec.ID)
		w.must(err, "Endpoint")
		w.keepsAuth("UpdateEndpoint", got, want.Auth, want.TLS)
	}
}

func (w *world) keepsAuth(call string, got store.EndpointRecord, auth webhook.Auth, tls webhook.TLS) {
	want := got
	want.Auth, want.TLS = auth, tls
	if !same(got, want) {
		w.t.Errorf("after %s: authentication %+v and TLS %+v; want %+v and %+v: deliveries would be refused, or go to whom they should not",
			call, got.Auth, got.TLS, auth, tls)
	}
	read, err := w.store.Endpoint(w.ctx, got.Tenant, got.ID)
	w.must(err, "Endpoint")
	if !same(read, got) {
		w.t.Errorf("Endpoint after %s = %+v; want %+v", call, read, got)
	}
}

func endpointKeepsNoSecrets(w *world) {
	secret := webhook.NewCredential("canary")
	careless := w.newEndpoint(acme)
	careless.Headers = map[string]string{"X-Key": "canary"}
	careless.Auth = webhook.Auth{Type: webhook.AuthBearer, Secret: secret}
	careless.TLS.ClientCertificate, careless.TLS.ClientKey = secret, secret
	created, err := w.store.CreateEndpoint(w.ctx, w.now, careless, w.newSecret(acme, careless.ID), store.Creation{})
	w.must(err, "CreateEndpoint")
	careless.Version = created.Version
	updated := w.touch(careless)
	read, err := w.store.Endpoint(w.ctx, acme, careless.ID)
	w.must(err, "Endpoint")
	for call, got := range map[string]store.EndpointRecord{"CreateEndpoint": created, "UpdateEndpoint": updated, "Endpoint": read} {
		if len(got.Headers) > 0 || !got.Auth.Secret.IsZero() || !got.TLS.ClientCertificate.IsZero() || !got.TLS.ClientKey.IsZero() {
			w.t.Errorf("%s of an endpoint that was given with its secrets returns some: they would be kept unsealed", call)
		}
	}
}

func endpointDeletionForgetsSecrets(w *world) {
	rec := w.newEndpoint(acme)
	rec.Sealed = []byte("sealed")
	_, err := w.store.CreateEndpoint(w.ctx, w.now, rec, w.newSecret(acme, rec.ID), store.Creation{})
	w.must(err, "CreateEndpoint")
	w.must(w.store.DeleteEndpoint(w.ctx, w.now, acme, rec.ID), "DeleteEndpoint")
	eps, err := w.store.EngineEndpoints(w.ctx, []store.Lane{{Tenant: acme, Endpoint: rec.ID}})
	w.must(err, "EngineEndpoints")
	if len(eps) != 1 || !eps[0].Deleted() || len(eps[0].Sealed) > 0 {
		w.t.Errorf("EngineEndpoints of a deleted endpoint = %+v; want a tombstone without credentials", eps)
	}
}
