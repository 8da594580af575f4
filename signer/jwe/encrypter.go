package jwe

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// The one content encryption, and the key management of either type of key.
const (
	contentEncryption = jose.A256GCM
	rsaAlgorithm      = jose.RSA_OAEP_256
	ecAlgorithm       = jose.ECDH_ES_A256KW
)

// ErrKeyType is returned for a key that is neither RSA of 2048 bits or more nor EC on
// P-256, P-384 or P-521.
var ErrKeyType = errors.New("jwe: unsupported key")

// minRSABytes is the shortest modulus, of 2048 bits.
const minRSABytes = 256

// Encrypter encrypts for one receiver. Create it with NewEncrypter. It is safe for
// concurrent use.
type Encrypter struct {
	recipient jose.Recipient
}

// NewEncrypter returns an Encrypter for a public key, an *rsa.PublicKey or an
// *ecdsa.PublicKey, which receivers know by an id. The error is ErrKeyType.
func NewEncrypter(key crypto.PublicKey, id string) (*Encrypter, error) {
	algorithm, err := algorithmOf(key)
	if err != nil {
		return nil, err
	}
	return &Encrypter{jose.Recipient{Algorithm: algorithm, Key: key, KeyID: id}}, nil
}

// algorithmOf returns how content keys are encrypted for a public key.
func algorithmOf(key crypto.PublicKey) (jose.KeyAlgorithm, error) {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if k != nil && k.N != nil && k.Size() >= minRSABytes {
			return rsaAlgorithm, nil
		}
	case *ecdsa.PublicKey:
		if k == nil || k.Curve == nil {
			return "", ErrKeyType
		}
		switch k.Curve.Params().Name {
		case "P-256", "P-384", "P-521":
			return ecAlgorithm, nil
		}
	}
	return "", ErrKeyType
}

// Encrypt returns plain as a JWE, made with a key of its own. contentType is its media
// type, which the header says in short form (RFC 7516, section 4.1.12). It changes no
// part of plain. The error is that of the cryptography.
func (e *Encrypter) Encrypt(plain []byte, contentType string) ([]byte, error) {
	short := contentType
	if rest, ok := strings.CutPrefix(contentType, "application/"); ok && !strings.Contains(rest, "/") {
		short = rest
	}
	options := (&jose.EncrypterOptions{}).WithContentType(jose.ContentType(short))
	encrypter, err := jose.NewEncrypter(contentEncryption, e.recipient, options)
	if err != nil {
		return nil, fmt.Errorf("jwe: encrypt: %w", err)
	}
	object, err := encrypter.Encrypt(plain)
	if err != nil {
		return nil, fmt.Errorf("jwe: encrypt: %w", err)
	}
	text, err := object.CompactSerialize()
	if err != nil {
		return nil, fmt.Errorf("jwe: encrypt: %w", err)
	}
	return []byte(text), nil
}
