package vault

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"time"

	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/store"
)

// mark begins what is sealed. JSON never begins like this; an answer of a receiver
// that does opens as nothing.
const mark = "\x00ps1"

// headerSize is the length of the mark and the period of the key, two bytes.
const headerSize = len(mark) + 2

// The fields that sealed values belong to.
const (
	fieldPayload = "payload"
	fieldAnswer  = "answer"
)

// periodOf returns the period that a time is in.
func periodOf(t time.Time) int64 { return t.Unix() / int64(Period/time.Second) }

// isSealed reports whether a value is one of ours.
func isSealed(b []byte) bool { return len(b) >= headerSize && string(b[:len(mark)]) == mark }

// nameOf returns the name of the key that a sealed value was sealed with.
func nameOf(tenant, subject string, sealed []byte) store.SubjectKeyName {
	return store.SubjectKeyName{
		Tenant: tenant, Subject: subject, Period: int64(binary.BigEndian.Uint16(sealed[len(mark):])),
	}
}

// sealWith returns the sealed form of a value.
func sealWith(ctx context.Context, ring *seal.Keyring, period int64, plain []byte, place seal.AssociatedData) ([]byte, error) {
	sealed, err := ring.Seal(ctx, plain, place)
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, headerSize+len(sealed))
	b = append(b, mark...)
	b = binary.BigEndian.AppendUint16(b, uint16(period))
	return append(b, sealed...), nil
}

// openWith returns a value, or nil if its key is gone or it was altered.
func openWith(ctx context.Context, ring *seal.Keyring, sealed []byte, place seal.AssociatedData) ([]byte, error) {
	if ring == nil {
		return nil, nil
	}
	plain, err := ring.Open(ctx, sealed[headerSize:], place)
	if errors.Is(err, seal.ErrCorrupt) || errors.Is(err, seal.ErrWrongKey) || errors.Is(err, seal.ErrPlaintext) {
		return nil, nil // the key was another one before the subject was erased
	}
	return plain, err
}

// joinAnswer makes one value of what is kept of an answer.
func joinAnswer(headers map[string]string, body []byte) ([]byte, error) {
	h, err := json.Marshal(headers)
	if err != nil {
		return nil, err
	}
	return append(append(binary.AppendUvarint(nil, uint64(len(h))), h...), body...), nil
}

// splitAnswer is the reverse of joinAnswer.
func splitAnswer(b []byte) (headers map[string]string, body []byte) {
	n, used := binary.Uvarint(b)
	if used <= 0 || n > uint64(len(b)-used) {
		return nil, nil
	}
	h, rest := b[used:used+int(n)], b[used+int(n):]
	if err := json.Unmarshal(h, &headers); err != nil {
		return nil, nil
	}
	return headers, bytes.Clone(rest)
}
