package auth_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/postrider/postrider/dispatcher/httpapi/auth"
	"github.com/postrider/postrider/webhook"
)

const (
	issuer   = "https://login.example"
	audience = "webhooks"
)

// signing is a private key, or a secret, as it is with an issuer.
type signing struct {
	id, algorithm string
	key           any
}

func newSigning(t *testing.T, id, algorithm string) signing {
	t.Helper()
	var key any
	var err error
	switch algorithm[:2] {
	case "HS":
		key = []byte(strings.Repeat(rand.Text(), 3)) // 78 bytes: enough for HS512
	case "RS", "PS":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case "Ed":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		curves := map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()}
		key, err = ecdsa.GenerateKey(curves[algorithm], rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	return signing{id, algorithm, key}
}

// public returns what the key is checked with.
func (s signing) public() auth.Key {
	k := auth.Key{ID: s.id, Algorithm: s.algorithm, Key: s.key}
	if private, ok := s.key.(crypto.Signer); ok {
		k.Key = private.Public()
	}
	return k
}

// sign returns the header of a request with a token; header are more fields of the token's
// own header.
func (s signing) sign(t *testing.T, payload any, header map[string]any) string {
	t.Helper()
	opts := new(jose.SignerOptions)
	for name, value := range header {
		opts.WithHeader(jose.HeaderKey(name), value)
	}
	key := jose.JSONWebKey{Key: s.key, KeyID: s.id}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(s.algorithm), Key: key}, opts)
	if err != nil {
		t.Fatal(err)
	}
	text, ok := payload.(string)
	if !ok {
		encoded, err := json.Marshal(payload)
		if err != nil {
			t.Fatal(err)
		}
		text = string(encoded)
	}
	signed, err := signer.Sign([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return "Bearer " + token
}

// claims returns those of a good token, changed: nil takes a claim away.
func claims(changes map[string]any) map[string]any {
	c := map[string]any{
		"iss": issuer, "aud": audience, "sub": "ada", "exp": time.Now().Add(time.Hour).Unix(),
		"tenant": "acme", "role": "developer", "scope": "publish event-types",
	}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

func newJWT(t *testing.T, change func(*auth.JWTConfig), keys ...signing) auth.Func {
	t.Helper()
	cfg := auth.JWTConfig{Issuer: issuer, Audience: audience}
	for _, s := range keys {
		cfg.Keys = append(cfg.Keys, s.public())
	}
	if change != nil {
		change(&cfg)
	}
	f, err := auth.JWT(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestJWTAlgorithms(t *testing.T) {
	t.Parallel()
	want := webhook.Principal{Tenant: "acme", Role: webhook.RoleDeveloper, Actor: "ada", Scopes: []string{"publish", "event-types"}}
	for _, algorithm := range []string{
		"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
	} {
		s := newSigning(t, "k1", algorithm)
		other := newSigning(t, "k1", algorithm)
		authenticate := newJWT(t, nil, s)
		got, err := authenticate(with(s.sign(t, claims(nil), nil)))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: JWT = %v (-want +got):\n%s", algorithm, err, diff)
		}
		if _, err := authenticate(with(other.sign(t, claims(nil), nil))); !errors.Is(err, auth.ErrInvalid) {
			t.Errorf("%s: JWT of another key of the same name = %v; want ErrInvalid", algorithm, err)
		}
	}
}

// unsigned returns the header of a request with a token that somebody has put together.
func unsigned(header string, payload any, signature []byte) string {
	encoded, _ := json.Marshal(payload)
	e := base64.RawURLEncoding
	return "Bearer " + e.EncodeToString([]byte(header)) + "." + e.EncodeToString(encoded) + "." + e.EncodeToString(signature)
}

func TestJWTRefuses(t *testing.T) {
	t.Parallel()
	s := newSigning(t, "k1", "RS256")
	der, err := x509.MarshalPKIXPublicKey(s.public().Key)
	if err != nil {
		t.Fatal(err)
	}
	// The public key taken for a secret, as attackers do where alg is believed.
	confused := signing{"k1", "HS256", der}
	good := s.sign(t, claims(nil), nil)
	now := time.Now()
	signed := func(changes map[string]any) string { return s.sign(t, claims(changes), nil) }
	for _, tt := range []struct {
		name   string
		header string
		want   error
	}{
		{"good", good, nil},
		{"aud in a list", signed(map[string]any{"aud": []string{"other", audience}}), nil},
		{"expired within the leeway", signed(map[string]any{"exp": now.Add(-30 * time.Second).Unix()}), nil},
		{"expired", signed(map[string]any{"exp": now.Add(-2 * time.Minute).Unix()}), auth.ErrInvalid},
		{"never expires", signed(map[string]any{"exp": nil}), auth.ErrInvalid},
		{"not yet", signed(map[string]any{"nbf": now.Add(time.Hour).Unix()}), auth.ErrInvalid},
		{"from the future", signed(map[string]any{"iat": now.Add(time.Hour).Unix()}), auth.ErrInvalid},
		{"for another service", signed(map[string]any{"aud": "other"}), auth.ErrInvalid},
		{"for nobody", signed(map[string]any{"aud": nil}), auth.ErrInvalid},
		{"no tenant", signed(map[string]any{"tenant": nil}), auth.ErrInvalid},
		{"no role", signed(map[string]any{"role": nil}), auth.ErrInvalid},
		{"no subject", signed(map[string]any{"sub": nil}), auth.ErrInvalid},
		{"another role", signed(map[string]any{"role": "root"}), auth.ErrInvalid},
		{"scopes in a list", signed(map[string]any{"scope": []string{"publish"}}), auth.ErrInvalid},
		{"claims twice", s.sign(t, `{"iss":"`+issuer+`","aud":"other","aud":"webhooks","exp":9999999999,"sub":"a","tenant":"","role":"admin"}`, nil), auth.ErrInvalid},
		{"alg none", unsigned(`{"alg":"none"}`, claims(nil), nil), auth.ErrInvalid},
		{"alg None", unsigned(`{"alg":"None"}`, claims(nil), nil), auth.ErrInvalid},
		{"no alg", unsigned(`{"typ":"JWT"}`, claims(nil), nil), auth.ErrInvalid},
		{"HS256 by the public key", confused.sign(t, claims(nil), nil), auth.ErrInvalid},
		{"another algorithm of the key", signing{"k1", "PS256", s.key}.sign(t, claims(nil), nil), auth.ErrInvalid},
		{"another key's id", signing{"k2", "RS256", s.key}.sign(t, claims(nil), nil), auth.ErrInvalid},
		{"its key in itself", newSigning(t, "", "RS256").embedded(t), auth.ErrInvalid},
		{"a critical extension", s.sign(t, claims(nil), map[string]any{"crit": []string{"x"}, "x": 1}), auth.ErrInvalid},
		{"changed payload", strings.Join([]string{strings.Split(good, ".")[0], strings.Split(signed(map[string]any{"role": "admin"}), ".")[1], strings.Split(good, ".")[2]}, "."), auth.ErrInvalid},
		{"no signature", good[:strings.LastIndex(good, ".")+1], auth.ErrInvalid},
		{"too long", signed(map[string]any{"padding": strings.Repeat("x", 5000)}) + strings.Repeat("A", 3000), auth.ErrInvalid},
		{"another issuer", signed(map[string]any{"iss": "https://other.example"}), auth.ErrNone},
		{"no issuer", signed(map[string]any{"iss": nil}), auth.ErrNone},
		{"an API key", "Bearer prk_0123456789", auth.ErrNone},
		{"three words", "Bearer a.b.c", auth.ErrNone},
		{"an encrypted one", "Bearer a.b.c.d.e", auth.ErrNone},
		{"nothing", "Bearer ", auth.ErrNone},
		{"another scheme", basic("ada", password), auth.ErrNone},
	} {
		_, err := newJWT(t, nil, s)(with(tt.header))
		if !errors.Is(err, tt.want) || tt.want != nil && len(tt.header) > 60 && strings.Contains(err.Error(), tt.header[50:60]) {
			t.Errorf("%s: JWT = %v; want %v", tt.name, err, tt.want)
		}
	}
	if _, err := newJWT(t, nil, s)(with(good, good)); !errors.Is(err, auth.ErrInvalid) {
		t.Errorf("two headers: JWT = %v; want ErrInvalid", err)
	}
}

// embedded returns the header of a request with a token that brings its own key.
func (s signing) embedded(t *testing.T) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: s.key}, &jose.SignerOptions{EmbedJWK: true})
	if err != nil {
		t.Fatal(err)
	}
	payload, _ := json.Marshal(claims(nil))
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, _ := signed.CompactSerialize()
	return "Bearer " + token
}

