package authtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// Claims are those of a token that was verified.
type Claims struct {
	Issuer, Subject, Audience, ID string
	IssuedAt, Expires             time.Time
	// KeyID is the header kid.
	KeyID string
}

// VerifyJWT returns the claims of a token if it was signed with the key, by the
// algorithm that the key is for, is good at a time, and is for a body (RFC 7515
// section 5.2, RFC 7519 section 7.2). key is the []byte of HS256, or a public key.
func VerifyJWT(token string, key any, body []byte, now time.Time) (Claims, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return Claims{}, fmt.Errorf("%d parts", len(parts))
	}
	var header struct{ Alg, Typ, Kid string }
	if err := decode(parts[0], &header); err != nil {
		return Claims{}, fmt.Errorf("header: %w", err)
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if err != nil {
		return Claims{}, fmt.Errorf("signature: %w", err)
	}
	if header.Typ != "JWT" || !verifies(header.Alg, key, []byte(parts[0]+"."+parts[1]), signature) {
		return Claims{}, errors.New("signature does not fit")
	}
	var c struct {
		Iss, Sub, Aud, Jti string
		Iat, Exp           int64
		BodySHA256         string `json:"body_sha256"`
	}
	if err := decode(parts[1], &c); err != nil {
		return Claims{}, fmt.Errorf("claims: %w", err)
	}
	claims := Claims{c.Iss, c.Sub, c.Aud, c.Jti, time.Unix(c.Iat, 0), time.Unix(c.Exp, 0), header.Kid}
	switch sum := sha256.Sum256(body); {
	case now.Before(claims.IssuedAt) || !now.Before(claims.Expires):
		return claims, errors.New("not good at this time")
	case c.BodySHA256 != hex.EncodeToString(sum[:]):
		return claims, errors.New("for another body")
	}
	return claims, nil
}

func decode(part string, into any) error {
	text, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// verifies checks a signature by RFC 7518 section 3 and RFC 8037 section 3.1.
func verifies(alg string, key any, signed, signature []byte) bool {
	sum := sha256.Sum256(signed)
	switch key := key.(type) {
	case []byte:
		mac := hmac.New(sha256.New, key)
		mac.Write(signed)
		return alg == "HS256" && hmac.Equal(mac.Sum(nil), signature)
	case *rsa.PublicKey:
		return alg == "RS256" && rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil
	case *ecdsa.PublicKey:
		if alg != "ES256" || len(signature) != 64 {
			return false
		}
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		return ecdsa.Verify(key, sum[:], r, s)
	case ed25519.PublicKey:
		return alg == "EdDSA" && ed25519.Verify(key, signed, signature)
	}
	return false
}
