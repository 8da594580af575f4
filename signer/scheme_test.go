package signer_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/signer"
)

// schemeVector is a signature in another scheme than Standard Webhooks.
type schemeVector struct {
	Name, Scheme, Header, Prefix, Secret, Body, Value string
	Timestamp                                         int64
}

func (v schemeVector) scheme(t testing.TB) signer.Scheme {
	t.Helper()
	var s signer.Scheme
	var err error
	switch v.Scheme {
	case "github":
		s = signer.GitHub()
	case "stripe":
		s, err = signer.Stripe(v.Header)
	default:
		s, err = signer.Custom(v.Header, v.Prefix)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (v schemeVector) at() time.Time { return time.Unix(v.Timestamp, 0) }

func schemeVectors(t testing.TB) []schemeVector {
	t.Helper()
	data, err := os.ReadFile("testdata/schemes.json")
	if err != nil {
		t.Fatal(err)
	}
	var vs []schemeVector
	if err := json.Unmarshal(data, &vs); err != nil || len(vs) != 4 {
		t.Fatalf("testdata holds %d vectors, %v; want 4", len(vs), err)
	}
	return vs
}

func mustText(t testing.TB, s string) signer.TextSecret {
	t.Helper()
	secret, err := signer.ParseTextSecret(s)
	if err != nil {
		t.Fatalf("ParseTextSecret: %v", err)
	}
	return secret
}

// schemeVerifier is the verifier of a scheme and its secrets.
func schemeVerifier(t testing.TB, s signer.Scheme, secrets ...signer.TextSecret) *signer.Verifier {
	t.Helper()
	v, err := signer.NewVerifierWith(signer.VerifierConfig{Scheme: s, TextSecrets: secrets})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func mustValue(t testing.TB, s signer.Scheme, at time.Time, body string, secrets ...signer.TextSecret) string {
	t.Helper()
	value, err := s.Value(at, []byte(body), secrets...)
	if err != nil {
		t.Fatalf("Value: %v", err)
	}
	return value
}

func TestSchemeVectors(t *testing.T) {
	for _, v := range schemeVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			scheme, secret := v.scheme(t), mustText(t, v.Secret)
			if got := mustValue(t, scheme, v.at(), v.Body, secret); got != v.Value {
				t.Errorf("Value = %q; want %q: receivers would refuse us", got, v.Value)
			}
			atTime(t, v.at(), func(t *testing.T) {
				verifier, header := schemeVerifier(t, scheme, secret), http.Header{}
				header.Set(scheme.Header(), v.Value)
				if err := verifier.Verify(header, []byte(v.Body)); err != nil {
					t.Errorf("Verify = %v; want nil", err)
				}
				if err := verifier.Verify(header, []byte(v.Body+" ")); !errors.Is(err, signer.ErrNoMatch) {
					t.Errorf("Verify of another body = %v; want ErrNoMatch", err)
				}
			})
		})
	}
}

