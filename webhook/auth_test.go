package webhook_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postrider/postrider/webhook"
)

// keys are private keys in PEM, of every kind that an endpoint may have or not.
var keys = sync.OnceValue(func() map[string]webhook.Credential {
	made := make(map[string]webhook.Credential)
	add := func(name, kind string, der []byte, err error) {
		if err != nil {
			panic(err)
		}
		made[name] = webhook.NewCredential(string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
	}
	pkcs8 := func(name string, key crypto.Signer, err error) {
		if err != nil {
			panic(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		add(name, "PRIVATE KEY", der, err)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	pkcs8("rsa 1024", weak, err)
	strong, err := rsa.GenerateKey(rand.Reader, 2048)
	pkcs8("rsa", strong, err)
	add("rsa pkcs1", "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(strong), nil)
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	pkcs8("p256", p256, err)
	sec1, err := x509.MarshalECPrivateKey(p256)
	add("p256 sec1", "EC PRIVATE KEY", sec1, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	pkcs8("p384", p384, err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	pkcs8("ed25519", ed, err)
	add("public", "PUBLIC KEY", []byte{1}, nil)
	made["parameters first"] = webhook.NewCredential(
		string(pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte{6}})) + made["p256 sec1"].Reveal())
	made["32 bytes"], made["31 bytes"] = webhook.NewCredential(strings.Repeat("k", 32)), webhook.NewCredential(strings.Repeat("k", 31))
	return made
})

// clientCertificate returns a certificate in PEM for a key of keys.
func clientCertificate(t *testing.T, key string) (text string, leaf *x509.Certificate) {
	t.Helper()
	block, _ := pem.Decode([]byte(keys()[key].Reveal()))
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, parsed.(crypto.Signer).Public(), parsed)
	if err != nil {
		t.Fatal(err)
	}
	if leaf, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), leaf
}

type authCase struct {
	name   string
	change func(*webhook.Endpoint)
	want   []string // "field code"; none for a good endpoint
}

func authOf(a webhook.Auth) func(*webhook.Endpoint) {
	return func(ep *webhook.Endpoint) { ep.Auth = a }
}

func jwt(algorithm webhook.JWTAlgorithm, key string) func(*webhook.Endpoint) {
	return authOf(webhook.Auth{Type: webhook.AuthJWT, Secret: keys()[key], JWT: webhook.JWT{Algorithm: algorithm}})
}

func oauth(change func(*webhook.OAuth2)) func(*webhook.Endpoint) {
	o := webhook.OAuth2{TokenURL: "https://login.example/token", ClientID: "c1"}
	change(&o)
	return authOf(webhook.Auth{Type: webhook.AuthOAuth2, Secret: webhook.NewCredential("s"), OAuth2: o})
}

func TestAuthValidation(t *testing.T) {
	secret := webhook.NewCredential("s3cret")
	badSecret, badTime := []string{"auth.secret invalid_field"}, []string{"auth.jwt.lifetime_seconds invalid_field"}
	badOAuth := func(field string) []string { return []string{"auth.oauth2." + field + " invalid_field"} }
	for _, tt := range []authCase{
		{"none", func(*webhook.Endpoint) {}, nil},
		{"unknown", authOf(webhook.Auth{Type: "digest", Secret: secret}), []string{"auth.type invalid_field"}},
		{"secret without a type", authOf(webhook.Auth{Secret: secret}), []string{"auth.type invalid_field"}},
		{"settings without a type", authOf(webhook.Auth{Username: "ann"}), []string{"auth invalid_field"}},

		{"api key", authOf(webhook.Auth{Type: webhook.AuthAPIKey, Secret: secret}), nil},
		{"api key in a header", authOf(webhook.Auth{Type: webhook.AuthAPIKey, Secret: secret, Header: "Token"}), nil},
		{"no api key", authOf(webhook.Auth{Type: webhook.AuthAPIKey}), badSecret},
		{"api key in two lines", authOf(webhook.Auth{Type: webhook.AuthAPIKey, Secret: webhook.NewCredential("a\r\nB: c")}), badSecret},
		{"long api key", authOf(webhook.Auth{Type: webhook.AuthAPIKey, Secret: webhook.NewCredential(strings.Repeat("a", 4097))}), badSecret},
		{"api key in no header", authOf(webhook.Auth{Type: webhook.AuthAPIKey, Secret: secret, Header: "A B"}), []string{"auth.header invalid_field"}},
		{"api key as the signature", authOf(webhook.Auth{Type: webhook.AuthAPIKey, Secret: secret, Header: "webhook_signature"}), []string{"auth.header header_not_allowed"}},
		{"api key as the host", authOf(webhook.Auth{Type: webhook.AuthAPIKey, Secret: secret, Header: "Host"}), []string{"auth.header header_not_allowed"}},

		{"basic", authOf(webhook.Auth{Type: webhook.AuthBasic, Username: "büro", Secret: webhook.NewCredential("pä ss:")}), nil},
		{"no user", authOf(webhook.Auth{Type: webhook.AuthBasic, Secret: secret}), []string{"auth.username invalid_field"}},
		{"user with a colon", authOf(webhook.Auth{Type: webhook.AuthBasic, Username: "a:b", Secret: secret}), []string{"auth.username invalid_field"}},
		{"no password", authOf(webhook.Auth{Type: webhook.AuthBasic, Username: "ann"}), badSecret},
		{"NUL in the password", authOf(webhook.Auth{Type: webhook.AuthBasic, Username: "ann", Secret: webhook.NewCredential("a\x00")}), badSecret},

		{"bearer", authOf(webhook.Auth{Type: webhook.AuthBearer, Secret: secret}), nil},
		{"bearer with its scheme", authOf(webhook.Auth{Type: webhook.AuthBearer, Secret: webhook.NewCredential("Bearer x")}), badSecret},
		{"no token", authOf(webhook.Auth{Type: webhook.AuthBearer}), badSecret},
		{"bearer with a user", authOf(webhook.Auth{Type: webhook.AuthBearer, Secret: secret, Username: "ann"}), []string{"auth invalid_field"}},
		{"the same header twice", func(ep *webhook.Endpoint) {
			ep.Auth = webhook.Auth{Type: webhook.AuthBearer, Secret: secret}
			ep.Headers = map[string]string{"authorization": "x"}
		}, []string{"headers header_not_allowed"}},

		{"HS256", jwt(webhook.JWTHS256, "32 bytes"), nil},
		{"HS256 with a short key", jwt(webhook.JWTHS256, "31 bytes"), badSecret},
		{"RS256", jwt(webhook.JWTRS256, "rsa"), nil},
		{"RS256, PKCS 1", jwt(webhook.JWTRS256, "rsa pkcs1"), nil},
		{"RS256 with a short key", jwt(webhook.JWTRS256, "rsa 1024"), badSecret},
		{"RS256 with a key for ES256", jwt(webhook.JWTRS256, "p256"), badSecret},
		{"ES256", jwt(webhook.JWTES256, "p256"), nil},
		{"ES256, SEC 1", jwt(webhook.JWTES256, "p256 sec1"), nil},
		{"ES256, parameters first", jwt(webhook.JWTES256, "parameters first"), nil},
		{"ES256 with P-384", jwt(webhook.JWTES256, "p384"), badSecret},
		{"EdDSA", jwt(webhook.JWTEdDSA, "ed25519"), nil},
		{"EdDSA with a public key", jwt(webhook.JWTEdDSA, "public"), badSecret},
		{"EdDSA with text", jwt(webhook.JWTEdDSA, "32 bytes"), badSecret},
		{"no algorithm", jwt("", "rsa"), []string{"auth.jwt.algorithm invalid_field"}},
		{"algorithm none", jwt("none", "rsa"), []string{"auth.jwt.algorithm invalid_field"}},
		{"short life", func(ep *webhook.Endpoint) {
			jwt(webhook.JWTHS256, "32 bytes")(ep)
			ep.Auth.JWT.Lifetime = 59 * time.Second
		}, badTime},
		{"long life", func(ep *webhook.Endpoint) {
			jwt(webhook.JWTHS256, "32 bytes")(ep)
			ep.Auth.JWT.Lifetime = 2 * time.Hour
		}, badTime},
		{"broken second", func(ep *webhook.Endpoint) {
			jwt(webhook.JWTHS256, "32 bytes")(ep)
			ep.Auth.JWT.Lifetime = time.Minute + 1
		}, badTime},
		{"control characters in claims", func(ep *webhook.Endpoint) {
			jwt(webhook.JWTHS256, "32 bytes")(ep)
			ep.Auth.JWT.Issuer, ep.Auth.JWT.KeyID = "\n", "\x00"
		}, []string{"auth.jwt.key_id invalid_field", "auth.jwt.issuer invalid_field"}},

		{"oauth2", oauth(func(o *webhook.OAuth2) { o.Scopes, o.Style = []string{"a:b", "c"}, webhook.OAuth2Post }), nil},
		{"no token URL", oauth(func(o *webhook.OAuth2) { o.TokenURL = "" }), []string{"auth.oauth2.token_url url_invalid"}},
		{"no client", oauth(func(o *webhook.OAuth2) { o.ClientID = "" }), badOAuth("client_id")},
		{"two scopes in one", oauth(func(o *webhook.OAuth2) { o.Scopes = []string{"a b"} }), badOAuth("scopes")},
		{"many scopes", oauth(func(o *webhook.OAuth2) { o.Scopes = slices.Repeat([]string{"a"}, 21) }), badOAuth("scopes")},
		{"unknown style", oauth(func(o *webhook.OAuth2) { o.Style = "query" }), badOAuth("style")},
		{"no client secret", func(ep *webhook.Endpoint) { oauth(func(*webhook.OAuth2) {})(ep); ep.Auth.Secret = webhook.Credential{} }, badSecret},

		{"custom", authOf(webhook.Auth{Type: webhook.AuthCustom, Scheme: "house", Params: map[string]string{"a": "b"}}), nil},
		{"custom with a key", authOf(webhook.Auth{Type: webhook.AuthCustom, Scheme: "house", Secret: keys()["p256"]}), nil},
		{"no scheme", authOf(webhook.Auth{Type: webhook.AuthCustom}), []string{"auth.scheme invalid_field"}},
		{"bad params", authOf(webhook.Auth{Type: webhook.AuthCustom, Scheme: "house", Params: map[string]string{"": "b"}}), []string{"auth.params invalid_field"}},
		{"huge secret", authOf(webhook.Auth{Type: webhook.AuthCustom, Scheme: "house", Secret: webhook.NewCredential(strings.Repeat("a", 16<<10+1))}), badSecret},
	} {
		tt.check(t)
	}
}

func TestTLSValidation(t *testing.T) {
	certificate, leaf := clientCertificate(t, "p256")
	other, _ := clientCertificate(t, "ed25519")
	sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	pin := base64.StdEncoding.EncodeToString(sum[:])
	with := func(change func(*webhook.TLS)) func(*webhook.Endpoint) {
		return func(ep *webhook.Endpoint) { change(&ep.TLS) }
	}
	client := func(certificate, key string) func(*webhook.Endpoint) {
		return with(func(s *webhook.TLS) {
			s.ClientCertificate, s.ClientKey = webhook.NewCredential(certificate), keys()[key]
		})
	}
	bad := func(field string) []string { return []string{"tls." + field + " invalid_field"} }
	for _, tt := range []authCase{
		{"version", with(func(s *webhook.TLS) { s.MinVersion = webhook.TLS13 }), nil},
		{"old version", with(func(s *webhook.TLS) { s.MinVersion = "1.1" }), bad("min_version")},
		{"authorities", with(func(s *webhook.TLS) { s.Authorities = certificate + other }), nil},
		{"a key among authorities", with(func(s *webhook.TLS) { s.Authorities = certificate + keys()["p256"].Reveal() }), bad("authorities")},
		{"text after authorities", with(func(s *webhook.TLS) { s.Authorities = certificate + "x" }), bad("authorities")},
		{"many authorities", with(func(s *webhook.TLS) { s.Authorities = strings.Repeat(certificate, 11) }), bad("authorities")},
		{"pin", with(func(s *webhook.TLS) { s.Pins = []string{pin} }), nil},
		{"pin twice", with(func(s *webhook.TLS) { s.Pins = []string{pin, pin} }), bad("pins")},
		{"pin in hex", with(func(s *webhook.TLS) { s.Pins = []string{hex.EncodeToString(sum[:])} }), bad("pins")},
		{"short pin", with(func(s *webhook.TLS) { s.Pins = []string{"c2hvcnQ="} }), bad("pins")},
		{"client", client(certificate, "p256"), nil},
		{"client with its chain", client(certificate+other, "p256"), nil},
		{"client and another's key", client(certificate, "ed25519"), bad("client_key")},
		{"client without a key", client(certificate, ""), bad("client_key")},
		{"key without a client", client("", "p256"), bad("client_certificate")},
		{"client that is text", client("x", "p256"), bad("client_certificate")},
		{"long chain", client(strings.Repeat(certificate, 6), "p256"), bad("client_certificate")},
		{"plain http", func(ep *webhook.Endpoint) { ep.URL, ep.TLS.Pins = "http://a.example/", []string{pin} }, []string{"tls invalid_field"}},
		{"plain http and nothing", func(ep *webhook.Endpoint) { ep.URL, ep.TLS.MinVersion = "http://a.example/", webhook.TLS12 }, nil},
	} {
		tt.check(t)
	}

	ep := webhook.Endpoint{}
	client(certificate, "p256")(&ep)
	digest := sha256.Sum256(leaf.Raw)
	if got := ep.WithDefaults().TLS; got.ClientFingerprint != hex.EncodeToString(digest[:]) || !got.ClientNotAfter.Equal(leaf.NotAfter) {
		t.Errorf("readable of a client certificate = %s until %s; want the SHA-256 of the certificate until %s", got.ClientFingerprint, got.ClientNotAfter, leaf.NotAfter)
	}
	if got := ep.WithDefaults().WithoutSecrets(); !got.TLS.ClientCertificate.IsZero() || !got.TLS.ClientKey.IsZero() || got.TLS.ClientFingerprint == "" {
		t.Errorf("WithoutSecrets = %+v; want the fingerprint alone", got.TLS)
	}
}

func (tt authCase) check(t *testing.T) {
	t.Helper()
	ep := webhook.Endpoint{URL: "https://a.example/"}
	tt.change(&ep)
	err := ep.Validate()
	var got []string
	if inv, ok := errors.AsType[*webhook.InvalidError](err); ok {
		for _, f := range inv.Fields {
			got = append(got, f.Field+" "+f.Code)
		}
	}
	if !slices.Equal(got, tt.want) {
		t.Errorf("%s: Validate = %v; want fields at fault %q", tt.name, err, tt.want)
	}
}
