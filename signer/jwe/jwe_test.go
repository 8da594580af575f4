package jwe_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/postrider/postrider/signer/jwe"
	"github.com/postrider/postrider/webhook"
)

// rsaKey is one for all tests: making it is slow.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func ecKey(curve elliptic.Curve) *ecdsa.PrivateKey {
	return must(ecdsa.GenerateKey(curve, rand.Reader))
}

// keys are one of each type.
func keys() map[string]crypto.PrivateKey {
	return map[string]crypto.PrivateKey{
		"RSA": rsaKey(), "P-256": ecKey(elliptic.P256()), "P-384": ecKey(elliptic.P384()), "P-521": ecKey(elliptic.P521()),
	}
}

func publicOf(key crypto.PrivateKey) crypto.PublicKey {
	return key.(interface{ Public() crypto.PublicKey }).Public()
}

// What is encrypted is opened by an implementation of its own, and the reverse.
func TestAgainstIndependentImplementation(t *testing.T) {
	for name, key := range keys() {
		alg := "ECDH-ES+A256KW"
		if name == "RSA" {
			alg = "RSA-OAEP-256"
		}
		encrypter := must(jwe.NewEncrypter(publicOf(key), "key-1"))
		decrypter := must(jwe.NewDecrypter(must(jwe.NewPrivateKey(key, "key-1"))))
		for _, plain := range []string{`{"type":"a"}`, "", strings.Repeat("x", 1<<20), "\x00\xff"} {
			text := string(must(encrypter.Encrypt([]byte(plain), "application/json")))
			got, h, err := openIndependently(text, key)
			if err != nil || string(got) != plain {
				t.Errorf("%s: %d bytes are opened as %d bytes, %v", name, len(plain), len(got), err)
			}
			if h.Alg != alg || h.Enc != "A256GCM" || h.Kid != "key-1" || h.Cty != "json" || h.Zip != "" {
				t.Errorf("%s: header %+v; want %s, A256GCM, key-1, json, not compressed", name, h, alg)
			}
			sealed := sealIndependently(t, key, header{Enc: "A256GCM", Kid: "key-1", Cty: "json"}, []byte(plain))
			opened, kind, err := decrypter.Decrypt(t.Context(), []byte(sealed))
			if err != nil || string(opened) != plain || kind != "application/json" {
				t.Errorf("%s: Decrypt of %d bytes = %d bytes of %s, %v", name, len(plain), len(opened), kind, err)
			}
		}
		one, two := must(encrypter.Encrypt([]byte("{}"), "text/plain")), must(encrypter.Encrypt([]byte("{}"), "text/plain"))
		if string(one) == string(two) {
			t.Errorf("%s: two encryptions are the same: a key or nonce was used again", name)
		}
		if _, kind, err := decrypter.Decrypt(t.Context(), one); err != nil || kind != "text/plain" {
			t.Errorf("%s: media type %q, %v; want text/plain", name, kind, err)
		}
	}
}

func TestDecryptRefuses(t *testing.T) {
	ec, other := ecKey(elliptic.P256()), ecKey(elliptic.P256())
	d := must(jwe.NewDecrypter(must(jwe.NewPrivateKey(ec, "ec")), must(jwe.NewPrivateKey(rsaKey(), "rsa"))))
	good := sealIndependently(t, ec, header{Enc: "A256GCM", Kid: "ec"}, []byte("{}"))
	if plain, kind, err := d.Decrypt(t.Context(), []byte(good)); err != nil || string(plain) != "{}" || kind != "application/octet-stream" {
		t.Fatalf("Decrypt = %q, %q, %v", plain, kind, err)
	}
	flip := func(part int) string { // one bit of a part
		parts := strings.Split(good, ".")
		raw := must(base64.RawURLEncoding.DecodeString(parts[part]))
		raw[len(raw)/2] ^= 1
		parts[part] = base64.RawURLEncoding.EncodeToString(raw)
		return strings.Join(parts, ".")
	}
	relabelled := strings.Split(good, ".")
	relabelled[0] = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"ec"}`))
	for name, tt := range map[string]struct {
		text string
		want error
	}{
		"empty":               {"", jwe.ErrForm},
		"JSON":                {`{"type":"a"}`, jwe.ErrForm},
		"four parts":          {good[:strings.LastIndexByte(good, '.')], jwe.ErrForm},
		"for nobody's key":    {sealIndependently(t, ec, header{Enc: "A256GCM", Kid: "x"}, nil), jwe.ErrUnknownKey},
		"without a key's id":  {sealIndependently(t, ec, header{Enc: "A256GCM"}, nil), jwe.ErrUnknownKey},
		"by another key":      {sealIndependently(t, other, header{Enc: "A256GCM", Kid: "ec"}, nil), jwe.ErrAltered},
		"another type of key": {sealIndependently(t, ec, header{Enc: "A256GCM", Kid: "rsa"}, nil), jwe.ErrAltered},
		"RSA for the EC key":  {sealIndependently(t, rsaKey(), header{Enc: "A256GCM", Kid: "ec"}, nil), jwe.ErrAltered},
		"relabelled":          {strings.Join(relabelled, "."), jwe.ErrAltered},
		"compressed":          {sealIndependently(t, ec, header{Enc: "A256GCM", Kid: "ec", Zip: "DEF"}, nil), jwe.ErrForm},
		"weaker content":      {sealIndependently(t, ec, header{Enc: "A128GCM", Kid: "ec"}, nil), jwe.ErrForm},
		"key altered":         {flip(1), jwe.ErrAltered},
		"nonce altered":       {flip(2), jwe.ErrAltered},
		"content altered":     {flip(3), jwe.ErrAltered},
		"tag altered":         {flip(4), jwe.ErrAltered},
		"direct":              {base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"dir","enc":"A256GCM","kid":"ec"}`)) + "....", jwe.ErrForm},
	} {
		if plain, _, err := d.Decrypt(t.Context(), []byte(tt.text)); !errors.Is(err, tt.want) || plain != nil {
			t.Errorf("Decrypt, %s: %q, %v; want %v", name, plain, err, tt.want)
		}
	}
}