func TestSchemesRefuse(t *testing.T) {
	github, stripe := schemeVectors(t)[0], schemeVectors(t)[1]
	digest := strings.TrimPrefix(stripe.Value, "t=1700000000,")
	for _, tt := range []struct {
		name   string
		v      schemeVector
		values []string
		want   error
	}{
		{"GitHub: none", github, nil, signer.ErrMissingHeader},
		{"GitHub: empty", github, []string{""}, signer.ErrMissingHeader},
		{"GitHub: two", github, []string{github.Value, github.Value}, signer.ErrNoSignature},
		{"GitHub: SHA-1", github, []string{"sha1=" + github.Value[7:]}, signer.ErrNoSignature},
		{"GitHub: no prefix", github, []string{github.Value[7:]}, signer.ErrNoSignature},
		{"GitHub: upper case", github, []string{"sha256=" + strings.ToUpper(github.Value[7:])}, signer.ErrNoSignature},
		{"GitHub: a digit short", github, []string{github.Value[:len(github.Value)-1]}, signer.ErrNoSignature},
		{"GitHub: not hex", github, []string{"sha256=" + strings.Repeat("g", 64)}, signer.ErrNoSignature},
		{"GitHub: a Standard signature", github, []string{"v1," + github.Value[7:]}, signer.ErrNoSignature},
		{"GitHub: another", github, []string{"sha256=" + strings.Repeat("0", 64)}, signer.ErrNoMatch},

		{"Stripe: as it is", stripe, []string{stripe.Value}, nil},
		{"Stripe: with what is unknown", stripe, []string{stripe.Value + ",v0=00,x,v2=" + strings.Repeat("0", 64)}, nil},
		{"Stripe: second of two", stripe, []string{"t=1700000000,v1=" + strings.Repeat("0", 64) + "," + digest}, nil},
		{"Stripe: time last", stripe, []string{digest + ",t=1700000000"}, nil},
		{"Stripe: no time", stripe, []string{digest}, signer.ErrBadTimestamp},
		{"Stripe: two times", stripe, []string{stripe.Value + ",t=1700000000"}, signer.ErrBadTimestamp},
		{"Stripe: time in another spelling", stripe, []string{"t=01700000000," + digest}, signer.ErrBadTimestamp},
		{"Stripe: another time", stripe, []string{"t=1700000001," + digest}, signer.ErrNoMatch},
		{"Stripe: older version", stripe, []string{"t=1700000000,v0" + digest[2:]}, signer.ErrNoSignature},
		{"Stripe: too old", stripe, []string{"t=1699999699," + digest}, signer.ErrTooOld},
		{"Stripe: too new", stripe, []string{"t=1700000301," + digest}, signer.ErrTooNew},
		{"Stripe: seventeenth", stripe, []string{"t=1700000000" + strings.Repeat(",v1="+strings.Repeat("0", 64), 16) + "," + digest}, signer.ErrNoMatch},
	} {
		t.Run(tt.name, func(t *testing.T) {
			atTime(t, tt.v.at(), func(t *testing.T) {
				scheme := tt.v.scheme(t)
				header := http.Header{scheme.Header(): tt.values}
				if err := schemeVerifier(t, scheme, mustText(t, tt.v.Secret)).Verify(header, []byte(tt.v.Body)); !errors.Is(err, tt.want) {
					t.Errorf("Verify = %v; want %v", err, tt.want)
				}
			})
		})
	}
}

