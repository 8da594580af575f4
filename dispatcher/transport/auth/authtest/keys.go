package authtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
)

// NewKey returns a fresh key for an algorithm of JWTs: the secret as an endpoint
// takes it, and what VerifyJWT takes. It panics if the system has no randomness.
func NewKey(algorithm string) (secret string, public any) {
	var key crypto.Signer
	var err error
	switch algorithm {
	case "HS256":
		secret = rand.Text() + rand.Text() // 26 characters each
		return secret, []byte(secret)
	case "RS256":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ES256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "EdDSA":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		panic("no keys for " + algorithm)
	}
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return encode("PRIVATE KEY", der), key.Public()
}
