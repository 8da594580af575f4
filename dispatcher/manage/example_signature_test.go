package manage_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"log"
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
