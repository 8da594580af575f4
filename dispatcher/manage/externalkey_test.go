package manage_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// kms holds a key of acme's that does not leave it, and counts what it signs.
type kms struct {
	key   ed25519.PrivateKey
	calls atomic.Int64
	fails atomic.Pointer[error]
	hangs atomic.Bool
	token atomic.Pointer[func([]byte) string]
}

const keyName = "arn:kms:acme/signing-key"

func newKMS() *kms {
	k := &kms{key: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}
	k.makes(signer.TokenV1a)
	return k
}

// makes says how the KMS makes a token of a signature.
func (k *kms) makes(token func([]byte) string) { k.token.Store(&token) }

// find is dispatcher.Config's ExternalSigner.
func (k *kms) find(_ context.Context, tenant, reference string) (signer.Signer, error) {
	switch {
	case reference == "down":
		return nil, errors.New("KMS is down")
	case reference == "nothing":
		return nil, nil
	case reference == "v1 only":
		return nil, signer.ErrNoKey
	case reference == "private":
		return struct{ signer.Signer }{k}, nil // its public key is not known
	case tenant != acme || reference != keyName:
		return nil, signer.ErrNoKey
	}
	return k, nil
}

func (k *kms) Public() signer.PublicKey {
	public, err := signer.NewPublicKey(k.key.Public().(ed25519.PublicKey))
	if err != nil {
		panic(err)
	}
	return public
}

func (k *kms) Sign(ctx context.Context, id string, at time.Time, body []byte) (string, error) {
	k.calls.Add(1)
	if err := k.fails.Load(); err != nil {
		return "", *err
	}
	if k.hangs.Load() {
		<-ctx.Done()
		return "", ctx.Err()
	}
	content, err := signer.SignedContent(id, at, body)
	if err != nil {
		return "", err
	}
	return (*k.token.Load())(ed25519.Sign(k.key, content)), nil
}

// external is an endpoint whose key is in the KMS.
func external(t *testing.T, k *kms) (*world, webhook.Endpoint, manage.Secret) {
	t.Helper()
	w := newWorldWith(t, dispatcher.Config{ExternalSigner: k.find})
	ep := newEndpoint()
	ep.Signature, ep.EventTypes = v1a, nil
	ep, secret, err := w.CreateEndpointWithKey(t.Context(), ep, keyName)
	w.must(err, "CreateEndpointWithKey")
	return w, ep, secret
}

func TestExternalKeySigns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKMS()
		w, ep, secret := external(t, k)
		if got, want := secret.Reveal(), k.Public().String(); got != want {
			t.Errorf("the secret shown = %q; want the public key %q", got, want)
		}
		if n := k.calls.Load(); n != 0 {
			t.Errorf("creating an endpoint asked the KMS for %d signatures; want none", n)
		}
		stop := w.run()
		defer stop()
		if d := w.publish(); d.Status != webhook.DeliveryDelivered {
			t.Errorf("delivery is %s; want delivered", d.Status)
		}
		v, err := signer.NewVerifier(secret.Reveal())
		w.must(err, "NewVerifier")
		w.must(v.Verify(w.last().Header, w.last().Body), "Verify")
		if n := k.calls.Load(); n != 1 {
			t.Errorf("a delivery asked the KMS for %d signatures; want 1", n)
		}
		for _, rec := range must(w.store.Secrets(t.Context(), acme, ep.ID))(t) {
			if strings.Contains(string(rec.Sealed), "whsk_") || !strings.Contains(string(rec.Sealed), keyName) {
				t.Errorf("the store has %q; want the key's reference and no key", rec.Sealed)
			}
		}
	})
}

// must returns a function that returns the value of a call, or fails the test.
func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// While the KMS cannot sign nothing is sent, least of all unsigned, and every
// attempt is one that is made again.
func TestExternalKeyThatFails(t *testing.T) {
	down := errors.New("KMS is down")
	for name, tt := range map[string]struct {
		spoil, mend func(k *kms)
	}{
		"down":                               {func(k *kms) { k.fails.Store(&down) }, func(k *kms) { k.fails.Store(nil) }},
		"hangs until the attempt's deadline": {func(k *kms) { k.hangs.Store(true) }, func(k *kms) { k.hangs.Store(false) }},
		"signs in another scheme": {
			func(k *kms) { k.makes(func([]byte) string { return "v1,AAAA" }) },
			func(k *kms) { k.makes(signer.TokenV1a) },
		},
		"panics": {func(k *kms) { k.makes(nil) }, func(k *kms) { k.makes(signer.TokenV1a) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKMS()
				w, _, _ := external(t, k)
				tt.spoil(k)
				stop := w.run()
				defer stop()
				d := w.publish()
				time.Sleep(30 * time.Second) // two deadlines
				attempts := must(w.store.Attempts(t.Context(), acme, d.ID))(t)
				if len(attempts) < 1 || attempts[0].Class != webhook.ClassInternal || attempts[0].NextAt.IsZero() {
					t.Fatalf("attempts without a signature = %+v; want class internal, to be repeated", attempts)
				}
				if got := attempts[0].Timings.Total; got > 16*time.Second {
					t.Errorf("the attempt took %s; want its 15 seconds at most", got)
				}
				w.mu.Lock()
				if n := len(w.requests); n != 0 {
					t.Errorf("%d requests went out without a signature", n)
				}
				w.mu.Unlock()
				tt.mend(k)
				time.Sleep(10 * time.Minute)
				if d = must(w.store.Delivery(t.Context(), acme, d.ID))(t); d.Status != webhook.DeliveryDelivered {
					t.Errorf("delivery after the KMS came back is %s; want delivered", d.Status)
				}
			})
		})
	}
}

