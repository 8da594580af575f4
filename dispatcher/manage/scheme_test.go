package manage_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/webhook"
)

var (
	github = webhook.Signature{Scheme: webhook.SchemeGitHub}
	stripe = webhook.Signature{Scheme: webhook.SchemeStripe}
	custom = webhook.Signature{Scheme: webhook.SchemeCustom, Header: "X-Acme-Hmac", Prefix: "sha256:"}
)

// created is an endpoint that was created to be signed for in a scheme.
func (w *world) created(signature webhook.Signature) (webhook.Endpoint, manage.Secret) {
	w.t.Helper()
	ep := newEndpoint()
	ep.Signature = signature
	ep, secret, err := w.CreateEndpoint(w.t.Context(), ep)
	w.must(err, "CreateEndpoint")
	return ep, secret
}

// tested makes a test send and returns its headers and its body.
func (w *world) tested(id string) (http.Header, []byte) {
	w.t.Helper()
	_, err := w.TestEndpoint(w.t.Context(), acme, id, manage.Test{})
	w.must(err, "TestEndpoint")
	return w.last().Header, w.last().Body
}

// verifierFor is what a receiver makes of a secret that it was shown.
func (w *world) verifierFor(signature webhook.Signature, secret manage.Secret) *signer.Verifier {
	w.t.Helper()
	form, err := signature.Form()
	w.must(err, "Form")
	text, err := signer.ParseTextSecret(secret.Reveal())
	w.must(err, "ParseTextSecret")
	v, err := signer.NewVerifierWith(signer.VerifierConfig{Scheme: form, TextSecrets: []signer.TextSecret{text}})
	w.must(err, "NewVerifierWith")
	return v
}

func TestOtherSchemes(t *testing.T) {
	for _, signature := range []webhook.Signature{github, stripe, {Scheme: webhook.SchemeStripe, Header: "Acme-Signature"}, custom} {
		w := newWorld(t)
		ep, secret := w.created(signature)
		header, body := w.tested(ep.ID)
		if err := w.verifierFor(signature, secret).Verify(header, body); err != nil {
			t.Errorf("%s: a test send is not verified by the secret that was shown: %v", signature, err)
		}
		if header.Get("Webhook-Id") == "" || header.Get("Webhook-Timestamp") == "" || header.Get("Webhook-Signature") != "" {
			t.Errorf("%s: headers %v; want id and timestamp, and no signature but the scheme's", signature, header)
		}
		got, err := w.Endpoint(t.Context(), acme, ep.ID)
		w.must(err, "Endpoint")
		infos, err := w.Secrets(t.Context(), acme, ep.ID)
		w.must(err, "Secrets")
		if got.Signature != signature || len(infos) != 1 || infos[0].Signature != signature || infos[0].Fingerprint != secret.Fingerprint() || infos[0].PublicKey != "" {
			t.Errorf("%s: endpoint signs %s, secrets %+v", signature, got.Signature, infos)
		}
	}
}

// A secret that receivers have already is used as it is, to the letter.
func TestImportTextSecret(t *testing.T) {
	const text = "It's a Secret to Everybody"
	w := newWorld(t)
	ep := newEndpoint()
	ep.Signature = github
	ep, secret, err := w.ImportEndpoint(t.Context(), ep, text)
	w.must(err, "ImportEndpoint")
	if secret.Reveal() != text {
		t.Errorf("Reveal = %q; want what was given", secret.Reveal())
	}
	header, body := w.tested(ep.ID)
	if err := w.verifierFor(github, secret).Verify(header, body); err != nil {
		t.Errorf("Verify = %v", err)
	}
	for name, text := range map[string]string{
		"short": "twenty-three bytes long", "long": strings.Repeat("x", 129), "new line": "a secret of twenty-six\n1234",
		"private key": "whsk_" + seedBase64, "public key": "whpk_" + publicBase64,
	} {
		ep := newEndpoint()
		ep.Signature = github
		_, _, err := w.ImportEndpoint(t.Context(), ep, text)
		wantFields(t, "ImportEndpoint: "+name, err, "secret secret_invalid")
	}
}

func TestRotationBetweenSchemes(t *testing.T) {
	for name, tt := range map[string]struct {
		from, to webhook.Signature
		old      bool // whether the old secret still verifies
	}{
		"stripe to stripe, one header for both": {stripe, stripe, true},
		"github to github, one has the header":  {github, github, false},
		"custom to custom, one has the header":  {custom, custom, false},
		"github to stripe, two headers":         {github, stripe, true},
		"custom to another header":              {custom, webhook.Signature{Scheme: webhook.SchemeCustom, Header: "X-New"}, true},
		"another prefix in the same header":     {custom, webhook.Signature{Scheme: webhook.SchemeCustom, Header: "x-acme-hmac"}, false},
	} {
		w := newWorld(t)
		ep, old := w.created(tt.from)
		fresh, err := w.RotateSecret(t.Context(), acme, ep.ID, manage.Rotation{Signature: tt.to})
		w.must(err, "RotateSecret")
		header, body := w.tested(ep.ID)
		if err := w.verifierFor(tt.to, fresh).Verify(header, body); err != nil {
			t.Errorf("%s: Verify by the new secret = %v", name, err)
		}
		if err := w.verifierFor(tt.from, old).Verify(header, body); (err == nil) != tt.old {
			t.Errorf("%s: Verify by the old secret = %v; want success = %v", name, err, tt.old)
		}
	}
}

// Who moves from GitHub's signatures to Standard Webhooks gets both for a while.
func TestRotationToStandard(t *testing.T) {
	w := newWorld(t)
	ep, old := w.created(github)
	fresh, err := w.RotateSecret(t.Context(), acme, ep.ID, manage.Rotation{Signature: v1a})
	w.must(err, "RotateSecret")
	header, body := w.tested(ep.ID)
	w.must(w.verifierFor(github, old).Verify(header, body), "Verify by the old secret")
	v, err := signer.NewVerifier(fresh.Reveal())
	w.must(err, "NewVerifier")
	w.must(v.Verify(header, body), "Verify by the new key")
	// The header of what signs is nobody else's.
	_, err = w.UpdateEndpoint(t.Context(), acme, ep.ID, func(ep *webhook.Endpoint) error {
		ep.Headers = map[string]string{"X-Acme-Hmac": "mine"}
		return nil
	})
	w.must(err, "UpdateEndpoint")
	_, err = w.RotateSecret(t.Context(), acme, ep.ID, manage.Rotation{Signature: custom})
	wantFields(t, "RotateSecret", err, "signature.header header_not_allowed")
}

func TestSchemeOfAnEndpointIsChecked(t *testing.T) {
	w := newWorld(t)
	ep := newEndpoint()
	ep.Signature, ep.Headers = custom, map[string]string{"x_acme_hmac": "1"}
	_, _, err := w.CreateEndpoint(t.Context(), ep)
	wantFields(t, "CreateEndpoint", err, "signature.header header_not_allowed")
	ep, _ = w.created(stripe)
	_, err = w.UpdateEndpoint(t.Context(), acme, ep.ID, func(ep *webhook.Endpoint) error {
		ep.Signature.Header = "Acme-Signature"
		return nil
	})
	wantFields(t, "UpdateEndpoint", err, "signature invalid_field")
}