// A key that is replaced opens what is still on its way.
func TestDecrypterWhileKeysAreReplaced(t *testing.T) {
	old, fresh := must(jwe.NewPrivateKey(ecKey(elliptic.P256()), "")), must(jwe.NewPrivateKey(rsaKey(), ""))
	d := must(jwe.NewDecrypter(fresh, old))
	for _, k := range []jwe.PrivateKey{old, fresh} {
		key, id, err := webhook.Encryption{JWK: k.PublicJWK()}.PublicKey()
		if err != nil {
			t.Fatalf("the JWK %s is refused: %v", k.PublicJWK(), err)
		}
		text := must(must(jwe.NewEncrypter(key, id)).Encrypt([]byte("{}"), "application/json"))
		if plain, _, err := d.Decrypt(t.Context(), text); err != nil || string(plain) != "{}" {
			t.Errorf("Decrypt by one of two keys = %q, %v", plain, err)
		}
	}
}

func TestPrivateKey(t *testing.T) {
	for name, key := range keys() {
		k := must(jwe.NewPrivateKey(key, ""))
		again, err := jwe.ParsePrivateKey(k.Reveal())
		if err != nil || again.Reveal() != k.Reveal() || again.PublicJWK() != k.PublicJWK() {
			t.Errorf("%s: ParsePrivateKey of what Reveal gives: %v", name, err)
		}
		var public map[string]string
		if err := json.Unmarshal([]byte(k.PublicJWK()), &public); err != nil || public["d"] != "" || public["kid"] == "" || public["use"] != "enc" {
			t.Errorf("%s: PublicJWK = %s, %v; want a public key with an id, for encryption", name, k.PublicJWK(), err)
		}
		if out := fmt.Sprintf("%v %+v %#v %s", k, &k, k, []any{k}) + string(must(json.Marshal(k))); strings.Contains(out, public["kid"]) || !strings.Contains(out, "***") {
			t.Errorf("%s: a private key prints as %s", name, out)
		}
	}
	var zero jwe.PrivateKey
	if zero.Reveal() != "" || zero.PublicJWK() != "" {
		t.Error("the zero PrivateKey shows something")
	}
	symmetric := `{"kty":"oct","k":"AAAA"}`
	public := must(jwe.NewPrivateKey(rsaKey(), "")).PublicJWK()
	for name, text := range map[string]string{"nothing": "", "text": "canary", "public": public, "symmetric": symmetric} {
		if _, err := jwe.ParsePrivateKey(text); !errors.Is(err, jwe.ErrKeyForm) && !errors.Is(err, jwe.ErrKeyType) || strings.Contains(err.Error(), "canary") {
			t.Errorf("ParsePrivateKey of %s: error %v", name, err)
		}
	}
}

func TestKeysRefused(t *testing.T) {
	small := must(rsa.GenerateKey(rand.Reader, 1024))
	edPublic, edPrivate, _ := ed25519.GenerateKey(rand.Reader)
	p224 := ecKey(elliptic.P224())
	for name, key := range map[string]crypto.PrivateKey{
		"RSA of 1024 bits": small, "Ed25519": edPrivate, "P-224": p224, "nil": nil, "nil RSA": (*rsa.PrivateKey)(nil), "nil EC": (*ecdsa.PrivateKey)(nil),
	} {
		if _, err := jwe.NewPrivateKey(key, "x"); !errors.Is(err, jwe.ErrKeyType) {
			t.Errorf("NewPrivateKey of %s: error %v; want ErrKeyType", name, err)
		}
	}
	for name, key := range map[string]crypto.PublicKey{
		"RSA of 1024 bits": &small.PublicKey, "Ed25519": edPublic, "P-224": &p224.PublicKey, "nil": nil,
		"empty RSA": &rsa.PublicKey{}, "empty EC": &ecdsa.PublicKey{}, "nil RSA": (*rsa.PublicKey)(nil), "nil EC": (*ecdsa.PublicKey)(nil),
	} {
		if _, err := jwe.NewEncrypter(key, "x"); !errors.Is(err, jwe.ErrKeyType) {
			t.Errorf("NewEncrypter for %s: error %v; want ErrKeyType", name, err)
		}
	}
	k := must(jwe.NewPrivateKey(rsaKey(), "x"))
	for name, list := range map[string][]jwe.PrivateKey{"none": nil, "the zero key": {{}}, "one id twice": {k, k}} {
		if _, err := jwe.NewDecrypter(list...); err == nil {
			t.Errorf("NewDecrypter with %s: no error", name)
		}
	}
}

// FuzzDecrypt feeds hostile bodies. Nothing but the sender's own is opened.
func FuzzDecrypt(f *testing.F) {
	key := ecKey(elliptic.P256())
	d := must(jwe.NewDecrypter(must(jwe.NewPrivateKey(key, "k"))))
	genuine := string(must(must(jwe.NewEncrypter(&key.PublicKey, "k")).Encrypt([]byte("{}"), "application/json")))
	for _, s := range []string{"%", "%.", "....", "%%", ` %`, `{"protected":"%"}`, "e30....", "\n%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		body := strings.ReplaceAll(text, "%", genuine)
		if plain, _, err := d.Decrypt(t.Context(), []byte(body)); err == nil && (string(plain) != "{}" || !strings.Contains(body, genuine)) {
			t.Errorf("Decrypt(%q) = %q", body, plain)
		}
	})
}
