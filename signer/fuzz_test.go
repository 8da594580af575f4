package signer_test

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/postrider/postrider/signer"
)

// FuzzVerify feeds hostile headers. With age as timestamp and a valid
// signature in place of "%", it reaches past the first checks; the library of
// the Standard Webhooks project is the judge of what may be accepted.
func FuzzVerify(f *testing.F) {
	a, c := vectorNamed(f, "A"), vectorNamed(f, "C")
	f.Add(a.ID, "", int64(0), "%", a.Body)
	f.Add(a.ID, "", int64(299), "v1,x %", a.Body)
	f.Add(a.ID, "", int64(-299), strings.Join(strangers, " ")+" % v2,x", a.Body)
	f.Add(a.ID, "1614265330", int64(0), a.Signature, a.Body)
	f.Add(a.ID, "-1", int64(0), c.Signature+" v1a,%", []byte{})
	f.Add("a.b", " 1", int64(0), "v1,", []byte{0xFF})
	f.Add("", "99999999999999999999", int64(1<<62), "v1a,,,  v1", []byte(nil))

	secret := mustSecret(f, a.Key)
	v, both := mustVerifier(f, a.Key), mustVerifier(f, c.Public, a.Key)
	theirs, err := standardwebhooks.NewWebhook(a.Key)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, id, timestamp string, age int64, signature string, body []byte) {
		if timestamp == "" {
			at := time.Unix(time.Now().Unix()-age, 0)
			timestamp = strconv.FormatInt(at.Unix(), 10)
			if token, err := secret.Sign(t.Context(), id, at, body); err == nil {
				signature = strings.ReplaceAll(signature, "%", token)
			}
		}
		h := http.Header{}
		h[http.CanonicalHeaderKey(signer.HeaderID)] = []string{id}
		h[http.CanonicalHeaderKey(signer.HeaderTimestamp)] = []string{timestamp}
		h[http.CanonicalHeaderKey(signer.HeaderSignature)] = []string{signature}

		got, oracle := v.Verify(h, body), theirs.VerifyIgnoringTimestamp(body, h)
		if got == nil && oracle != nil {
			t.Errorf("Verify = nil; the library says %v: a forgery", oracle)
		}
		// We are stricter about ids, spellings, other fields after the
		// signature and long lists; a mismatch must be one of these.
		if errors.Is(got, signer.ErrNoMatch) && oracle == nil && strings.Count(signature, ",") < 16 && !extraField(signature) {
			t.Errorf("Verify = %v; the library accepts: a genuine webhook is lost", got)
		}
		if got == nil && both.Verify(h, body) != nil {
			t.Error("one more key makes Verify refuse")
		}
		if (got == nil) && (id == "" || len(id) > 64 || strings.ContainsAny(id, ". \n")) {
			t.Errorf("Verify accepts the id %q", id)
		}
	})
}

// extraField reports whether a token has a second comma, after which the
// library stops reading.
func extraField(signature string) bool {
	for token := range strings.SplitSeq(signature, " ") {
		if strings.Count(token, ",") > 1 {
			return true
		}
	}
	return false
}

// FuzzParseSecret parses a text as each type of key.
func FuzzParseSecret(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.Key)
		f.Add(v.verifyKey())
	}
	for _, s := range []string{"", "w", "whsec_", "whsk_", "whpk_", "whsec_%", "whsec_wronglength", "whsec_====", "a,b c\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		secret, errSecret := signer.ParseSecret(s)
		private, errPrivate := signer.ParsePrivateKey(s)
		public, errPublic := signer.ParsePublicKey(s)
		accepted := 0
		for _, err := range []error{errSecret, errPrivate, errPublic} {
			if err == nil {
				accepted++
			} else if quotesKey(err.Error(), s) && !strings.Contains(s, "signer:") {
				t.Errorf("the error %q quotes the key %q", err, s)
			}
		}
		if accepted > 1 {
			t.Errorf("%q is accepted as %d types of key", s, accepted)
		}
		if errSecret == nil {
			again := mustSecret(t, secret.Reveal())
			if !again.Equal(secret) || again.Fingerprint() != secret.Fingerprint() || again.Reveal() != secret.Reveal() {
				t.Errorf("%q does not survive Reveal and ParseSecret", s)
			}
		}
		if errPrivate == nil && !mustPrivate(t, private.Reveal()).Equal(private) {
			t.Errorf("%q does not survive Reveal and ParsePrivateKey", s)
		}
		if errPublic == nil {
			if again, err := signer.ParsePublicKey(public.String()); err != nil || again != public {
				t.Errorf("%q does not survive String and ParsePublicKey", s)
			}
		}
		if _, err := signer.NewVerifier(s); (err == nil) != (errSecret == nil || errPublic == nil) {
			t.Errorf("NewVerifier(%q) = %v; ParseSecret = %v, ParsePublicKey = %v", s, err, errSecret, errPublic)
		}
	})
}

// FuzzStripe feeds hostile headers of Stripe's scheme. What is accepted has the
// one time and the one digest that were signed.
func FuzzStripe(f *testing.F) {
	secret, body := mustText(f, "a secret of the fuzz test's own"), []byte("{}")
	stripe, err := signer.Stripe("")
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"%", "t=1,v1=", "%,v1=00", "v0=x,%,t=", ",,=,%", "t=1,%", "t=-1", "T=1,V1=0"} {
		f.Add(s)
	}
	v := schemeVerifier(f, stripe, secret)
	f.Fuzz(func(t *testing.T, text string) {
		now := time.Now()
		genuine := mustValue(t, stripe, now, string(body), secret)
		unix, digest, _ := strings.Cut(genuine, ",")
		value := strings.ReplaceAll(text, "%", genuine)
		if v.Verify(http.Header{stripe.Header(): {value}}, body) != nil {
			return
		}
		if elements := "," + value + ","; strings.Count(elements, ",t=") != 1 || !strings.Contains(elements, ","+unix+",") || !strings.Contains(elements, ","+digest+",") {
			t.Errorf("Verify accepts %q; the genuine one is %q", value, genuine)
		}
	})
}
