package manage_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/signer/jwe"
	"github.com/postrider/postrider/webhook"
)

const mismatch = "Signature verification failed. Check your secret key."

// everyScheme are the schemes that endpoints can have.
var everyScheme = []webhook.Signature{{Scheme: webhook.SchemeV1}, {Scheme: webhook.SchemeV1a}, github, stripe, custom}

// wantReason fails unless a request is judged so.
func (w *world) wantReason(what, id string, header http.Header, body []byte, want manage.SignatureReason) {
	w.t.Helper()
	time.Sleep(time.Second) // the limit of tests
	got, err := w.VerifySignature(w.t.Context(), acme, id, header, body)
	if err != nil || got.Reason != want || got.Valid != (want == "") || (got.Message == "") != got.Valid {
		w.t.Errorf("%s: VerifySignature = %+v, %v; want reason %q", what, got, err, want)
	}
}

// signatureHeader is the header that an endpoint's signature is in.
func signatureHeader(s webhook.Signature) string {
	form, err := s.Form()
	if err != nil {
		panic(err)
	}
	return form.Header()
}

// changed returns headers with one of them replaced, or taken away.
func changed(h http.Header, name, value string) http.Header {
	h = h.Clone()
	h.Del(name)
	if value != "" {
		h.Set(name, value)
	}
	return h
}

func TestVerifySignature(t *testing.T) {
	for _, s := range everyScheme {
		t.Run(string(s.Scheme), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				ep, _ := w.created(s)
				header, body := w.tested(ep.ID)
				at := signatureHeader(s)
				w.wantReason("as it came", ep.ID, header, body, "")
				typed := http.Header{} // as people write them down
				for name, values := range header {
					typed[string(bytes.ToLower([]byte(name)))] = values
				}
				w.wantReason("names in lower case", ep.ID, typed, body, "")
				w.wantReason("no signature", ep.ID, changed(header, at, ""), body, manage.SignatureMissingHeader)
				w.wantReason("a signature of nothing known", ep.ID, changed(header, at, "v9,AAAA"), body, unknownOr(s, manage.SignatureUnknownScheme))
				w.wantReason("bad id", ep.ID, changed(header, "webhook-id", "a.b"), body, manage.SignatureBadID)
				w.wantReason("other body", ep.ID, header, []byte(`{}`), manage.SignatureNoMatch)
				w.wantReason("line end added", ep.ID, header, append(bytes.Clone(body), '\n'), manage.SignatureBodyChanged)
				w.wantReason("formatted", ep.ID, header, bytes.ReplaceAll(body, []byte(`,"data"`), []byte(",\n  \"data\"")), manage.SignatureBodyChanged)

				other, _ := w.created(s)
				w.wantReason("another endpoint's secret", other.ID, header, body, manage.SignatureNoMatch)
				w.timeIsJudged(s, ep.ID, header, body)
			})
		})
	}
}

// unknownOr returns the reason of a signature that is no signature. Stripe's has its
// time in it, which is looked at first.
func unknownOr(s webhook.Signature, reason manage.SignatureReason) manage.SignatureReason {
	if s.Scheme == webhook.SchemeStripe {
		return manage.SignatureBadTimestamp
	}
	return reason
}

// timeIsJudged looks at what an endpoint's scheme makes of the time, if it signs it.
func (w *world) timeIsJudged(s webhook.Signature, id string, header http.Header, body []byte) {
	w.t.Helper()
	if s.Scheme.Standard() {
		later := strconv.FormatInt(time.Now().Add(time.Minute).Unix(), 10)
		w.wantReason("other time", id, changed(header, "webhook-timestamp", later), body, manage.SignatureNoMatch)
		w.wantReason("no time", id, changed(header, "webhook-timestamp", ""), body, manage.SignatureMissingHeader)
		w.wantReason("no number", id, changed(header, "webhook-timestamp", "yesterday"), body, manage.SignatureBadTimestamp)
		w.wantReason("in a thousand years", id, changed(header, "webhook-timestamp", "33000000000"), body, manage.SignatureBadTimestamp)
		w.wantReason("beyond time", id, changed(header, "webhook-timestamp", "9223372036854775807"), body, manage.SignatureBadTimestamp)
	}
	time.Sleep(6 * time.Minute)
	want := manage.SignatureTooOld
	if !s.Scheme.Standard() && s.Scheme != webhook.SchemeStripe {
		want = "" // which do not sign the time
	}
	w.wantReason("six minutes later", id, header, body, want)
	w.wantReason("six minutes later, other body", id, header, []byte(`{}`), manage.SignatureNoMatch)
}

// What was sent is known, as long as its payload is kept: then it can be told whether
// the body or the secret is wrong.
func TestVerifySignatureOfAnEvent(t *testing.T) {
	for _, s := range everyScheme {
		t.Run(string(s.Scheme), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				stop := w.run()
				ep, _ := w.created(s)
				time.Sleep(time.Second)
				w.publish()
				time.Sleep(time.Second)
				header, body := w.last().Header, w.last().Body
				w.wantReason("as it came", ep.ID, header, body, "")
				w.wantReason("other body", ep.ID, header, []byte(`{"type":"forged"}`), manage.SignatureBodyChanged)
				other, _ := w.created(s)
				w.wantReason("another endpoint's secret", other.ID, header, body, manage.SignatureWrongSecret)
				w.wantReason("another endpoint's secret, other body", other.ID, header, []byte(`1`), manage.SignatureNoMatch)
				stop()
			})
		})
	}
}