// Two issuers in a chain do not get into each other's way, whatever their algorithms.
func TestJWTOfTwoIssuers(t *testing.T) {
	t.Parallel()
	one, two := newSigning(t, "a", "ES256"), newSigning(t, "b", "EdDSA")
	chain := auth.Chain(newJWT(t, nil, one), newJWT(t, func(c *auth.JWTConfig) { c.Issuer = "https://two.example" }, two))
	if _, err := chain(with(two.sign(t, claims(map[string]any{"iss": "https://two.example"}), nil))); err != nil {
		t.Errorf("a token of the second issuer = %v; want it let in", err)
	}
	if _, err := chain(with(one.sign(t, claims(map[string]any{"iss": "https://two.example"}), nil))); !errors.Is(err, auth.ErrInvalid) {
		t.Errorf("a token of the second issuer by the first one's key = %v; want ErrInvalid", err)
	}
}

// A key is used with its own algorithm alone, though another key's is allowed too.
func TestJWTKeysHaveTheirAlgorithm(t *testing.T) {
	t.Parallel()
	one, two := newSigning(t, "a", "RS256"), newSigning(t, "b", "PS256")
	authenticate := newJWT(t, nil, one, two)
	for _, s := range []signing{one, two} {
		if _, err := authenticate(with(s.sign(t, claims(nil), nil))); err != nil {
			t.Errorf("%s by its own algorithm = %v; want it let in", s.id, err)
		}
	}
	for _, s := range []signing{{"a", "PS256", one.key}, {"", "PS256", one.key}, {"b", "RS256", two.key}, {"b", "RS256", one.key}} {
		if _, err := authenticate(with(s.sign(t, claims(nil), nil))); !errors.Is(err, auth.ErrInvalid) {
			t.Errorf("%s by %s = %v; want ErrInvalid", s.id, s.algorithm, err)
		}
	}
}

