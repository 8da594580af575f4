package seal

import (
	"context"
	"encoding/binary"
	"errors"
)

// ErrWrongKey is returned by Open and VerifyCheck when a value was sealed with
// a key that the Sealer does not have: it was started with the wrong keyring, or
// with none.
var ErrWrongKey = errors.New("sealed with a key that is not in the keyring")

// ErrCorrupt is returned by Open when the bytes are not what Seal returned, or
// the associated data is not what Seal was given. The two cannot be told apart.
var ErrCorrupt = errors.New("sealed value is damaged or in the wrong place")

// ErrPlaintext is returned by Keyring.Open for a value of Plaintext, unless the
// keyring is one of Keyring.AcceptPlaintext.
var ErrPlaintext = errors.New("value is not sealed")

// Sealer encrypts and authenticates small values. Implementations are safe for
// concurrent use.
//
// Seal returns what Open needs to return plaintext again, given the same
// associated data; it may differ from call to call. Neither keeps or changes its
// arguments.
//
// Open returns an error that matches ErrWrongKey if the key is not at hand, and
// one that matches ErrCorrupt if sealed or ad was altered; it never returns
// other bytes than those that were sealed. Errors never hold plaintext or keys.
type Sealer interface {
	Seal(ctx context.Context, plaintext []byte, ad AssociatedData) ([]byte, error)
	Open(ctx context.Context, sealed []byte, ad AssociatedData) ([]byte, error)
}

// AssociatedData is the place that a sealed value belongs to: the tenant, the id
// of the row, and the field. It is not secret and is not stored in the value.
type AssociatedData struct {
	Tenant, ID, Field string
}

// Bytes returns the three parts, each after its length as a varint, so that no
// two places have the same bytes.
func (ad AssociatedData) Bytes() []byte {
	b := make([]byte, 0, len(ad.Tenant)+len(ad.ID)+len(ad.Field)+3*binary.MaxVarintLen16)
	for _, part := range []string{ad.Tenant, ad.ID, ad.Field} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	return b
}

// The first byte of a value says how the rest is to be read.
const (
	formatGCM   = 1 // key id, nonce, ciphertext, tag
	formatPlain = 2 // the value itself
)