// A verifier looks at no scheme but its own, whatever else a request carries.
func TestVerifierKeepsToItsScheme(t *testing.T) {
	at, body := time.Now(), "{}"
	text := mustText(t, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	standard := delivery(t, mustSecret(t, text.Reveal()), at, []byte(body))
	stripe, _ := signer.Stripe("")
	all := standard.Header.Clone()
	for _, s := range []signer.Scheme{signer.GitHub(), stripe} {
		all.Set(s.Header(), mustValue(t, s, at, body, text))
	}
	for name, tt := range map[string]struct {
		v    *signer.Verifier
		own  string
		fail error
	}{
		"Standard": {mustVerifier(t, text.Reveal()), signer.HeaderSignature, signer.ErrMissingHeader},
		"GitHub":   {schemeVerifier(t, signer.GitHub(), text), signer.GitHub().Header(), signer.ErrMissingHeader},
		"Stripe":   {schemeVerifier(t, stripe, text), stripe.Header(), signer.ErrMissingHeader},
	} {
		header := all.Clone()
		if err := tt.v.Verify(header, []byte(body)); err != nil {
			t.Errorf("%s: Verify = %v; want nil", name, err)
		}
		header.Del(tt.own)
		if err := tt.v.Verify(header, []byte(body)); !errors.Is(err, tt.fail) {
			t.Errorf("%s: Verify without its own signature = %v; want %v: another scheme would do", name, err, tt.fail)
		}
	}
}

// While a secret is rotated, Stripe's header carries both signatures, and one with
// room for a single one that of the newest.
func TestSchemesWhileRotating(t *testing.T) {
	at, body := time.Now(), "{}"
	fresh, old := mustText(t, "the new secret is long enough"), mustText(t, "the old secret is long enough")
	stripe, _ := signer.Stripe("")
	for _, tt := range []struct {
		scheme signer.Scheme
		want   error // of the old secret's verifier
	}{{stripe, nil}, {signer.GitHub(), signer.ErrNoMatch}} {
		header := http.Header{}
		header.Set(tt.scheme.Header(), mustValue(t, tt.scheme, at, body, fresh, old))
		if err := schemeVerifier(t, tt.scheme, fresh).Verify(header, []byte(body)); err != nil {
			t.Errorf("%s: Verify by the new secret = %v; want nil", tt.scheme.Header(), err)
		}
		if err := schemeVerifier(t, tt.scheme, old).Verify(header, []byte(body)); !errors.Is(err, tt.want) {
			t.Errorf("%s: Verify by the old secret = %v; want %v", tt.scheme.Header(), err, tt.want)
		}
		if err := schemeVerifier(t, tt.scheme, old, fresh).Verify(header, []byte(body)); err != nil {
			t.Errorf("%s: Verify by both = %v; want nil", tt.scheme.Header(), err)
		}
	}
}

// otherDelivery is a request that is signed in another scheme.
func otherDelivery(t testing.TB, s signer.Scheme, secret signer.TextSecret, body string) *http.Request {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set(signer.HeaderID, "evt_1")
	r.Header.Set(s.Header(), mustValue(t, s, time.Now(), body, secret))
	return r
}

func TestMiddlewareOfOtherSchemes(t *testing.T) {
	secret := mustText(t, "a secret of twenty-six bytes")
	stripe, _ := signer.Stripe("")
	for _, scheme := range []signer.Scheme{stripe, signer.GitHub()} {
		v, err := signer.NewVerifierWith(signer.VerifierConfig{
			Scheme: scheme, TextSecrets: []signer.TextSecret{secret}, Duplicates: newMemory(t, signer.MemoryConfig{}),
		})
		if err != nil {
			t.Fatal(err)
		}
		calls := 0
		h := v.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			calls++
			if id, at := signer.ID(r.Context()), signer.Timestamp(r.Context()); id != "evt_1" && calls == 1 || at.IsZero() != (scheme == signer.GitHub()) {
				t.Errorf("%s: ID, Timestamp = %q, %v; want evt_1, and a time only if it is signed", scheme.Header(), id, at)
			}
		}))
		serve := func(body, id string) int {
			r := otherDelivery(t, scheme, secret, body)
			r.Header["Webhook-Id"] = nil
			if id != "" {
				r.Header.Set(signer.HeaderID, id)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w.Code
		}
		// The id is not signed: who replays a request cannot get it past by
		// changing it.
		if serve("{}", "evt_1") != 200 || serve("{}", "evt_2") != 200 || serve("{}", "") != 200 || calls != 1 {
			t.Errorf("%s: one body with three ids was handled %d times; want once", scheme.Header(), calls)
		}
		if serve("[]", "") != 200 || calls != 2 {
			t.Errorf("%s: another body without an id was handled %d times; want once", scheme.Header(), calls-1)
		}
		if got := serve("[1]", "a.b"); got != http.StatusUnauthorized {
			t.Errorf("%s: an id with a dot was answered %d; want 401", scheme.Header(), got)
		}
	}
}