func TestJWTOptions(t *testing.T) {
	t.Parallel()
	s := newSigning(t, "", "ES256")
	token := s.sign(t, claims(map[string]any{"groups": []string{"ops"}}), map[string]any{"typ": "at+JWT"})
	typed := func(typ string) auth.Func { return newJWT(t, func(c *auth.JWTConfig) { c.Type = typ }, s) }
	if _, err := typed("at+jwt")(with(token)); err != nil {
		t.Errorf("an access token = %v; want it let in", err)
	}
	if _, err := typed("logout+jwt")(with(token)); !errors.Is(err, auth.ErrInvalid) {
		t.Errorf("an access token for another purpose = %v; want ErrInvalid", err)
	}
	if _, err := typed("at+jwt")(with(s.sign(t, claims(nil), nil))); !errors.Is(err, auth.ErrInvalid) {
		t.Errorf("a token without a type = %v; want ErrInvalid", err)
	}
	for given, want := range map[error]error{nil: nil, auth.ErrNone: auth.ErrInvalid, webhook.ErrForbidden: webhook.ErrForbidden} {
		f := newJWT(t, func(c *auth.JWTConfig) {
			c.Principal = func(_ context.Context, c auth.Claims) (webhook.Principal, error) {
				var mine struct{ Groups []string }
				if err := c.Decode(&mine); err != nil || len(mine.Groups) != 1 || c.Subject != "ada" || c.ExpiresAt.IsZero() {
					t.Errorf("claims = %+v, groups %v, %v; want those of the token", c, mine.Groups, err)
				}
				return ada(), given
			}
		}, s)
		if _, err := f(with(token)); !errors.Is(err, want) || errors.Is(err, auth.ErrNone) {
			t.Errorf("JWT where Principal returns %v = %v; want %v", given, err, want)
		}
	}
}

