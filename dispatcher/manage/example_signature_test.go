package manage_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

// A receiver that expects GitHub's signatures keeps its secret, and later moves to
// Standard Webhooks: for an hour it gets both signatures.
func ExampleManager_ImportEndpoint() {
	ctx := context.Background()
	m, _ := newManager()

	ep, _, err := m.ImportEndpoint(ctx, webhook.Endpoint{
		Tenant: "acme", URL: "https://acme.example/hooks",
		Signature: webhook.Signature{Scheme: webhook.SchemeGitHub},
	}, "It's a Secret to Everybody")
	if err != nil {
		log.Fatal(err)
	}
	_, err = m.RotateSecret(ctx, "acme", ep.ID, manage.Rotation{
		Signature: webhook.Signature{Scheme: webhook.SchemeV1}, Overlap: time.Hour,
	})
	if err != nil {
		log.Fatal(err)
	}
	secrets, err := m.Secrets(ctx, "acme", ep.ID)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range secrets {
		fmt.Println(s.Signature, "ends:", !s.Until.IsZero())
	}
	// Output:
	// v1 ends: false
	// github ends: true
}

// remoteKey signs in a KMS. This one stands for it.
type remoteKey struct{ key ed25519.PrivateKey }

func (k remoteKey) Sign(_ context.Context, id string, at time.Time, body []byte) (string, error) {
	content, err := signer.SignedContent(id, at, body)
	if err != nil {
		return "", err
	}
	return signer.TokenV1a(ed25519.Sign(k.key, content)), nil // a call of the KMS, with ctx
}

func (k remoteKey) Public() signer.PublicKey {
	public, _ := signer.NewPublicKey(k.key.Public().(ed25519.PublicKey))
	return public
}

// The key stays in a KMS; the store has its name there.
func ExampleManager_CreateEndpointWithKey() {
	ctx := context.Background()
	d, err := dispatcher.New(memstore.New(), dispatcher.Config{
		ExternalSigner: func(_ context.Context, tenant, reference string) (signer.Signer, error) {
			if tenant != "acme" || reference != "kms/acme/1" { // nobody uses another tenant's key
				return nil, signer.ErrNoKey
			}
			return remoteKey{ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}, nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	m := manage.New(d)
	ep, public, err := m.CreateEndpointWithKey(ctx, webhook.Endpoint{
		Tenant: "acme", URL: "https://acme.example/hooks",
		Signature: webhook.Signature{Scheme: webhook.SchemeV1a},
	}, "kms/acme/1")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(public.Reveal())

	keys, err := m.PublicKeys(ctx, "acme", ep.ID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(keys.Keys[0].Algorithm, keys.Keys[0].X)
	// Output:
	// whpk_O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik=
	// EdDSA O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik
}

// Receivers verify with a public key: nothing that they have can sign.
func ExampleManager_PublicKeys() {
	ctx := context.Background()
	m, _ := newManager()
	ep, public, err := m.CreateEndpoint(ctx, webhook.Endpoint{
		Tenant: "acme", URL: "https://acme.example/hooks",
		Signature: webhook.Signature{Scheme: webhook.SchemeV1a}, // Ed25519
	})
	if err != nil {
		log.Fatal(err)
	}
	v, err := signer.NewVerifier(public.Reveal()) // "whpk_…", for package signer
	fmt.Println("a verifier:", v != nil, err)

	keys, err := m.PublicKeys(ctx, "acme", ep.ID) // a JWKS, for all others
	if err != nil {
		log.Fatal(err)
	}
	for _, k := range keys.Keys {
		fmt.Println(k.KeyType, k.Curve, k.Algorithm, k.Use)
	}
	// Output:
	// a verifier: true <nil>
	// OKP Ed25519 EdDSA sig
}

// A receiver's developers find out why a request does not verify: here their framework has
// parsed the body and written it anew.
func ExampleManager_VerifySignature() {
	ctx := context.Background()
	m, _ := newManager()
	var header http.Header
	var body []byte
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		header = r.Header
		body, _ = io.ReadAll(r.Body)
	}))
	defer srv.Close()
	ep := subscribe(m, webhook.Endpoint{URL: srv.URL})
	if _, err := m.TestEndpoint(ctx, "acme", ep.ID, manage.Test{}); err != nil {
		log.Fatal(err)
	}

	got, err := m.VerifySignature(ctx, "acme", ep.ID, header, body)
	fmt.Println("as it arrived:", got.Valid, err)
	var spaced bytes.Buffer
	if err := json.Indent(&spaced, body, "", "  "); err != nil {
		log.Fatal(err)
	}
	got, err = m.VerifySignature(ctx, "acme", ep.ID, header, spaced.Bytes())
	fmt.Println(got.Reason, err)
	fmt.Println(got.Message)
	// Output:
	// as it arrived: true <nil>
	// body_changed <nil>
	// The body is not the one that was signed: verify the bytes as they came, before anything parses or formats them.
}
