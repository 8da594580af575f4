package signer

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// The prefixes of serialised keys (Standard Webhooks 1.0.0, "Signature
// scheme").
const (
	prefixSecret  = "whsec_"
	prefixPrivate = "whsk_"
	prefixPublic  = "whpk_"
)

// What can be wrong with a key. No error of this package contains any part of
// the key.
var (
	// ErrNoKey is returned if a key is empty, a prefix with nothing after it,
	// or the zero value of its type, and if a Verifier is made without keys.
	ErrNoKey = errors.New("signer: no key")

	// ErrKeyType is returned if the prefix says that a key is of another type
	// than asked for, or if a private or public key has no prefix.
	ErrKeyType = errors.New("signer: wrong type of key")

	// ErrKeyEncoding is returned if a key is not standard base64, padded or
	// not. White space counts, so a list of keys in one string is refused.
	ErrKeyEncoding = errors.New("signer: key is not base64")

	// ErrKeySize is returned if a key has the wrong number of bytes for its
	// type, and by Secret.Strong.
	ErrKeySize = errors.New("signer: wrong key size")

	// ErrKeyMismatch is returned by ParsePrivateKey if the public half of the
	// key does not belong to its private half.
	ErrKeyMismatch = errors.New("signer: public half of the private key does not match")
)

// decodeKey returns the bytes of a key that begins with the wanted prefix.
func decodeKey(s, want string) ([]byte, error) {
	text, ok := strings.CutPrefix(s, want)
	if s == "" || ok && text == "" {
		return nil, ErrNoKey
	}
	if !ok {
		return nil, fmt.Errorf("%w: want one that begins with %s", ErrKeyType, want)
	}
	if strings.ContainsAny(text, " \t\r\n") { // the decoder would skip line ends
		return nil, fmt.Errorf("%w: white space in it", ErrKeyEncoding)
	}
	enc := base64.RawStdEncoding
	if strings.HasSuffix(text, "=") {
		enc = base64.StdEncoding
	}
	raw, err := enc.DecodeString(text)
	if err != nil { // err is dropped: it is about the characters of the key
		return nil, ErrKeyEncoding
	}
	return raw, nil
}

func hasPrefix(s string) bool {
	return strings.HasPrefix(s, prefixSecret) ||
		strings.HasPrefix(s, prefixPrivate) ||
		strings.HasPrefix(s, prefixPublic)
}

func encodeKey(prefix string, raw []byte) string {
	return prefix + base64.StdEncoding.EncodeToString(raw)
}