func TestExternalKeyRefused(t *testing.T) {
	k := newKMS()
	w := newWorldWith(t, dispatcher.Config{ExternalSigner: k.find})
	create := func(w *world, tenant string, signature webhook.Signature, reference string) error {
		ep := newEndpoint()
		ep.Tenant, ep.Signature = tenant, signature
		_, _, err := w.CreateEndpointWithKey(t.Context(), ep, reference)
		return err
	}
	for name, err := range map[string]error{
		"another tenant's":    create(w, globex, v1a, keyName),
		"unknown":             create(w, acme, v1a, "canary"),
		"resolved to nothing": create(w, acme, v1a, "nothing"),
		"none":                create(w, acme, v1a, ""),
		"a space":             create(w, acme, v1a, "v1 only"),
		"long":                create(w, acme, v1a, strings.Repeat("x", 513)),
		"without public key":  create(w, acme, v1a, "private"),
		"for github":          create(w, acme, github, keyName),
		"not configured":      create(newWorldWith(t, dispatcher.Config{}), acme, v1a, keyName),
	} {
		wantFields(t, "CreateEndpointWithKey: "+name, err, "key secret_invalid")
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("CreateEndpointWithKey: %s: error %q repeats the input", name, err)
		}
	}
	if err := create(w, acme, v1a, "down"); err == nil || errors.Is(err, webhook.ErrInvalid) || !strings.Contains(err.Error(), "KMS is down") {
		t.Errorf("CreateEndpointWithKey while the KMS is down: error %v; want the KMS's", err)
	}
	if err := create(w, acme, webhook.Signature{}, "private"); err != nil {
		t.Errorf("CreateEndpointWithKey for v1, which needs no public key: %v", err)
	}
	ep := w.endpoint()
	_, err := w.RotateSecret(t.Context(), acme, ep.ID, manage.Rotation{Signature: v1a, Key: keyName, Secret: "whsk_" + seedBase64})
	wantFields(t, "RotateSecret with both", err, "key invalid_field")
	if _, err := w.RotateSecret(t.Context(), acme, ep.ID, manage.Rotation{Signature: v1a, Key: "down"}); err == nil || errors.Is(err, webhook.ErrInvalid) {
		t.Errorf("RotateSecret while the KMS is down: error %v; want the KMS's", err)
	}
}

// The public keys of an endpoint are those that sign: during a rotation both.
func TestPublicKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKMS()
		w, ep, _ := external(t, k)
		first := must(w.Secrets(t.Context(), acme, ep.ID))(t)[0]
		if first.Key != keyName || first.PublicKey != k.Public().String() {
			t.Errorf("Secrets = %+v; want the reference and the public key", first)
		}
		_, err := w.RotateSecret(t.Context(), acme, ep.ID, manage.Rotation{Secret: "whsk_" + seedBase64, Overlap: time.Hour})
		w.must(err, "RotateSecret")
		second := must(w.Secrets(t.Context(), acme, ep.ID))(t)[0]
		jwk := func(id, x string) manage.JWK {
			return manage.JWK{KeyType: "OKP", Curve: "Ed25519", X: x, KeyID: id, Use: "sig", Algorithm: "EdDSA"}
		}
		// RFC 8037, appendix A.2, has the same key in the same form.
		fresh := jwk(second.ID, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
		old := jwk(first.ID, "O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik")
		if diff := cmp.Diff(manage.JWKS{Keys: []manage.JWK{fresh, old}}, must(w.PublicKeys(t.Context(), acme, ep.ID))(t)); diff != "" {
			t.Errorf("PublicKeys during a rotation (-want +got):\n%s", diff)
		}
		time.Sleep(time.Hour)
		if diff := cmp.Diff(manage.JWKS{Keys: []manage.JWK{fresh}}, must(w.PublicKeys(t.Context(), acme, ep.ID))(t)); diff != "" {
			t.Errorf("PublicKeys after the overlap (-want +got):\n%s", diff)
		}
		shared := w.endpoint()
		text, err := json.Marshal(must(w.PublicKeys(t.Context(), acme, shared.ID))(t))
		if err != nil || string(text) != `{"keys":[]}` {
			t.Errorf("PublicKeys of an endpoint with a shared secret = %s, %v; want an empty list", text, err)
		}
		if _, err := w.PublicKeys(t.Context(), globex, ep.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("PublicKeys by another tenant: error %v; want ErrNotFound", err)
		}
	})
}
