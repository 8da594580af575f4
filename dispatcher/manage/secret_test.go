package manage_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/webhook"
)

// verifies fails the test unless what is sent to an endpoint is accepted by a
// receiver that holds the secret.
func (w *world) verifies(id string, secret manage.Secret) {
	w.t.Helper()
	if err := w.verify(id, secret); err != nil {
		w.t.Errorf("a test send is not verified by the secret that was shown: %v", err)
	}
}

func (w *world) verify(id string, secret manage.Secret) error {
	w.t.Helper()
	v, err := signer.NewVerifier(secret.Reveal())
	w.must(err, "NewVerifier")
	_, err = w.TestEndpoint(w.t.Context(), acme, id, manage.Test{})
	w.must(err, "TestEndpoint")
	req := w.last()
	return v.Verify(http.Header(req.Header), req.Body)
}

func TestSecretVerifies(t *testing.T) {
	for scheme, prefix := range map[webhook.SignatureScheme]string{webhook.SchemeV1: "whsec_", webhook.SchemeV1a: "whpk_"} {
		w := newWorld(t)
		ep := newEndpoint()
		ep.Signature.Scheme = scheme
		ep, secret, err := w.CreateEndpoint(t.Context(), ep)
		w.must(err, "CreateEndpoint")
		if !strings.HasPrefix(secret.Reveal(), prefix) {
			t.Errorf("Reveal for %s begins with %.6q; want %q: a private key must not leave the library", scheme, secret.Reveal(), prefix)
		}
		w.verifies(ep.ID, secret)
		if got := w.last().Header.Get("Webhook-Signature"); !strings.HasPrefix(got, string(scheme)+",") {
			t.Errorf("signature = %q; want scheme %s", got, scheme)
		}
	}
}

func TestSecretIsRedacted(t *testing.T) {
	w := newWorld(t)
	_, secret, err := w.CreateEndpoint(t.Context(), newEndpoint())
	w.must(err, "CreateEndpoint")
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret.Reveal(), "whsec_"))
	w.must(err, "DecodeString")
	holder := struct {
		Secret  manage.Secret
		Pointer *manage.Secret
		Any     any
		secret  manage.Secret
	}{secret, &secret, secret, secret}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%p", "%T", "%!"} {
		fmt.Fprintf(&out, verb+verb+"\n", secret, holder)
	}
	for _, l := range []*slog.Logger{slog.New(slog.NewTextHandler(&out, nil)), slog.New(slog.NewJSONHandler(&out, nil))} {
		l.Info("m", "secret", secret, "holder", holder)
	}
	text, err := json.Marshal(holder)
	w.must(err, "Marshal")
	out.Write(text)
	for _, leak := range []string{secret.Reveal()[6:14], string(raw[:6]), hex.EncodeToString(raw[:6]), strings.Trim(fmt.Sprint(raw[:6]), "[]")} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("a printed secret shows %q:\n%s", leak, out.String())
		}
	}
	for _, got := range []string{secret.String(), secret.GoString(), fmt.Sprintf("%x", secret), secret.LogValue().String()} {
		if got != "***" {
			t.Errorf("a printed secret = %q; want ***", got)
		}
	}
	if zero := (manage.Secret{}); zero.Reveal() != "" || zero.Fingerprint() != "" || zero.String() != "***" {
		t.Error("the zero Secret shows something; want nothing and ***")
	}
}

// What must stay inside is looked for in everything that came out.
func TestNoSecretComesOut(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ep := newEndpoint()
	ep.Headers = map[string]string{"Authorization": "Bearer canary-header"}
	ep, secret, err := w.CreateEndpoint(ctx, ep)
	w.must(err, "CreateEndpoint")
	out := []any{ep}
	rotated, err := w.RotateSecret(ctx, acme, ep.ID, manage.Rotation{})
	w.must(err, "RotateSecret")
	changed, err := w.UpdateEndpoint(ctx, acme, ep.ID, func(ep *webhook.Endpoint) error {
		out = append(out, *ep)
		ep.Description = "new"
		return nil
	})
	w.must(err, "UpdateEndpoint")
	result, err := w.TestEndpoint(ctx, acme, ep.ID, manage.Test{})
	w.must(err, "TestEndpoint")
	infos, err := w.Secrets(ctx, acme, ep.ID)
	w.must(err, "Secrets")
	paused, err := w.Pause(ctx, acme, ep.ID)
	w.must(err, "Pause")
	w.store.engineFails = fmt.Errorf("engine")
	last, err := w.RotateSecret(ctx, acme, ep.ID, manage.Rotation{})
	w.must(err, "RotateSecret")
	_, failed := w.TestEndpoint(ctx, acme, ep.ID, manage.Test{})
	out = append(out, secret, rotated, last, changed, result, infos, paused, failed, w.logs.String())
	text := fmt.Sprintf("%+v %#v", out, out)
	if w.logs.Len() == 0 {
		t.Error("nothing was logged; want the failure to read the endpoint, or this test sees no log")
	}
	for _, canary := range []string{"canary-header", secret.Reveal()[6:], rotated.Reveal()[6:], last.Reveal()[6:]} {
		if strings.Contains(text, canary) {
			t.Errorf("a secret came out: %s", text)
		}
	}
}
