package jwe_test

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
)

// What follows is JWE by the RFCs and the standard library alone, to judge the
// library that the package uses.

// header is what a JWE says of itself.
type header struct {
	Alg string          `json:"alg"`
	Enc string          `json:"enc"`
	Kid string          `json:"kid"`
	Cty string          `json:"cty,omitempty"`
	Zip string          `json:"zip,omitempty"`
	Epk *ephemeral      `json:"epk,omitempty"`
	Apu json.RawMessage `json:"apu,omitempty"`
	Apv json.RawMessage `json:"apv,omitempty"`
}

type ephemeral struct {
	Kty string `json:"kty"`
	Crv string `json:"crv"`
	X   string `json:"x"`
	Y   string `json:"y"`
}

func (e *ephemeral) public() (*ecdh.PublicKey, error) {
	curves := map[string]ecdh.Curve{"P-256": ecdh.P256(), "P-384": ecdh.P384(), "P-521": ecdh.P521()}
	x, errX := unbase64(e.X)
	y, errY := unbase64(e.Y)
	if curves[e.Crv] == nil || e.Kty != "EC" {
		return nil, errors.New("no EC key")
	}
	if err := errors.Join(errX, errY); err != nil {
		return nil, err
	}
	return curves[e.Crv].NewPublicKey(append(append([]byte{4}, x...), y...))
}

func unbase64(s string) ([]byte, error) { return base64.RawURLEncoding.Strict().DecodeString(s) }

// openIndependently decrypts a compact JWE (RFC 7516, section 5.2).
func openIndependently(text string, key crypto.PrivateKey) (plain []byte, h header, err error) {
	parts := strings.Split(text, ".")
	if len(parts) != 5 {
		return nil, h, errors.New("not five parts")
	}
	var raw [5][]byte
	for i, p := range parts {
		if raw[i], err = unbase64(p); err != nil {
			return nil, h, err
		}
	}
	if err = json.Unmarshal(raw[0], &h); err != nil {
		return nil, h, err
	}
	var cek []byte
	switch k := key.(type) {
	case *rsa.PrivateKey:
		cek, err = rsa.DecryptOAEP(sha256.New(), nil, k, raw[1], nil)
	case *ecdsa.PrivateKey:
		var kek []byte
		if kek, err = agree(k, h); err == nil {
			cek, err = unwrap(kek, raw[1])
		}
	}
	if err != nil {
		return nil, h, err
	}
	gcm, err := newGCM(cek)
	if err != nil {
		return nil, h, err
	}
	plain, err = gcm.Open(nil, raw[2], append(raw[3], raw[4]...), []byte(parts[0]))
	return plain, h, err
}

// agree returns the key that wraps the content's (RFC 7518, section 4.6).
func agree(k *ecdsa.PrivateKey, h header) ([]byte, error) {
	private, err := k.ECDH()
	if err != nil {
		return nil, err
	}
	public, err := h.Epk.public()
	if err != nil {
		return nil, err
	}
	z, err := private.ECDH(public)
	return concatKDF(z, h.Alg, nil, nil, 256), err
}

// concatKDF derives a key of at most 256 bits (NIST SP 800-56A, as RFC 7518 section
// 4.6.2 uses it).
func concatKDF(z []byte, algorithm string, apu, apv []byte, bits int) []byte {
	input := binary.BigEndian.AppendUint32(nil, 1)
	input = append(input, z...)
	for _, part := range [][]byte{[]byte(algorithm), apu, apv} {
		input = append(binary.BigEndian.AppendUint32(input, uint32(len(part))), part...)
	}
	sum := sha256.Sum256(binary.BigEndian.AppendUint32(input, uint32(bits)))
	return sum[:bits/8]
}

// The initial value of RFC 3394, section 2.2.3.1.
var wrapIV = []byte{0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6}

// wrap is AES Key Wrap (RFC 3394, section 2.2.1).
func wrap(kek, key []byte) ([]byte, error) {
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, err
	}
	n := len(key) / 8
	out := append(bytes.Clone(wrapIV), key...)
	for j := range 6 {
		for i := 1; i <= n; i++ {
			b := append(bytes.Clone(out[:8]), out[8*i:8*i+8]...)
			block.Encrypt(b, b)
			binary.BigEndian.PutUint64(out, binary.BigEndian.Uint64(b)^uint64(n*j+i))
			copy(out[8*i:], b[8:])
		}
	}
	return out, nil
}