func TestSchemeErrors(t *testing.T) {
	for name, f := range map[string]func() (signer.Scheme, error){
		"no header":       func() (signer.Scheme, error) { return signer.Custom("", "") },
		"header no token": func() (signer.Scheme, error) { return signer.Custom("X Sig", "") },
		"header of ours":  func() (signer.Scheme, error) { return signer.Stripe("webhook-id") },
		"prefix with CR":  func() (signer.Scheme, error) { return signer.Custom("X-Sig", "a\r") },
		"prefix of 65":    func() (signer.Scheme, error) { return signer.Custom("X-Sig", strings.Repeat("a", 65)) },
	} {
		if s, err := f(); !errors.Is(err, signer.ErrBadScheme) || s != (signer.Scheme{}) {
			t.Errorf("%s: %v, %v; want ErrBadScheme", name, s, err)
		}
	}
	secret := mustText(t, "a secret of twenty-six bytes")
	for name, tt := range map[string]struct {
		scheme  signer.Scheme
		at      time.Time
		secrets []signer.TextSecret
		want    error
	}{
		"Standard":    {signer.Scheme{}, time.Now(), []signer.TextSecret{secret}, signer.ErrBadScheme},
		"no secret":   {signer.GitHub(), time.Now(), nil, signer.ErrNoKey},
		"zero secret": {signer.GitHub(), time.Now(), make([]signer.TextSecret, 1), signer.ErrNoKey},
		"before 1970": {signer.GitHub(), time.Unix(-1, 0), []signer.TextSecret{secret}, signer.ErrBadTimestamp},
	} {
		if value, err := tt.scheme.Value(tt.at, nil, tt.secrets...); !errors.Is(err, tt.want) || value != "" {
			t.Errorf("Value: %s: %q, %v; want %v", name, value, err, tt.want)
		}
	}
	for name, tt := range map[string]struct {
		cfg  signer.VerifierConfig
		want error
	}{
		"no key of the scheme's":  {signer.VerifierConfig{Scheme: signer.GitHub()}, signer.ErrNoKey},
		"a Secret for GitHub":     {signer.VerifierConfig{Scheme: signer.GitHub(), Secrets: []signer.Secret{newSecret(t)}}, signer.ErrKeyType},
		"a TextSecret for v1":     {signer.VerifierConfig{TextSecrets: []signer.TextSecret{secret}}, signer.ErrKeyType},
		"a zero TextSecret":       {signer.VerifierConfig{Scheme: signer.GitHub(), TextSecrets: make([]signer.TextSecret, 1)}, signer.ErrNoKey},
		"both kinds for Standard": {signer.VerifierConfig{Secrets: []signer.Secret{newSecret(t)}, TextSecrets: []signer.TextSecret{secret}}, signer.ErrKeyType},
	} {
		if _, err := signer.NewVerifierWith(tt.cfg); !errors.Is(err, tt.want) {
			t.Errorf("NewVerifierWith %s = %v; want %v", name, err, tt.want)
		}
	}
}

func TestTextSecret(t *testing.T) {
	for text, want := range map[string]error{
		"":                          signer.ErrNoKey,
		"fifteen bytes..":           signer.ErrKeySize,
		"sixteen bytes...":          nil,
		" space in front of it":     signer.ErrKeyEncoding,
		"a new line at its end\n":   signer.ErrKeyEncoding,
		"not ASCII, but Büro":       signer.ErrKeyEncoding,
		"whsk_MfKQ9r8GKYqrTwjUPD8I": signer.ErrKeyType,
		"whpk_MfKQ9r8GKYqrTwjUPD8I": signer.ErrKeyType,
		"whsec_MfKQ9r8GKYqrTwjUPD8": nil,
	} {
		secret, err := signer.ParseTextSecret(text)
		if !errors.Is(err, want) || err == nil && secret.Reveal() != text {
			t.Errorf("ParseTextSecret(%q) = %q, %v; want %v", text, secret.Reveal(), err, want)
		}
		if err != nil && len(text) > 8 && strings.Contains(err.Error(), text[5:]) {
			t.Errorf("the error %q quotes the secret", err)
		}
	}
	for n, want := range map[int]error{23: signer.ErrKeySize, 24: nil, 128: nil, 129: signer.ErrKeySize} {
		if err := mustText(t, strings.Repeat("x", n)).Strong(); !errors.Is(err, want) {
			t.Errorf("Strong of %d bytes = %v; want %v", n, err, want)
		}
	}
	made, err := signer.NewTextSecret()
	if err != nil || made.Strong() != nil || !strings.HasPrefix(made.Reveal(), "whsec_") || len(made.Reveal()) != 50 {
		t.Errorf("NewTextSecret = %q, %v; want whsec_ and base64 of 32 bytes", made.Reveal(), err)
	}
	same, zero := mustText(t, made.Reveal()), signer.TextSecret{}
	if !same.Equal(made) || same.Fingerprint() != made.Fingerprint() || same.Equal(zero) || !zero.Equal(zero) {
		t.Error("Equal or Fingerprint takes different secrets for the same, or the same for different")
	}
	if !zero.IsZero() || zero.Reveal() != "" || zero.Fingerprint() != "" || !errors.Is(zero.Strong(), signer.ErrNoKey) {
		t.Error("the zero TextSecret is a key")
	}
}
