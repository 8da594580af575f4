package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/signer/jwe"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// encrypted is a receiver that opens what it is sent by its own middleware, and
// refuses the first request.
type encrypted struct {
	*receiver
	key    jwe.PrivateKey
	opened []string
	why    []error
}

func newEncrypted(t *testing.T, private any) *encrypted {
	t.Helper()
	key, err := jwe.NewPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	return &encrypted{receiver: newReceiver(t, failFirst), key: key}
}

// open passes what arrived through the receiver's middleware, now that it knows its
// secret.
func (e *encrypted) open(t *testing.T, secret string) {
	t.Helper()
	decrypter, err := jwe.NewDecrypter(e.key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := signer.ParseSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	v, err := signer.NewVerifierWith(signer.VerifierConfig{
		Secrets: []signer.Secret{parsed}, Decrypter: decrypter, OnReject: func(_ *http.Request, err error) { e.why = append(e.why, err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	h := v.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("the handler reads a body of type %q, %v", r.Header.Get("Content-Type"), err)
		}
		e.opened = append(e.opened, string(body))
	}))
	for _, a := range e.got() {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(a.body))
		r.Header = a.header
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	if len(e.why) > 0 {
		t.Errorf("the receiver refused what it was sent: %v", e.why)
	}
}

func TestPayloadsAreEncrypted(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, private := range []any{rsaKey, ecKey} {
		h := newHost(t, openStore(t, databaseFile(t)), dispatcher.Config{})
		single, batched := newEncrypted(t, private), newEncrypted(t, private)
		retry := webhook.RetryPolicy{Schedule: []time.Duration{0, 0, 0}}
		one, oneSecret := h.create(webhook.Endpoint{URL: single.URL, Retry: retry, Encryption: webhook.Encryption{JWK: single.key.PublicJWK()}})
		many, batchSecret := h.create(webhook.Endpoint{
			URL: batched.URL, Retry: retry, Encryption: webhook.Encryption{JWK: batched.key.PublicJWK()},
			Batch: webhook.Batch{MaxEvents: 2, MaxWait: 10 * time.Second},
		})
		of := func(ep webhook.Endpoint) store.DeliveryFilter { return store.DeliveryFilter{Endpoint: ep.ID} }
		stop := h.start()
		h.publish(event("a", "canary-payload"))
		h.publish(event("b", "canary-payload"))
		eventually(t, "not everything is delivered", func() bool {
			return h.count(of(one), webhook.DeliveryDelivered) == 2 && h.count(of(many), webhook.DeliveryDelivered) == 2
		})
		if _, err := h.TestSend(t.Context(), one.Tenant, one.ID, event("test.send", "canary-payload")); err != nil {
			t.Fatal(err)
		}
		stop()

		ciphertexts := make(map[string]bool)
		for _, a := range append(single.got(), batched.got()...) {
			if strings.Contains(a.body, "canary") || a.header.Get("Content-Type") != "application/jose" || strings.Count(a.body, ".") != 4 {
				t.Errorf("a request carries %.40q of type %q; want a compact JWE", a.body, a.header.Get("Content-Type"))
			}
			ciphertexts[a.body] = true
		}
		want(t, "different ciphertexts", len(ciphertexts), single.count()+batched.count())
		single.open(t, oneSecret)
		batched.open(t, batchSecret)
		want(t, "requests to the endpoint without batches", len(single.opened), 4) // two, one of them twice, and a test
		want(t, "batches", len(batched.opened), 2)                                 // one, twice
		for _, body := range batched.opened {
			if body != batched.opened[0] || !strings.HasPrefix(body, `[{"id":"evt_`) || strings.Count(body, "canary-payload") != 2 {
				t.Errorf("a batch holds %s; want both events, the same at each attempt", body)
			}
		}
	}
}
