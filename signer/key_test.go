package signer_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/postrider/postrider/signer"
)

func newSecret(t testing.TB) signer.Secret {
	t.Helper()
	s, err := signer.NewSecret()
	if err != nil {
		t.Fatalf("NewSecret: %v", err)
	}
	return s
}

// keyText is a key of n bytes with its prefix.
func keyText(prefix string, n int) string {
	return prefix + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xA5}, n))
}

func TestNewSecret(t *testing.T) {
	s, other := newSecret(t), newSecret(t)
	if s.Equal(other) || s.IsZero() {
		t.Error("two new secrets are equal or zero; want random ones")
	}
	if err := s.Strong(); err != nil {
		t.Errorf("Strong of a new secret = %v; want nil", err)
	}
	text, ok := strings.CutPrefix(s.Reveal(), "whsec_")
	raw, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(raw) != 32 {
		t.Errorf("Reveal is not whsec_ and padded base64 of 32 bytes (%d bytes, %v)", len(raw), err)
	}
	if !mustSecret(t, s.Reveal()).Equal(s) {
		t.Error("the revealed secret is another secret")
	}
}

func TestParseSecret(t *testing.T) {
	a, b, c := vectorNamed(t, "A"), vectorNamed(t, "B"), vectorNamed(t, "C")
	tests := []struct {
		name string
		text string
		want error
	}{
		{"with prefix", a.Key, nil},
		{"without prefix", a.Key[6:], nil},
		{"23 bytes, unpadded", vectorNamed(t, "G").Key, nil},
		{"25 bytes, unpadded", vectorNamed(t, "H").Key, nil},
		{"16 bytes", keyText("whsec_", 16), nil},
		{"100 bytes", keyText("whsec_", 100), nil},

		{"empty", "", signer.ErrNoKey},
		{"bare prefix", "whsec_", signer.ErrNoKey},
		{"15 bytes", keyText("whsec_", 15), signer.ErrKeySize},
		{"wrong length", "whsec_wronglength", signer.ErrKeySize},
		{"one character", "w", signer.ErrKeyEncoding},
		{"no base64", "whsec_%", signer.ErrKeyEncoding},
		{"padding only", "whsec_====", signer.ErrKeyEncoding},
		{"padding in excess", a.Key + "=", signer.ErrKeyEncoding},
		{"misspelt prefix", "hwsec_" + b.Key[6:], signer.ErrKeyEncoding},
		{"prefix in capitals", "WHSEC_" + b.Key[6:], signer.ErrKeyEncoding},
		{"prefix twice", "whsec_" + a.Key, signer.ErrKeyEncoding},
		{"URL alphabet", "whsec_" + strings.Repeat("-_", 16), signer.ErrKeyEncoding},
		{"line end", a.Key + "\n", signer.ErrKeyEncoding},
		{"blank", " " + a.Key[6:], signer.ErrKeyEncoding},
		{"public key", c.Public, signer.ErrKeyType},
		{"private key", c.Key, signer.ErrKeyType},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := signer.ParseSecret(tt.text)
			checkParsed(t, tt.text, s.IsZero(), err, tt.want)
		})
	}
}

func TestParsePrivateKey(t *testing.T) {
	c := vectorNamed(t, "C")
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(c.Key, "whsk_"))
	if err != nil {
		t.Fatal(err)
	}
	seed := "whsk_" + base64.StdEncoding.EncodeToString(raw[:32])
	raw[63] ^= 1
	mixed := "whsk_" + base64.StdEncoding.EncodeToString(raw)
	tests := []struct {
		name string
		text string
		want error
	}{
		{"64 bytes", c.Key, nil},
		{"seed", seed, nil},
		{"empty", "", signer.ErrNoKey},
		{"bare prefix", "whsk_", signer.ErrNoKey},
		{"without prefix", c.Key[5:], signer.ErrKeyType},
		{"public key", c.Public, signer.ErrKeyType},
		{"secret", vectorNamed(t, "A").Key, signer.ErrKeyType},
		{"cut short", c.Key[:len(c.Key)-3], signer.ErrKeyEncoding},
		{"cut short, as Svix has it", strings.Replace(c.Key, "MFs6Kvg==", "Ms6Kv", 1), signer.ErrKeySize},
		{"31 bytes", keyText("whsk_", 31), signer.ErrKeySize},
		{"63 bytes", keyText("whsk_", 63), signer.ErrKeySize},
		{"halves of two keys", mixed, signer.ErrKeyMismatch},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := signer.ParsePrivateKey(tt.text)
			checkParsed(t, tt.text, p.IsZero(), err, tt.want)
			if err == nil && p.Reveal() != c.Key {
				t.Error("Reveal does not give the 64 byte form of the vector's key")
			}
		})
	}
}

func TestParsePublicKey(t *testing.T) {
	c := vectorNamed(t, "C")
	tests := []struct {
		name string
		text string
		want error
	}{
		{"padded", c.Public, nil},
		{"unpadded", strings.TrimRight(c.Public, "="), nil},
		{"empty", "", signer.ErrNoKey},
		{"bare prefix", "whpk_", signer.ErrNoKey},
		{"zeros", "whpk_" + strings.Repeat("A", 43) + "=", signer.ErrNoKey},
		{"without prefix", c.Public[5:], signer.ErrKeyType},
		{"private key", c.Key, signer.ErrKeyType},
		{"secret", vectorNamed(t, "A").Key, signer.ErrKeyType},
		{"31 bytes", keyText("whpk_", 31), signer.ErrKeySize},
		{"33 bytes", keyText("whpk_", 33), signer.ErrKeySize},
		{"no base64", "whpk_%", signer.ErrKeyEncoding},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := signer.ParsePublicKey(tt.text)
			checkParsed(t, tt.text, p.IsZero(), err, tt.want)
			if err == nil && p.String() != c.Public {
				t.Errorf("String = %q; want %q", p, c.Public)
			}
		})
	}
}

