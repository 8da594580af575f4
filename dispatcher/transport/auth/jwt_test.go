package auth_test

import (
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher/transport/auth"
	"github.com/postrider/postrider/dispatcher/transport/auth/authtest"
	"github.com/postrider/postrider/webhook"
)

var algorithms = []webhook.JWTAlgorithm{webhook.JWTHS256, webhook.JWTRS256, webhook.JWTES256, webhook.JWTEdDSA}

// A token of each algorithm passes a verifier that was written apart from it, says
// what the endpoint wants it to, and is good for its body and its time alone.
func TestJWT(t *testing.T) {
	a := newAuthenticator(nil)
	for _, alg := range algorithms {
		secret, public := authtest.NewKey(string(alg))
		_, other := authtest.NewKey(string(alg))
		c := auth.NewCredentials(endpoint(webhook.Auth{
			Type: webhook.AuthJWT, Secret: webhook.NewCredential(secret),
			JWT: webhook.JWT{Algorithm: alg, KeyID: "k1", Issuer: "us", Subject: "them", Audience: "hooks", Lifetime: 2 * time.Minute},
		}))
		seen := make(map[string]bool)
		for range 2 {
			began := time.Now()
			set, err := a.Authenticate(t.Context(), c, delivery(`{"a":1}`))
			if err != nil || len(set) != 1 {
				t.Fatalf("%s: Authenticate = %d headers, %v; want Authorization", alg, len(set), err)
			}
			token := set.Get("Authorization")[len("Bearer "):]
			got, err := authtest.VerifyJWT(token, public, []byte(`{"a":1}`), time.Now())
			if err != nil {
				t.Errorf("%s: VerifyJWT = %v; want a good token", alg, err)
			}
			if got.Issuer != "us" || got.Subject != "them" || got.Audience != "hooks" || got.KeyID != "k1" || seen[got.ID] || got.ID == "" {
				t.Errorf("%s: claims = %+v; want the endpoint's, and an id of its own", alg, got)
			}
			if got.Expires.Sub(got.IssuedAt) != 2*time.Minute || got.IssuedAt.Before(began.Add(-time.Second)) || got.IssuedAt.After(time.Now()) {
				t.Errorf("%s: token from %s to %s; want two minutes from now", alg, got.IssuedAt, got.Expires)
			}
			seen[got.ID] = true
			for name, err := range map[string]error{
				"another key":  second(authtest.VerifyJWT(token, other, []byte(`{"a":1}`), time.Now())),
				"another body": second(authtest.VerifyJWT(token, public, []byte(`{"a":2}`), time.Now())),
				"too late":     second(authtest.VerifyJWT(token, public, []byte(`{"a":1}`), time.Now().Add(3*time.Minute))),
			} {
				if err == nil {
					t.Errorf("%s: a token is taken with %s; want it refused", alg, name)
				}
			}
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestJWTDefaults(t *testing.T) {
	secret, public := authtest.NewKey("EdDSA")
	c := auth.NewCredentials(endpoint(webhook.Auth{
		Type: webhook.AuthJWT, Secret: webhook.NewCredential(secret), JWT: webhook.JWT{Algorithm: webhook.JWTEdDSA},
	}))
	set, err := newAuthenticator(nil).Authenticate(t.Context(), c, delivery(``))
	if err != nil {
		t.Fatal(err)
	}
	got, err := authtest.VerifyJWT(set.Get("Authorization")[len("Bearer "):], public, nil, time.Now())
	if err != nil || got.Issuer != "postrider" || got.Subject != endpointID || got.Audience != "https://a.example" || got.KeyID != "" {
		t.Errorf("claims = %+v, %v; want the library, the endpoint and its origin", got, err)
	}
	if got.Expires.Sub(got.IssuedAt) != 5*time.Minute {
		t.Errorf("life = %s; want five minutes", got.Expires.Sub(got.IssuedAt))
	}
}

// A key that cannot be used, which no endpoint that was checked has, fails each
// attempt and quotes nothing.
func TestJWTKeyThatCannotBeRead(t *testing.T) {
	c := auth.NewCredentials(endpoint(webhook.Auth{
		Type: webhook.AuthJWT, Secret: webhook.NewCredential("canary"), JWT: webhook.JWT{Algorithm: webhook.JWTRS256},
	}))
	if set, err := newAuthenticator(nil).Authenticate(t.Context(), c, delivery(``)); err == nil || len(set) > 0 || err.Error() != "key of the JWTs: not a private key in PEM" {
		t.Errorf("Authenticate = %v, %v; want an error that does not quote the key", set, err)
	}
}

func BenchmarkJWT(b *testing.B) {
	a := newAuthenticator(nil)
	for _, alg := range algorithms {
		secret, _ := authtest.NewKey(string(alg))
		c := auth.NewCredentials(endpoint(webhook.Auth{Type: webhook.AuthJWT, Secret: webhook.NewCredential(secret), JWT: webhook.JWT{Algorithm: alg}}))
		req := delivery(`{"a":1}`)
		b.Run(string(alg), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.Authenticate(b.Context(), c, req); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
