package seal

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
)

const (
	keySize   = 32
	keyPrefix = "prk_"
)

var errKeyText = errors.New(`key must be "prk_" and the base64 of 32 bytes`)

// Key is a secret of 256 bits. It prints as "***" however it is printed; only
// Reveal gives it away. The zero value is no key.
type Key struct {
	redacted
	// A closure, because fmt does not call the methods of a Key in an unexported
	// field of a host's struct: it walks the fields, and %s or %d even follows a
	// pointer. Nothing walks into a closure.
	secret func() [keySize]byte
}

func keyOf(secret [keySize]byte) Key {
	return Key{secret: func() [keySize]byte { return secret }}
}

// NewKey returns a random key.
func NewKey() Key {
	var secret [keySize]byte
	_, _ = rand.Read(secret[:]) // never fails: the program crashes first
	return keyOf(secret)
}

// ParseKey reads a key from the text that Reveal returned. Errors never repeat
// the text.
func ParseKey(text string) (Key, error) {
	encoded, ok := strings.CutPrefix(text, keyPrefix)
	if !ok {
		return Key{}, errKeyText
	}
	b, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(b) != keySize || strings.ContainsAny(encoded, "\r\n") {
		return Key{}, errKeyText
	}
	return keyOf([keySize]byte(b)), nil
}

// Reveal returns the key as text, "prk_" and base64, and "" for the zero value.
func (k Key) Reveal() string {
	if k.secret == nil {
		return ""
	}
	secret := k.secret()
	return keyPrefix + base64.StdEncoding.EncodeToString(secret[:])
}

// ID returns the fingerprint of the key, 16 hexadecimal digits that are the same
// wherever the key is and tell nothing about it. The zero value has none.
func (k Key) ID() string {
	if k.secret == nil {
		return ""
	}
	id := k.id()
	return hex.EncodeToString(id[:])
}

const keyIDSize = 8

func (k Key) id() [keyIDSize]byte {
	return [keyIDSize]byte(k.derive("postrider seal v1 key id", keyIDSize))
}

// derive returns key material for one purpose (HKDF, RFC 5869), so that the id
// and the encryption share nothing.
func (k Key) derive(purpose string, size int) []byte {
	secret := k.secret()
	// It fails only for sizes over 8 KiB.
	b, _ := hkdf.Key(sha256.New, secret[:], nil, purpose, size)
	return b
}
