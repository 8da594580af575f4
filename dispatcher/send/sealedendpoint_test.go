package send_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

func TestEndpointSecretsAreSealedTogether(t *testing.T) {
	ep := webhook.Endpoint{
		Tenant: "acme", ID: "ep_1", URL: "https://a.example/", Headers: map[string]string{"X-Key": "canary-header"},
		Auth: webhook.Auth{Type: webhook.AuthBearer, Secret: webhook.NewCredential("canary-token")},
		TLS: webhook.TLS{
			ClientFingerprint: "f", ClientCertificate: webhook.NewCredential("canary-certificate"), ClientKey: webhook.NewCredential("canary-key"),
		},
	}
	rec, err := send.SealEndpoint(t.Context(), seal.Plaintext{}, ep)
	if err != nil {
		t.Fatal(err)
	}
	if !rec.Endpoint.SameSecrets(&webhook.Endpoint{}) {
		t.Error("the record has secrets beside what is sealed")
	}
	plain, err := seal.Plaintext{}.Open(t.Context(), rec.Sealed, seal.AssociatedData{})
	var members map[string]any
	if err != nil || json.Unmarshal(plain, &members) != nil || members["v"] != 1.0 {
		t.Fatalf("what is sealed = %s, %v; want an object with its version", plain, err)
	}
	if got, want := slices.Sorted(maps.Keys(members)), []string{"auth", "client_certificate", "client_key", "headers", "v"}; !slices.Equal(got, want) {
		t.Errorf("members of what is sealed = %q; want %q: the names are stored", got, want)
	}
	opened, err := send.OpenEndpoint(t.Context(), seal.Plaintext{}, rec)
	if diff := cmp.Diff(ep, opened); diff != "" || err != nil {
		t.Errorf("OpenEndpoint (-sealed +opened), error %v:\n%s", err, diff)
	}
	if rec, err := send.SealEndpoint(t.Context(), seal.Plaintext{}, webhook.Endpoint{ID: "ep_1"}); err != nil || rec.Sealed != nil {
		t.Errorf("SealEndpoint of one without secrets = %d bytes, %v; want none", len(rec.Sealed), err)
	}
}

func TestSealedEndpointThatCannotBeRead(t *testing.T) {
	for name, plain := range map[string]string{
		"newer": `{"v":2,"auth":"canary"}`, "no version": `{"X-Key":"canary"}`, "no object": `"canary`, "another type": `{"v":1,"auth":["canary"]}`,
	} {
		sealed, err := seal.Plaintext{}.Seal(t.Context(), []byte(plain), seal.AssociatedData{})
		if err != nil {
			t.Fatal(err)
		}
		ep, err := send.OpenEndpoint(t.Context(), seal.Plaintext{}, store.EndpointRecord{Endpoint: webhook.Endpoint{ID: "ep_1"}, Sealed: sealed})
		if err == nil || strings.Contains(err.Error(), "canary") || !ep.SameSecrets(&webhook.Endpoint{}) {
			t.Errorf("OpenEndpoint of what is %s: error %v; want one that quotes nothing, and no secrets", name, err)
		}
	}
}
