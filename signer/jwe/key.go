package jwe

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"github.com/postrider/postrider/signer/redact"
)

// ErrKeyForm is returned by ParsePrivateKey for what is no private key as a JWK. It
// repeats nothing of it.
var ErrKeyForm = errors.New("jwe: not a private key as a JWK")

// redacted is embedded, under a name that documentation does not show, by what holds
// a secret.
type redacted = redact.Mask

// PrivateKey is a receiver's key. It prints, logs and marshals as ***. The zero
// PrivateKey is no key.
type PrivateKey struct {
	redacted
	jwk func() jose.JSONWebKey // nil for the zero PrivateKey; why a func: see package redact
}

// NewPrivateKey returns the key of an *rsa.PrivateKey or *ecdsa.PrivateKey, such as
// crypto/x509 reads from PEM. The sender knows it by its id, which is the SHA-256
// thumbprint of the public key (RFC 7638) if it is "". The error is ErrKeyType.
func NewPrivateKey(key crypto.PrivateKey, id string) (PrivateKey, error) {
	var public crypto.PublicKey
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if k == nil || k.Validate() != nil {
			return PrivateKey{}, ErrKeyType
		}
		public = &k.PublicKey
	case *ecdsa.PrivateKey:
		if k == nil || k.Curve == nil {
			return PrivateKey{}, ErrKeyType
		}
		if _, err := k.ECDH(); err != nil {
			return PrivateKey{}, ErrKeyType
		}
		public = &k.PublicKey
	}
	algorithm, err := algorithmOf(public)
	if err != nil {
		return PrivateKey{}, err
	}
	jwk := jose.JSONWebKey{Key: key, KeyID: id, Algorithm: string(algorithm), Use: "enc"}
	if id == "" {
		sum, err := jwk.Thumbprint(crypto.SHA256)
		if err != nil {
			return PrivateKey{}, fmt.Errorf("jwe: thumbprint: %w", err)
		}
		jwk.KeyID = base64.RawURLEncoding.EncodeToString(sum)
	}
	return PrivateKey{jwk: func() jose.JSONWebKey { return jwk }}, nil
}

// ParsePrivateKey reads a private key as a JWK. Errors are ErrKeyForm and ErrKeyType.
func ParsePrivateKey(jwk string) (PrivateKey, error) {
	var k jose.JSONWebKey
	if err := json.Unmarshal([]byte(jwk), &k); err != nil || k.IsPublic() {
		return PrivateKey{}, ErrKeyForm
	}
	return NewPrivateKey(k.Key, k.KeyID)
}

// Reveal returns the key as a JWK, for keeping it where secrets are kept, or "" for
// the zero PrivateKey.
func (k PrivateKey) Reveal() string {
	if k.jwk == nil {
		return ""
	}
	return textOf(k.jwk())
}

// PublicJWK returns the public half as a JWK, for the sender, or "" for the zero
// PrivateKey.
func (k PrivateKey) PublicJWK() string {
	if k.jwk == nil {
		return ""
	}
	jwk := k.jwk()
	return textOf(jwk.Public())
}

func textOf(jwk jose.JSONWebKey) string {
	text, err := jwk.MarshalJSON()
	if err != nil { // keys were checked when they were made
		return ""
	}
	return string(text)
}
