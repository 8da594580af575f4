package leaktest_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"testing"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/leaktest"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/store/memstore"
	"github.com/postrider/postrider/webhook"
)

const canary = "CANARY-of-a-header-4f2a9c"

// What is sealed of an endpoint is found in whatever form a program might write it.
func TestSecretsAreFound(t *testing.T) {
	d, err := dispatcher.New(memstore.New(), dispatcher.Config{AllowPlaintextSecrets: true})
	if err != nil {
		t.Fatal(err)
	}
	ep, secret, err := manage.New(d).CreateEndpoint(t.Context(), webhook.Endpoint{
		Tenant: "acme", URL: "https://acme.example/hooks", Headers: map[string]string{"Authorization": "Bearer " + canary},
	})
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := leaktest.Sealed(t.Context(), d.Store(), seal.Plaintext{}, 40)
	if err != nil || len(sealed) != 2 {
		t.Fatalf("Sealed = %d secrets, %v; want the signing secret and the header", len(sealed), err)
	}
	key, err := base64.StdEncoding.DecodeString(secret.Reveal()[len("whsec_"):])
	if err != nil {
		t.Fatal(err)
	}
	of := "credential of " + ep.ID
	for _, tt := range []struct {
		place string
		want  []string
	}{
		{"nothing of it", nil},
		{"x" + canary + "y", []string{of + ": text in log"}},
		{hex.EncodeToString([]byte(canary)), []string{of + ": text in hex in log"}},
		{fmt.Sprintf("%X", canary), []string{of + ": text in HEX in log"}},
		{base64.StdEncoding.EncodeToString([]byte(canary)), []string{of + ": text in base64 in log", of + ": text in base64url in log"}},
		{string(key), []string{sealed[0].Name() + ": key in log"}},
	} {
		if got := leaktest.Find(sealed, map[string][]byte{"log": []byte(tt.place), "page": nil}); !slices.Equal(got, tt.want) {
			t.Errorf("Find in %q = %q; want %q", tt.place, got, tt.want)
		}
	}
}

// A page writes some characters in its own way, which hides no secret.
func TestSecretsAreFoundInHTML(t *testing.T) {
	secrets := []leaktest.Secret{leaktest.NewSecret("key", "CANARY+of+a+key/4f2a9c==")}
	page := []byte(`<code title="a &amp; b">CANARY&#43;of&#43;a&#43;key/4f2a9c==</code>`)
	if got := leaktest.Find(secrets, map[string][]byte{"page": page}); !slices.Equal(got, []string{"key: text in page"}) {
		t.Errorf("Find in %s = %q; want the key found", page, got)
	}
}
