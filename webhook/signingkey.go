package webhook

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"time"
)

const (
	// minHMACKey is the length of the digest (RFC 7518 section 3.2).
	minHMACKey = 32
	// minRSABits is that of RFC 7518 section 3.3. A key of maxRSABits takes some
	// 5 ms to sign with, and more grows with the third power of the length: what
	// a tenant chooses must not cost the others their processor.
	minRSABits = 2048
	maxRSABits = 4096
)

var (
	errPEM     = errors.New("not a private key in PEM")
	errKeyKind = errors.New("not a key for this algorithm")
	errKeySize = errors.New("key is too short or too long")
)

// SigningKey returns the key that signs the JWTs of type jwt: bytes for HS256, else
// a crypto.Signer. The error repeats nothing of the secret.
func (a Auth) SigningKey() (any, error) {
	secret := a.Secret.Reveal()
	if a.JWT.Algorithm == JWTHS256 {
		if len(secret) < minHMACKey {
			return nil, errKeySize
		}
		return []byte(secret), nil
	}
	key, err := parsePrivateKey(secret)
	if err != nil {
		return nil, err
	}
	kind := JWTAlgorithm("")
	switch k := key.(type) {
	case *rsa.PrivateKey:
		kind = JWTRS256
	case *ecdsa.PrivateKey:
		if k.Curve == elliptic.P256() {
			kind = JWTES256
		}
	case ed25519.PrivateKey:
		kind = JWTEdDSA
	}
	if kind == "" || kind != a.JWT.Algorithm {
		return nil, errKeyKind
	}
	return key, nil
}

// parsePrivateKey reads PEM of a private key in PKCS #8, PKCS #1 or SEC 1. Other
// blocks before it, such as a curve's parameters, are passed over.
func parsePrivateKey(text string) (crypto.Signer, error) {
	block, rest := pem.Decode([]byte(text))
	for block != nil && !strings.HasSuffix(block.Type, "PRIVATE KEY") {
		block, rest = pem.Decode(rest)
	}
	if block == nil {
		return nil, errPEM
	}
	var key any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, errPEM
	}
	signer, ok := key.(crypto.Signer)
	if err != nil || !ok {
		return nil, errPEM
	}
	if k, ok := key.(*rsa.PrivateKey); ok && (k.N.BitLen() < minRSABits || k.N.BitLen() > maxRSABits) {
		return nil, errKeySize
	}
	return signer, nil
}

func (a Auth) validateJWT(inv *InvalidError) {
	switch a.JWT.Algorithm {
	case JWTHS256, JWTRS256, JWTES256, JWTEdDSA:
		if _, err := a.SigningKey(); err != nil || len(a.Secret.Reveal()) > maxCredential {
			inv.Add("auth.secret", CodeInvalidField, "Must be a key for the algorithm: 32 bytes or more for HS256, else a private key in PEM (RSA of 2,048 to 4,096 bits, P-256, Ed25519).")
		}
	default:
		inv.Add("auth.jwt.algorithm", CodeInvalidField, "Must be HS256, RS256, ES256 or EdDSA.")
	}
	inv.text("auth.jwt.key_id", a.JWT.KeyID, maxAuthText)
	inv.text("auth.jwt.issuer", a.JWT.Issuer, maxAuthText)
	inv.text("auth.jwt.subject", a.JWT.Subject, maxAuthText)
	inv.text("auth.jwt.audience", a.JWT.Audience, maxURLLen)
	if l := a.JWT.Lifetime; l < MaxTimeout || l > maxJWTLifetime || l%time.Second != 0 {
		inv.Add("auth.jwt.lifetime_seconds", CodeInvalidField, "Must be 60 to 3,600 seconds.")
	}
}