// checkParsed checks the result of parsing text, and that the error does not
// quote it.
func checkParsed(t *testing.T, text string, zero bool, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || zero != (want != nil) {
		t.Errorf("parse = %v (zero: %t); want %v", err, zero, want)
	}
	if err != nil && quotesKey(err.Error(), text) {
		t.Error("the error quotes the key: it would end up in logs")
	}
}

// quotesKey reports whether msg contains eight characters in a row of the key.
func quotesKey(msg, text string) bool {
	for _, prefix := range []string{"whsec_", "whsk_", "whpk_"} {
		text = strings.TrimPrefix(text, prefix)
	}
	for i := 0; i+8 <= len(text); i++ {
		if strings.Contains(msg, text[i:i+8]) {
			return true
		}
	}
	return false
}

func TestSecretStrong(t *testing.T) {
	for n, want := range map[int]error{
		16: signer.ErrKeySize, 23: signer.ErrKeySize, 24: nil, 32: nil, 64: nil, 65: signer.ErrKeySize,
	} {
		if err := mustSecret(t, keyText("whsec_", n)).Strong(); !errors.Is(err, want) {
			t.Errorf("Strong of %d bytes = %v; want %v", n, err, want)
		}
	}
	if err := (signer.Secret{}).Strong(); !errors.Is(err, signer.ErrNoKey) {
		t.Errorf("Strong of the zero Secret = %v; want %v", err, signer.ErrNoKey)
	}
}

func TestRevealIsPadded(t *testing.T) {
	if got, want := mustSecret(t, vectorNamed(t, "H").Key).Reveal(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwBg=="; got != want {
		t.Errorf("Reveal = %q; want %q: other libraries take padded keys only", got, want)
	}
}

func TestFingerprint(t *testing.T) {
	a, c := vectorNamed(t, "A"), vectorNamed(t, "C")
	sum := func(text string) string {
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		h := sha256.Sum256(raw)
		return hex.EncodeToString(h[:])
	}
	if got, want := mustSecret(t, a.Key).Fingerprint(), sum(a.Key[6:]); got != want {
		t.Errorf("Secret.Fingerprint = %s; want the SHA-256 of the bytes, %s", got, want)
	}
	if got, want := mustPrivate(t, c.Key).Fingerprint(), sum(c.Key[5:]); got != want {
		t.Errorf("PrivateKey.Fingerprint = %s; want the SHA-256 of the bytes, %s", got, want)
	}
}

func TestEqual(t *testing.T) {
	a, c := vectorNamed(t, "A"), vectorNamed(t, "C")
	s, p := mustSecret(t, a.Key), mustPrivate(t, c.Key)
	other, err := signer.NewPrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	var noSecret signer.Secret
	var noKey signer.PrivateKey
	tests := []struct {
		name string
		got  bool
		want bool
	}{
		{"same secret", s.Equal(mustSecret(t, a.Key[6:])), true},
		{"other secret", s.Equal(newSecret(t)), false},
		{"longer secret", s.Equal(mustSecret(t, vectorNamed(t, "H").Key)), false},
		{"secret and zero", s.Equal(noSecret), false},
		{"zero and secret", noSecret.Equal(s), false},
		{"zero secrets", noSecret.Equal(signer.Secret{}), true},
		{"same private key", p.Equal(mustPrivate(t, c.Key)), true},
		{"other private key", p.Equal(other), false},
		{"private key and zero", p.Equal(noKey), false},
		{"zero private keys", noKey.Equal(signer.PrivateKey{}), true},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s: Equal = %t; want %t", tt.name, tt.got, tt.want)
		}
	}
}

func TestZeroKeys(t *testing.T) {
	var s signer.Secret
	var p signer.PrivateKey
	if !s.IsZero() || !p.IsZero() || !p.Public().IsZero() {
		t.Error("IsZero of a zero key = false; want true")
	}
	if got := s.Reveal() + s.Fingerprint() + p.Reveal() + p.Fingerprint() + p.Public().String(); got != "" {
		t.Errorf("texts of zero keys = %q; want none", got)
	}
}

func TestPublicKeyText(t *testing.T) {
	type doc struct {
		Key  signer.PublicKey `json:"key"`
		None signer.PublicKey `json:"none"`
	}
	c := vectorNamed(t, "C")
	in := doc{Key: mustPrivate(t, c.Key).Public()}
	data, err := json.Marshal(in)
	if want := `{"key":"` + c.Public + `","none":""}`; err != nil || string(data) != want {
		t.Fatalf("Marshal = %s, %v; want %s", data, err, want)
	}
	var out doc
	if err := json.Unmarshal(data, &out); err != nil || out != in {
		t.Errorf("Unmarshal = %v, %v; want %v", out, err, in)
	}
	if err := json.Unmarshal([]byte(`{"key":"`+vectorNamed(t, "A").Key+`"}`), &out); !errors.Is(err, signer.ErrKeyType) {
		t.Errorf("Unmarshal of a secret = %v; want %v", err, signer.ErrKeyType)
	}
	if out != in {
		t.Error("a failed Unmarshal changed the key")
	}
}
