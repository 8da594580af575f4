package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"github.com/postrider/postrider/signer/redact"
)

// Key is a key that JWTs are checked with.
type Key struct {
	redact.Mask
	// ID is what tokens call it by, their "kid". A key without one is tried for every
	// token.
	ID string
	// Algorithm is the only one that the key is used with: HS256, HS384, HS512,
	// RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 or EdDSA.
	Algorithm string
	// Key is an *rsa.PublicKey of 2048 to 8192 bits, an *ecdsa.PublicKey, an
	// ed25519.PublicKey, or for HS256 and its like a []byte as long as its hash.
	Key any
}

// The sizes of RSA keys: less is refused by RFC 7518 section 3.3, more by crypto/tls, for
// the time that a signature would take.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

var errKey = errors.New("it is not of a kind and size for its algorithm")

// check returns errKey unless the key is for its algorithm: a public key is never a
// secret of HS256.
func (k Key) check() error {
	var ok bool
	switch key := k.Key.(type) {
	case []byte:
		size := map[string]int{"HS256": 32, "HS384": 48, "HS512": 64}[k.Algorithm] // RFC 7518 section 3.2
		ok = size > 0 && len(key) >= size
	case *rsa.PublicKey:
		switch k.Algorithm {
		case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512":
			ok = key != nil && key.N != nil && key.N.BitLen() >= minRSABits && key.N.BitLen() <= maxRSABits
		}
	case *ecdsa.PublicKey:
		curve := map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()}[k.Algorithm]
		ok = key != nil && curve != nil && key.Curve == curve
	case ed25519.PublicKey:
		ok = k.Algorithm == "EdDSA" && len(key) == ed25519.PublicKeySize
	}
	if !ok {
		return errKey
	}
	return nil
}

// isFor reports whether a token that names a key and an algorithm may be of this key.
func (k Key) isFor(id, algorithm string) bool {
	return k.Algorithm == algorithm && (k.ID == id || k.ID == "" || id == "")
}

// keysOf returns the keys of a JWK set (RFC 7517 section 5) that are of use: public ones,
// for signatures, by one of the algorithms. Others are left out, as the RFC asks.
func keysOf(document []byte, algorithms []string) ([]Key, error) {
	set, err := parseSet(document)
	if err != nil {
		return nil, err
	}
	var keys []Key
	for _, raw := range set[:min(len(set), maxKeys)] {
		var jwk jose.JSONWebKey
		if jwk.UnmarshalJSON(raw) != nil || !jwk.IsPublic() || jwk.Use != "" && jwk.Use != "sig" {
			continue
		}
		for _, algorithm := range algorithms {
			if jwk.Algorithm != "" && jwk.Algorithm != algorithm {
				continue
			}
			if k := (Key{ID: jwk.KeyID, Algorithm: algorithm, Key: jwk.Key}); k.check() == nil {
				keys = append(keys, k)
			}
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("none of %d keys is of use", len(set))
	}
	return keys, nil
}