// unwrap is its reverse (RFC 3394, section 2.2.2).
func unwrap(kek, wrapped []byte) ([]byte, error) {
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, err
	}
	n := len(wrapped)/8 - 1
	out := bytes.Clone(wrapped)
	for j := 5; j >= 0; j-- {
		for i := n; i >= 1; i-- {
			b := binary.BigEndian.AppendUint64(nil, binary.BigEndian.Uint64(out)^uint64(n*j+i))
			b = append(b, out[8*i:8*i+8]...)
			block.Decrypt(b, b)
			copy(out, b[:8])
			copy(out[8*i:], b[8:])
		}
	}
	if !bytes.Equal(out[:8], wrapIV) {
		return nil, errors.New("wrapped key was altered")
	}
	return out[8:], nil
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// sealIndependently is the reverse of openIndependently.
func sealIndependently(t *testing.T, key crypto.PrivateKey, h header, plain []byte) string {
	t.Helper()
	cek, iv := make([]byte, 32), make([]byte, 12)
	_, _ = rand.Read(cek)
	_, _ = rand.Read(iv)
	var encrypted []byte
	var err error
	switch k := key.(type) {
	case *rsa.PrivateKey:
		h.Alg = "RSA-OAEP-256"
		encrypted, err = rsa.EncryptOAEP(sha256.New(), rand.Reader, &k.PublicKey, cek, nil)
	case *ecdsa.PrivateKey:
		var once *ecdsa.PrivateKey
		if once, err = ecdsa.GenerateKey(k.Curve, rand.Reader); err != nil {
			t.Fatal(err)
		}
		h.Alg, h.Epk = "ECDH-ES+A256KW", ephemeralOf(t, &once.PublicKey)
		mirrored := header{Alg: h.Alg, Epk: ephemeralOf(t, &k.PublicKey)}
		var kek []byte
		if kek, err = agree(once, mirrored); err == nil {
			encrypted, err = wrap(kek, cek)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	protected := encode(text)
	gcm, err := newGCM(cek)
	if err != nil {
		t.Fatal(err)
	}
	sealed := gcm.Seal(nil, iv, plain, []byte(protected))
	end := len(sealed) - 16
	return strings.Join([]string{protected, encode(encrypted), encode(iv), encode(sealed[:end]), encode(sealed[end:])}, ".")
}

func ephemeralOf(t *testing.T, k *ecdsa.PublicKey) *ephemeral {
	t.Helper()
	point, err := k.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	half := (len(point) - 1) / 2
	encode := base64.RawURLEncoding.EncodeToString
	return &ephemeral{Kty: "EC", Crv: k.Curve.Params().Name, X: encode(point[1 : 1+half]), Y: encode(point[1+half:])}
}

// The judge is held to the vectors of the RFCs.
func TestIndependentParts(t *testing.T) {
	// RFC 3394, section 4.6.
	kek, key := make([]byte, 32), make([]byte, 32)
	for i := range kek {
		kek[i] = byte(i)
	}
	copy(key, []byte{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff})
	copy(key[16:], kek)
	const wrapped = "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"
	got, err := wrap(kek, key)
	if err != nil || hex.EncodeToString(got) != wrapped {
		t.Errorf("wrap = %x, %v; want %s", got, err, wrapped)
	}
	if back, err := unwrap(kek, got); err != nil || !bytes.Equal(back, key) {
		t.Errorf("unwrap = %x, %v; want the key", back, err)
	}
	// RFC 7518, appendix C.
	integer := func(s string) *big.Int {
		b, err := unbase64(s)
		if err != nil {
			t.Fatal(err)
		}
		return new(big.Int).SetBytes(b)
	}
	alice, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), integer("0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo").FillBytes(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	bob := ephemeral{Kty: "EC", Crv: "P-256", X: "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ", Y: "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck"}
	public, err := bob.public()
	if err != nil {
		t.Fatal(err)
	}
	private, err := alice.ECDH()
	if err != nil {
		t.Fatal(err)
	}
	z, err := private.ECDH(public)
	if err != nil {
		t.Fatal(err)
	}
	if got := base64.RawURLEncoding.EncodeToString(concatKDF(z, "A128GCM", []byte("Alice"), []byte("Bob"), 128)); got != "VqqN6vgjbSBcIijNcacQGg" {
		t.Errorf("derived key = %s; want VqqN6vgjbSBcIijNcacQGg", got)
	}
}
