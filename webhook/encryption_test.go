package webhook_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"strings"
	"sync"
	"testing"

	"github.com/postrider/postrider/webhook"
)

// jwk is a JWK by its members.
type jwk map[string]any

// with returns a copy that has other values for some members.
func (k jwk) with(other jwk) jwk {
	k = maps.Clone(k)
	maps.Copy(k, other)
	return k
}

func (k jwk) encryption(t *testing.T) webhook.Encryption {
	t.Helper()
	text, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	return webhook.Encryption{JWK: string(text)}
}

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// rsaJWK is one for all tests: making a key is slow.
var rsaJWK = sync.OnceValue(func() jwk {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return jwk{"kty": "RSA", "n": base64url(key.N.Bytes()), "e": "AQAB"}
})

func ecJWK(t *testing.T, curve elliptic.Curve) jwk {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	half := (len(point) - 1) / 2
	return jwk{"kty": "EC", "crv": curve.Params().Name, "x": base64url(point[1 : 1+half]), "y": base64url(point[1+half:])}
}

func TestEncryptionKeys(t *testing.T) {
	for name, k := range map[string]jwk{
		"RSA": rsaJWK(), "P-256": ecJWK(t, elliptic.P256()), "P-384": ecJWK(t, elliptic.P384()), "P-521": ecJWK(t, elliptic.P521()),
		"RSA with all it may have": rsaJWK().with(jwk{"kid": "key-1", "use": "enc", "alg": "RSA-OAEP-256", "x5c": []string{"…"}}),
		"EC with all it may have":  ecJWK(t, elliptic.P256()).with(jwk{"kid": "key-1", "use": "enc", "alg": "ECDH-ES+A256KW"}),
	} {
		key, id, err := k.encryption(t).PublicKey()
		if err != nil || key == nil || k["kid"] != nil && id != k["kid"] || k["kid"] == nil && len(id) != 43 {
			t.Errorf("%s: PublicKey = %T, id %q, %v; want a key, and for an id its kid or a thumbprint", name, key, id, err)
		}
		ep := webhook.Endpoint{Tenant: "acme", URL: "https://a.example/", Encryption: k.encryption(t)}
		if err := ep.Validate(); err != nil {
			t.Errorf("%s: Validate = %v", name, err)
		}
	}
	// The thumbprint of RFC 7638, section 3.1.
	rfc := webhook.Encryption{JWK: `{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs` +
		`tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",` +
		`"e":"AQAB","alg":"RSA-OAEP-256"}`}
	if _, id, err := rfc.PublicKey(); err != nil || id != "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" {
		t.Errorf("thumbprint = %q, %v; want that of RFC 7638", id, err)
	}
}

func TestEncryptionRefuses(t *testing.T) {
	r, ec := rsaJWK(), ecJWK(t, elliptic.P256())
	bits := func(n uint) jwk { // an odd number of n bits
		return r.with(jwk{"n": base64url(new(big.Int).SetBit(new(big.Int).SetBit(new(big.Int), int(n)-1, 1), 0, 1).Bytes())})
	}
	other := ecJWK(t, elliptic.P256())
	for name, tt := range map[string]struct {
		key  jwk
		want string
	}{
		"no type":              {jwk{}, "kty RSA"},
		"symmetric":            {jwk{"kty": "oct", "k": "AAAA"}, "private members"},
		"Ed25519":              {jwk{"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}, "kty RSA"},
		"another curve":        {ec.with(jwk{"crv": "secp256k1"}), "P-256"},
		"private RSA":          {r.with(jwk{"d": "AAAA"}), "private members"},
		"private by a prime":   {r.with(jwk{"p": "AAAA"}), "private members"},
		"private in capitals":  {ec.with(jwk{"D": "AAAA"}), "private members"},
		"private but empty":    {ec.with(jwk{"d": nil}), "private members"},
		"RSA of 2047 bits":     {bits(2047), "2048 to 8192 bits"},
		"RSA of 8193 bits":     {bits(8193), "2048 to 8192 bits"},
		"even modulus":         {r.with(jwk{"n": base64url(append([]byte{0xff}, make([]byte, 255)...))}), "2048 to 8192"},
		"exponent 1":           {r.with(jwk{"e": "AQ"}), "odd exponent"},
		"even exponent":        {r.with(jwk{"e": "Ag"}), "odd exponent"},
		"exponent of 32 bits":  {r.with(jwk{"e": base64url([]byte{0xff, 0xff, 0xff, 0xff})}), "odd exponent"},
		"exponent of 40 bits":  {r.with(jwk{"e": base64url([]byte{1, 0, 0, 0, 1})}), "as a JWK"},
		"modulus not base64":   {r.with(jwk{"n": "canary!"}), "as a JWK"},
		"modulus a number":     {r.with(jwk{"n": 7}), "as a JWK"},
		"off the curve":        {ec.with(jwk{"x": other["x"]}), "point on its curve"},
		"half a coordinate":    {ec.with(jwk{"x": "AAAA"}), "point on its curve"},
		"no y":                 {jwk{"kty": "EC", "crv": "P-256", "x": ec["x"]}, "point on its curve"},
		"for signatures":       {r.with(jwk{"use": "sig"}), "for encryption"},
		"RSA with SHA-1":       {r.with(jwk{"alg": "RSA-OAEP"}), "for encryption"},
		"an algorithm of RSA":  {ec.with(jwk{"alg": "RSA-OAEP-256"}), "for encryption"},
		"long id":              {r.with(jwk{"kid": strings.Repeat("k", 257)}), "kid"},
		"id with a line break": {r.with(jwk{"kid": "a\nb"}), "kid"},
		"larger than 8 KiB":    {r.with(jwk{"x5c": strings.Repeat("x", 8<<10)}), "as a JWK"},
	} {
		err := webhook.Endpoint{Tenant: "acme", URL: "https://a.example/", Encryption: tt.key.encryption(t)}.Validate()
		checkInvalid(t, "Encryption, "+name, err, "encryption.jwk", webhook.CodeInvalidField)
		if err != nil && (!strings.Contains(strings.ToLower(err.Error()), strings.ToLower(tt.want)) || strings.Contains(err.Error(), "canary")) {
			t.Errorf("Encryption, %s: error %q; want it to say %q and to repeat nothing", name, err, tt.want)
		}
	}
	for _, text := range []string{"x", "null", "[]", `"canary"`, "{}{}", `{"kty":"RSA"`} {
		if _, _, err := (webhook.Encryption{JWK: text}).PublicKey(); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("PublicKey of %s: error %v; want one that repeats nothing", text, err)
		}
	}
}
