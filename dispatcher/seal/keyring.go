package seal

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Keyring is a Sealer with AES-256-GCM and the host's own keys. Its primary key
// seals; every key opens. It prints as "***".
//
// A sealed value is a format byte, the id of the key (8 bytes), a random nonce
// (12 bytes), the ciphertext, and a tag (16 bytes). Every byte is authenticated.
// Nonces are random, so a key may seal 2^32 values at most (NIST SP 800-38D,
// section 8.3): rotate before.
type Keyring struct {
	redacted
	ids            [][keyIDSize]byte                      // the primary first
	aeads          map[[keyIDSize]byte]func() cipher.AEAD // closures: see Key
	allowPlaintext bool
}

var _ Sealer = (*Keyring)(nil)

// headerSize is the length of what precedes the nonce.
const headerSize = 1 + keyIDSize

// NewKeyring returns a keyring that seals with primary and opens what primary
// and old have sealed. It fails if a key is the zero value or is given twice.
func NewKeyring(primary Key, old ...Key) (*Keyring, error) {
	kr := &Keyring{aeads: make(map[[keyIDSize]byte]func() cipher.AEAD)}
	for _, k := range slices.Concat([]Key{primary}, old) {
		if err := kr.add(k); err != nil {
			return nil, fmt.Errorf("make keyring: %w", err)
		}
	}
	return kr, nil
}

func (kr *Keyring) add(k Key) error {
	if k.secret == nil {
		return errors.New("a key is empty")
	}
	id := k.id()
	if kr.aeads[id] != nil {
		return fmt.Errorf("key %s is given twice", k.ID())
	}
	block, err := aes.NewCipher(k.derive("postrider seal v1 aes-256-gcm", keySize))
	if err != nil {
		return err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return err
	}
	kr.ids = append(kr.ids, id)
	kr.aeads[id] = func() cipher.AEAD { return aead }
	return nil
}

// ParseKeyring reads keys from text, one a line, the primary first. Empty lines
// and lines that begin with "#" are skipped. Errors name the line and never
// repeat it.
func ParseKeyring(text string) (*Keyring, error) {
	var keys []Key
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		k, err := ParseKey(line)
		if err != nil {
			return nil, fmt.Errorf("parse keyring: line %d: %w", n, err)
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New("parse keyring: there is no key")
	}
	return NewKeyring(keys[0], keys[1:]...)
}

// AcceptPlaintext returns a keyring with the same keys that also opens values of
// Plaintext, for a host that ran with AllowPlaintextSecrets and now has keys.
// While it is in use, whoever can write to the database can plant a value; go
// back to the strict keyring once everything was sealed.
func (kr *Keyring) AcceptPlaintext() *Keyring {
	lax := *kr
	lax.allowPlaintext = true
	return &lax
}

// IDs returns the ids of the keys, the primary's first.
func (kr *Keyring) IDs() []string {
	ids := make([]string, len(kr.ids))
	for i, id := range kr.ids {
		ids[i] = hex.EncodeToString(id[:])
	}
	return ids
}

// Seal encrypts plaintext with the primary key. The result is 37 bytes longer.
// It fails only for the zero Keyring, which has no key.
func (kr *Keyring) Seal(_ context.Context, plaintext []byte, ad AssociatedData) ([]byte, error) {
	if len(kr.ids) == 0 {
		return nil, errors.New("seal: the keyring has no key")
	}
	id := kr.ids[0]
	header := slices.Concat([]byte{formatGCM}, id[:])
	return kr.aeads[id]().Seal(header, nil, plaintext, slices.Concat(header, ad.Bytes())), nil
}

// Open decrypts what Seal returned. It fails with ErrWrongKey if the key is not
// in the keyring, ErrCorrupt if the value or the associated data was altered, and
// ErrPlaintext if the value was never sealed.
func (kr *Keyring) Open(_ context.Context, sealed []byte, ad AssociatedData) ([]byte, error) {
	if len(sealed) > 0 && sealed[0] == formatPlain {
		if !kr.allowPlaintext {
			return nil, ErrPlaintext
		}
		return bytes.Clone(sealed[1:]), nil
	}
	if len(sealed) < headerSize || sealed[0] != formatGCM {
		return nil, ErrCorrupt
	}
	header, rest := sealed[:headerSize], sealed[headerSize:]
	aead := kr.aeads[[keyIDSize]byte(header[1:])]
	if aead == nil {
		return nil, fmt.Errorf("key %s: %w", KeyID(sealed), ErrWrongKey)
	}
	plaintext, err := aead().Open(nil, nil, rest, slices.Concat(header, ad.Bytes()))
	if err != nil {
		return nil, ErrCorrupt
	}
	return plaintext, nil
}

// KeyID returns the id of the key that a Keyring sealed a value with, and "" for
// any other value.
func KeyID(sealed []byte) string {
	if len(sealed) < headerSize || sealed[0] != formatGCM {
		return ""
	}
	return hex.EncodeToString(sealed[1:headerSize])
}
