package e2e_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/webhook"
)

// Everything that an endpoint is sent is signed in its scheme: events, batches,
// operational events and tests.
func TestEverythingIsSignedInTheEndpointsScheme(t *testing.T) {
	t.Parallel()
	for _, signature := range []webhook.Signature{
		{Scheme: webhook.SchemeGitHub}, {Scheme: webhook.SchemeStripe}, {Scheme: webhook.SchemeCustom, Header: "X-Acme-Hmac", Prefix: "hmac="},
	} {
		h := newHost(t, openStore(t, databaseFile(t)), dispatcher.Config{})
		single, batched := newReceiver(t, nil), newReceiver(t, nil)
		gone := newReceiver(t, func(int, arrival) int { return http.StatusGone })
		types := []string{"a", "webhook.*"}
		one, oneSecret := h.create(webhook.Endpoint{URL: single.URL, EventTypes: types, Signature: signature})
		_, batchSecret := h.create(webhook.Endpoint{
			URL: batched.URL, EventTypes: types, Signature: signature, Batch: webhook.Batch{MaxEvents: 2, MaxWait: 10 * time.Millisecond},
		})
		h.create(webhook.Endpoint{URL: gone.URL, EventTypes: []string{"b"}})
		stop := h.start()
		h.publish(event("a", 1))
		h.publish(event("b", 1))
		if _, err := h.TestSend(t.Context(), one.Tenant, one.ID, event("test.send", 1)); err != nil {
			t.Fatal(err)
		}
		all := func(rc *receiver, types ...string) func() bool {
			return func() bool {
				var text strings.Builder
				for _, a := range rc.got() {
					text.WriteString(a.body)
				}
				for _, eventType := range types {
					if !strings.Contains(text.String(), `"type":"`+eventType+`"`) {
						return false
					}
				}
				return true
			}
		}
		eventually(t, "not everything arrives", all(single, "a", "test.send", webhook.TypeEndpointGone))
		eventually(t, "not everything arrives in batches", all(batched, "a", webhook.TypeEndpointGone))
		stop()
		for secret, rc := range map[string]*receiver{oneSecret: single, batchSecret: batched} {
			v := verifierOf(t, signature, secret)
			for _, a := range rc.got() {
				if err := v.Verify(a.header, []byte(a.body)); err != nil || a.header.Get("Webhook-Signature") != "" {
					t.Errorf("%s: %s is signed by %v: %v", signature, a.body, a.header, err)
				}
			}
		}
	}
}

// verifierOf is what a receiver makes of a secret that it was shown.
func verifierOf(t *testing.T, signature webhook.Signature, secret string) *signer.Verifier {
	t.Helper()
	form, err := signature.Form()
	if err != nil {
		t.Fatal(err)
	}
	text, err := signer.ParseTextSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	v, err := signer.NewVerifierWith(signer.VerifierConfig{Scheme: form, TextSecrets: []signer.TextSecret{text}})
	if err != nil {
		t.Fatal(err)
	}
	return v
}
