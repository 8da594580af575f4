package dispatcher

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// MAC returns the HMAC-SHA256 of a message for what a tenant's clients are given and
// bring back. Its key is derived from one that all processes share, and that the
// store keeps sealed, for the purpose and the tenant alone. It is for those who build
// on a dispatcher. The error is the store's.
func (d *Dispatcher) MAC(ctx context.Context, tenant, purpose string, message ...[]byte) ([]byte, error) {
	s, err := d.shardOf(ctx, tenant)
	if err != nil {
		return nil, err
	}
	derived := hmac.New(sha256.New, *s.hashKey.Load())
	hashParts(derived, []byte("mac"), []byte(purpose), []byte(tenant))
	mac := hmac.New(sha256.New, derived.Sum(nil))
	hashParts(mac, message...)
	return mac.Sum(nil), nil
}

// hash returns what is sent in the place of a value that an endpoint has hashed (see
// webhook.AnonymizeHash).
func (d *Dispatcher) hash(ctx context.Context, tenant string, value ...[]byte) ([]byte, error) {
	return d.MAC(ctx, tenant, "anonymize", value...)
}

// hashParts writes parts so that no others give the same hash: each after its length.
func hashParts(h hash.Hash, parts ...[]byte) {
	var length [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		h.Write(length[:])
		h.Write(part)
	}
}