// What was sent depends on the endpoint: the event in its format, and, encrypted,
// something else each time.
func TestVerifySignatureOfWhatTheEndpointGets(t *testing.T) {
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := jwe.NewPrivateKey(pair, "2026-03")
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		ep   webhook.Endpoint
		want manage.SignatureReason
	}{
		"raw":       {webhook.Endpoint{Format: webhook.FormatRaw}, manage.SignatureBodyChanged},
		"encrypted": {webhook.Endpoint{Encryption: webhook.Encryption{JWK: key.PublicJWK()}}, manage.SignatureNoMatch},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				stop := w.run()
				defer stop()
				tt.ep.Tenant, tt.ep.URL = acme, "https://acme.example/hooks"
				ep, _, err := w.CreateEndpoint(t.Context(), tt.ep)
				w.must(err, "CreateEndpoint")
				time.Sleep(time.Second)
				w.publish()
				time.Sleep(time.Second)
				header, body := w.last().Header, w.last().Body
				w.wantReason("as it came", ep.ID, header, body, "")
				w.wantReason("other body", ep.ID, header, []byte(`{"type":"forged"}`), tt.want)
			})
		})
	}
}

// While secrets are rotated each of them will do, in whatever scheme it signs.
func TestVerifySignatureDuringRotation(t *testing.T) {
	for _, next := range everyScheme {
		t.Run(string(next.Scheme), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				ep, _ := w.created(webhook.Signature{})
				before, body := w.tested(ep.ID)
				time.Sleep(time.Second)
				_, err := w.RotateSecret(t.Context(), acme, ep.ID, manage.Rotation{Signature: next, Overlap: time.Minute})
				w.must(err, "RotateSecret")
				w.wantReason("signed by the old secret", ep.ID, before, body, "")
				both, body2 := w.tested(ep.ID)
				w.wantReason("signed by both", ep.ID, both, body2, "")
				time.Sleep(time.Minute)
				after, body3 := w.tested(ep.ID)
				w.wantReason("signed by the new one", ep.ID, after, body3, "")
				w.wantReason("signed by one that has ended", ep.ID, before, body, manage.SignatureSecretEnded)
			})
		})
	}
}

func TestVerifySignatureWithAKeyOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, err := signer.NewSecret()
		if err != nil {
			t.Fatal(err)
		}
		outside := &flaky{Signer: key}
		w := newWorldWith(t, dispatcher.Config{ExternalSigner: outside.find})
		ep, _, err := w.CreateEndpointWithKey(t.Context(), newEndpoint(), ownKey)
		w.must(err, "CreateEndpointWithKey")
		header, body := w.tested(ep.ID)
		w.wantReason("as it came", ep.ID, header, body, "")
		w.wantReason("other body", ep.ID, header, []byte(`{}`), manage.SignatureNoMatch)
		w.wantReason("no signature", ep.ID, changed(header, "webhook-signature", ""), body, manage.SignatureMissingHeader)
		time.Sleep(6 * time.Minute)
		w.wantReason("six minutes later", ep.ID, header, body, manage.SignatureTooOld)
		outside.err = errors.New("key service is down")
		if _, err := w.VerifySignature(t.Context(), acme, ep.ID, header, body); !errors.Is(err, outside.err) {
			t.Errorf("VerifySignature without the key service = %v; want its error: nobody knows whether it is valid", err)
		}
	})
}

// flaky is a key that stays outside and may be out of reach.
type flaky struct {
	signer.Signer
	err error
}

func (f *flaky) find(_ context.Context, _, _ string) (signer.Signer, error) { return f.Signer, f.err }

// Verifying counts as a test, so that it costs a key service no more than tests do.
func TestVerifySignatureIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ep := w.endpoint()
		limited := 0
		for range 11 {
			if _, err := w.VerifySignature(t.Context(), acme, ep.ID, http.Header{}, nil); errors.Is(err, manage.ErrTestLimit) {
				limited++
			}
		}
		if limited != 1 {
			t.Errorf("of 11 verifications at once %d were refused; want one", limited)
		}
		time.Sleep(time.Second)
		w.wantReason("a second later", ep.ID, http.Header{}, nil, manage.SignatureMissingHeader)
	})
}

func TestVerifySignatureSaysWhatReceiversSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ep := w.endpoint()
		header, _ := w.tested(ep.ID)
		got, err := w.VerifySignature(t.Context(), acme, ep.ID, header, []byte(`{}`))
		if err != nil || got.Message != mismatch {
			t.Errorf("VerifySignature of another body = %+v, %v; want the message %q", got, err, mismatch)
		}
	})
}
