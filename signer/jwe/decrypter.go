package jwe

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/postrider/postrider/signer"
)

// Why a body is not decrypted.
var (
	// ErrForm is returned for what is no JWE in compact serialization, made with the
	// algorithms of this package and not compressed.
	ErrForm = errors.New("jwe: not a JWE of the expected form")
	// ErrUnknownKey is returned for a JWE that is for another key than those of the
	// Decrypter.
	ErrUnknownKey = errors.New("jwe: encrypted for an unknown key")
	// ErrAltered is returned for a JWE that cannot be decrypted by the key that it
	// names: it was made for another one, or altered.
	ErrAltered = errors.New("jwe: cannot be decrypted by its key")
)

// Decrypter opens what was encrypted for one of several keys. Create it with
// NewDecrypter. It is safe for concurrent use.
type Decrypter struct {
	keys map[string]PrivateKey
}

var _ signer.Decrypter = (*Decrypter)(nil)

// NewDecrypter returns a Decrypter with the present key and, while it is replaced,
// others. It is an error if there are none, one is the zero PrivateKey, or two have
// the same id.
func NewDecrypter(keys ...PrivateKey) (*Decrypter, error) {
	d := &Decrypter{keys: make(map[string]PrivateKey, len(keys))}
	for _, k := range keys {
		if k.jwk == nil {
			return nil, ErrKeyType
		}
		id := k.jwk().KeyID
		if _, ok := d.keys[id]; ok {
			return nil, errors.New("jwe: two keys have the same id")
		}
		d.keys[id] = k
	}
	if len(keys) == 0 {
		return nil, errors.New("jwe: a Decrypter needs a key")
	}
	return d, nil
}

// Decrypt implements signer.Decrypter. Errors are ErrForm, ErrUnknownKey and
// ErrAltered. It never waits, so ctx is not used.
func (d *Decrypter) Decrypt(_ context.Context, body []byte) (plain []byte, contentType string, err error) {
	text := string(body)
	object, err := jose.ParseEncryptedCompact(text,
		[]jose.KeyAlgorithm{rsaAlgorithm, ecAlgorithm}, []jose.ContentEncryption{contentEncryption})
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrForm, err)
	}
	header, err := readHeader(text)
	if err != nil {
		return nil, "", err
	}
	key, ok := d.keys[header.KeyID]
	if !ok {
		return nil, "", ErrUnknownKey
	}
	jwk := key.jwk()
	if _, isRSA := jwk.Key.(*rsa.PrivateKey); isRSA != (header.Algorithm == string(rsaAlgorithm)) {
		return nil, "", ErrAltered
	}
	if plain, err = object.Decrypt(jwk.Key); err != nil {
		return nil, "", ErrAltered // which of its parts is at fault would help nobody else
	}
	return plain, header.mediaType(), nil
}

// protectedHeader is what is looked at of a JWE's header.
type protectedHeader struct {
	Algorithm   string          `json:"alg"`
	KeyID       string          `json:"kid"`
	Compression json.RawMessage `json:"zip"`
	ContentType string          `json:"cty"`
}

// readHeader refuses compressed content: it may be of any size.
func readHeader(text string) (h protectedHeader, err error) {
	first, _, _ := strings.Cut(text, ".")
	raw, err := base64.RawURLEncoding.DecodeString(first)
	if err == nil {
		err = json.Unmarshal(raw, &h)
	}
	if err != nil {
		return h, fmt.Errorf("%w: %w", ErrForm, err)
	}
	if h.Compression != nil {
		return h, fmt.Errorf("%w: compressed", ErrForm)
	}
	return h, nil
}

// mediaType returns the whole of what the header may say in short form (RFC 7516,
// section 4.1.12).
func (h protectedHeader) mediaType() string {
	switch {
	case h.ContentType == "":
		return "application/octet-stream"
	case !strings.Contains(h.ContentType, "/"):
		return "application/" + h.ContentType
	}
	return h.ContentType
}