func TestJWTConfig(t *testing.T) {
	t.Parallel()
	es, hs := newSigning(t, "a", "ES256").public(), newSigning(t, "b", "HS256").public()
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	keys := func(k ...auth.Key) auth.JWTConfig { return auth.JWTConfig{Issuer: issuer, Audience: audience, Keys: k} }
	of := func(algorithm string, key any) auth.JWTConfig { return keys(auth.Key{Algorithm: algorithm, Key: key}) }
	changed := func(c auth.JWTConfig, change func(*auth.JWTConfig)) auth.JWTConfig { change(&c); return c }
	set := auth.JWTConfig{Issuer: issuer, Audience: audience, JWKSURL: "https://login.example/keys"}
	for name, cfg := range map[string]auth.JWTConfig{
		"no issuer":                    changed(keys(es), func(c *auth.JWTConfig) { c.Issuer = "" }),
		"no audience":                  changed(keys(es), func(c *auth.JWTConfig) { c.Audience = "" }),
		"no keys":                      keys(),
		"keys and a URL":               changed(keys(es), func(c *auth.JWTConfig) { c.JWKSURL = set.JWKSURL }),
		"algorithms beside keys":       changed(keys(es), func(c *auth.JWTConfig) { c.Algorithms = []string{"ES256"} }),
		"negative leeway":              changed(keys(es), func(c *auth.JWTConfig) { c.Leeway = -1 }),
		"a short secret":               of("HS256", make([]byte, 31)),
		"a secret too short for it":    of("HS512", make([]byte, 63)),
		"a public key as a secret":     of("HS256", es.Key),
		"a secret as a public key":     of("RS256", hs.Key),
		"another curve":                of("ES384", es.Key),
		"a small RSA key":              of("RS256", &small.PublicKey),
		"no key":                       of("ES256", nil),
		"a nil key":                    of("ES256", (*ecdsa.PublicKey)(nil)),
		"an empty key":                 of("EdDSA", ed25519.PublicKey{}),
		"no algorithm":                 of("", es.Key),
		"alg none":                     of("none", es.Key),
		"a private key":                of("RS256", small),
		"shared secrets of a URL":      changed(set, func(c *auth.JWTConfig) { c.Algorithms = []string{"HS256"} }),
		"no algorithm of a URL":        changed(set, func(c *auth.JWTConfig) { c.Algorithms = []string{"none"} }),
		"a URL that is not https":      changed(set, func(c *auth.JWTConfig) { c.JWKSURL = "http://login.example/keys" }),
		"a URL on a private network":   changed(set, func(c *auth.JWTConfig) { c.JWKSURL = "https://127.0.0.1/keys" }),
		"a URL of the cloud's secrets": changed(set, func(c *auth.JWTConfig) { c.JWKSURL = "https://169.254.169.254/" }),
	} {
		if _, err := auth.JWT(cfg); err == nil {
			t.Errorf("JWT with %s = nil; want an error", name)
		}
	}
	if _, err := auth.JWT(set); err != nil {
		t.Errorf("JWT with a JWKSURL = %v; want nil", err)
	}
	secret := string(hs.Key.([]byte))
	if got := fmt.Sprintf("%v %+v %#v", hs, keys(hs), hs); strings.Contains(got, secret) || strings.Contains(got, fmt.Sprint([]byte(secret))) {
		t.Errorf("a key prints as %s; want no secret", got)
	}
}
