package webhook

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// Encryption is how payloads are made unreadable to all but the receiver. The zero
// value is not at all.
//
// The body of every request, a batch as a whole, is then a JWE in compact
// serialization (RFC 7516) with the Content-Type application/jose, made anew for
// each attempt, and the signature is over that. Package signer/jwe opens it.
type Encryption struct {
	// JWK is the receiver's public key as JSON (RFC 7517), at most 8 KiB: RSA of
	// 2048 to 8192 bits, for RSA-OAEP-256, or EC on P-256, P-384 or P-521, for
	// ECDH-ES+A256KW. The content is encrypted with A256GCM. Its kid, or if it has
	// none its SHA-256 thumbprint (RFC 7638), is in the header of the JWE.
	JWK string
}

// Enabled reports whether payloads are encrypted.
func (e Encryption) Enabled() bool { return e.JWK != "" }

const (
	maxJWK   = 8 << 10
	maxKeyID = 256
	// maxEncryptionBits is what crypto/tls takes of an RSA key at most. To use a
	// public key costs less than to sign.
	maxEncryptionBits = 8192
)

// What can be wrong with a JWK. The sentences are for people and repeat nothing.
var (
	errJWKForm    = errors.New("must be a public key as a JWK, a JSON object of at most 8 KiB")
	errJWKPrivate = errors.New("has private members; give the public key alone, and take the private one out of use, for it was sent")
	errJWKType    = errors.New(`must have kty RSA, or EC on P-256, P-384 or P-521`)
	errJWKUse     = errors.New(`must be for encryption: use "enc", and alg RSA-OAEP-256 for RSA or ECDH-ES+A256KW for EC, if it has them`)
	errJWKSize    = errors.New("an RSA key must have 2048 to 8192 bits and an odd exponent of 3 or more")
	errJWKPoint   = errors.New("an EC key must be a point on its curve, each half at its full length")
	errJWKID      = errors.New("kid must be at most 256 bytes of text without control characters")
)

// privateMembers are those of JWKs that no public key has (RFC 7518, section 6).
var privateMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

// PublicKey returns the key, an *rsa.PublicKey or an *ecdsa.PublicKey, and its id.
// The error says what is wrong with the JWK, and repeats nothing of it.
func (e Encryption) PublicKey() (key crypto.PublicKey, id string, err error) {
	var members map[string]json.RawMessage
	if len(e.JWK) > maxJWK || json.Unmarshal([]byte(e.JWK), &members) != nil || members == nil {
		return nil, "", errJWKForm
	}
	for name := range members {
		for _, private := range privateMembers {
			if strings.EqualFold(name, private) {
				return nil, "", errJWKPrivate
			}
		}
	}
	text := make(map[string]string)
	for _, name := range []string{"kty", "use", "alg", "kid", "crv", "n", "e", "x", "y"} {
		var value string
		if raw, ok := members[name]; ok && json.Unmarshal(raw, &value) != nil {
			return nil, "", errJWKForm
		}
		text[name] = value
	}
	var thumbprint, alg string
	switch text["kty"] {
	case "RSA":
		key, thumbprint, err = rsaKey(text["n"], text["e"])
		alg = "RSA-OAEP-256"
	case "EC":
		key, thumbprint, err = ecKey(text["crv"], text["x"], text["y"])
		alg = "ECDH-ES+A256KW"
	default:
		return nil, "", errJWKType
	}
	switch id = text["kid"]; {
	case err != nil:
		return nil, "", err
	case text["use"] != "" && text["use"] != "enc", text["alg"] != "" && text["alg"] != alg:
		return nil, "", errJWKUse
	case len(id) > maxKeyID || !cleanText(id):
		return nil, "", errJWKID
	case id == "":
		sum := sha256.Sum256([]byte(thumbprint))
		id = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return key, id, nil
}

// rsaKey returns an RSA key and what its thumbprint is made of.
func rsaKey(n, e string) (*rsa.PublicKey, string, error) {
	modulus, errN := base64.RawURLEncoding.Strict().DecodeString(n)
	exponent, errE := base64.RawURLEncoding.Strict().DecodeString(e)
	if errN != nil || errE != nil || len(exponent) > 4 {
		return nil, "", errJWKForm
	}
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: int(new(big.Int).SetBytes(exponent).Int64())}
	if bits := key.N.BitLen(); bits < minRSABits || bits > maxEncryptionBits || key.N.Bit(0) == 0 || key.E < 3 || key.E&1 == 0 || key.E > 1<<31-1 {
		return nil, "", errJWKSize
	}
	return key, fmt.Sprintf(`{"e":%q,"kty":"RSA","n":%q}`,
		base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()), base64.RawURLEncoding.EncodeToString(key.N.Bytes())), nil
}

// ecKey returns an EC key and what its thumbprint is made of.
func ecKey(crv, x, y string) (*ecdsa.PublicKey, string, error) {
	curves := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}
	curve := curves[crv]
	if curve == nil {
		return nil, "", errJWKType
	}
	size := (curve.Params().BitSize + 7) / 8
	left, errX := base64.RawURLEncoding.Strict().DecodeString(x)
	right, errY := base64.RawURLEncoding.Strict().DecodeString(y)
	if errX != nil || errY != nil || len(left) != size || len(right) != size {
		return nil, "", errJWKPoint
	}
	key, err := ecdsa.ParseUncompressedPublicKey(curve, append(append([]byte{4}, left...), right...))
	if err != nil {
		return nil, "", errJWKPoint
	}
	return key, fmt.Sprintf(`{"crv":%q,"kty":"EC","x":%q,"y":%q}`, crv, x, y), nil
}

func (e Encryption) validate(inv *InvalidError) {
	if !e.Enabled() {
		return
	}
	if _, _, err := e.PublicKey(); err != nil {
		message := err.Error()
		inv.Add("encryption.jwk", CodeInvalidField, strings.ToUpper(message[:1])+message[1:]+".")
	}
}
