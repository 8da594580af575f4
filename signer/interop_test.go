package signer_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"pgregory.net/rapid"

	"github.com/postrider/postrider/signer"
)

var (
	drawID   = rapid.StringMatching(`[A-Za-z0-9_-]{1,64}`)
	drawBody = rapid.SliceOfN(rapid.Byte(), 0, 300)
	drawTime = rapid.Int64Range(0, 1<<40)
)

// Every v1 signature verifies in the library of the Standard Webhooks project,
// and every one that it makes verifies here.
func TestSecretAgreesWithStandardWebhooks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOfN(rapid.Byte(), 24, 64).Draw(t, "key")
		id, body, unix := drawID.Draw(t, "id"), drawBody.Draw(t, "body"), drawTime.Draw(t, "unix")
		secret, err := signer.ParseSecret("whsec_" + base64.StdEncoding.EncodeToString(raw))
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := standardwebhooks.NewWebhook(secret.Reveal())
		if err != nil {
			t.Fatalf("the library does not take our secret: %v", err)
		}
		token, err := secret.Sign(t.Context(), id, time.Unix(unix, 0), body)
		if err != nil {
			t.Fatal(err)
		}
		if err := theirs.VerifyIgnoringTimestamp(body, signed(id, strconv.FormatInt(unix, 10), token)); err != nil {
			t.Fatalf("the library refuses our signature: %v", err)
		}
		now := time.Now()
		foreign, err := theirs.Sign(id, now, body)
		if err != nil {
			t.Fatal(err)
		}
		v, err := signer.NewVerifierWith(signer.VerifierConfig{Secrets: []signer.Secret{secret}})
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Verify(signed(id, strconv.FormatInt(now.Unix(), 10), foreign), body); err != nil {
			t.Fatalf("Verify refuses the library's signature: %v", err)
		}
	})
}

// Every v1a signature verifies with crypto/ed25519 over the text of the
// specification.
func TestPrivateKeyAgreesWithEd25519(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed")
		id, body, unix := drawID.Draw(t, "id"), drawBody.Draw(t, "body"), drawTime.Draw(t, "unix")
		key, err := signer.ParsePrivateKey("whsk_" + base64.StdEncoding.EncodeToString(seed))
		if err != nil {
			t.Fatal(err)
		}
		token, err := key.Sign(t.Context(), id, time.Unix(unix, 0), body)
		if err != nil {
			t.Fatal(err)
		}
		text, ok := strings.CutPrefix(token, "v1a,")
		signature, err := base64.StdEncoding.DecodeString(text)
		if !ok || err != nil {
			t.Fatalf("Sign = %q; want v1a, and base64", token)
		}
		public := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
		if !ed25519.Verify(public, fmt.Appendf(nil, "%s.%d.%s", id, unix, body), signature) {
			t.Fatal("crypto/ed25519 refuses the signature")
		}
	})
}

// One changed byte anywhere is noticed, under either scheme.
func TestVerifyNoticesAnyChange(t *testing.T) {
	secret, key := newSecret(t), mustPrivate(t, vectorNamed(t, "C").Key)
	v := mustVerifier(t, secret.Reveal(), key.Public().String())
	rapid.Check(t, func(t *rapid.T) {
		var s signer.Signer = secret
		if rapid.Bool().Draw(t, "v1a") {
			s = key
		}
		now := time.Now()
		id, body := drawID.Draw(t, "id"), append(drawBody.Draw(t, "body"), 'x')
		value, err := signer.Header(t.Context(), id, now, body, s)
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Verify(signed(id, strconv.FormatInt(now.Unix(), 10), value), body); err != nil {
			t.Fatalf("Verify before the change = %v", err)
		}
		flip := byte(rapid.IntRange(1, 255).Draw(t, "flip"))
		var h http.Header
		switch rapid.SampledFrom([]string{"id", "timestamp", "signature", "body"}).Draw(t, "where") {
		case "id":
			h = signed(flipAt(t, id, flip), strconv.FormatInt(now.Unix(), 10), value)
		case "timestamp":
			h = signed(id, strconv.FormatInt(now.Unix()-rapid.Int64Range(1, 299).Draw(t, "older"), 10), value)
		case "signature":
			h = signed(id, strconv.FormatInt(now.Unix(), 10), flipAt(t, value, flip))
		case "body":
			h = signed(id, strconv.FormatInt(now.Unix(), 10), value)
			body = []byte(flipAt(t, string(body), flip))
		}
		if err := v.Verify(h, body); err == nil {
			t.Fatalf("Verify of a changed webhook = nil: %v", h)
		}
	})
}

// A digit in place of the padding stands for a byte more, which no signature has.
func TestVerifyRefusesADigitForThePadding(t *testing.T) {
	secret := newSecret(t)
	v, now, body := mustVerifier(t, secret.Reveal()), time.Now(), []byte("x")
	value, err := signer.Header(t.Context(), "evt_1", now, body, secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, digit := range "A9+/" {
		longer := strings.TrimSuffix(value, "=") + string(digit)
		if err := v.Verify(signed("evt_1", strconv.FormatInt(now.Unix(), 10), longer), body); err == nil {
			t.Errorf("Verify of %s = nil, want an error: the signature has a second form", longer)
		}
	}
}

func flipAt(t *rapid.T, s string, flip byte) string {
	b := []byte(s)
	b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] ^= flip
	return string(b)
}
