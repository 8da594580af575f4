package seal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
	"time"
)

// formatEnvelope begins a value of an Envelope: the length of the sealed data key as
// a varint, that key, and the value as a Keyring of the data key seals it.
const formatEnvelope = 3

// dataKeyPlace is what sealed data keys are bound to.
var dataKeyPlace = AssociatedData{Field: "data key"}

// EnvelopeConfig bounds how long a data key is used. The zero value is safe.
type EnvelopeConfig struct {
	// MaxAge is how long a data key seals, and is kept in memory to open with.
	// Defaults to 1 hour.
	MaxAge time.Duration
	// MaxSeals is how many values a data key seals.
	// Defaults to 1,000,000, far below what a key may (2^32).
	MaxSeals int
	// MaxKeys is how many data keys are kept in memory to open with.
	// Defaults to 1,000.
	MaxKeys int
	// Now tells the time.
	// Defaults to time.Now.
	Now func() time.Time
}

// Envelope is a Sealer that puts a data key between the values and another Sealer,
// such as a cloud key service whose every call costs time and money: the other one
// seals data keys only, and opens each once while it is remembered. It prints as
// "***". Create it with NewEnvelope.
type Envelope struct {
	redacted
	outer Sealer
	cfg   EnvelopeConfig

	mu      sync.Mutex
	current dataKey
	opened  map[[sha256.Size]byte]dataKey
}

var _ Sealer = (*Envelope)(nil)

// dataKey is a data key with its sealed form.
type dataKey struct {
	ring   *Keyring
	sealed []byte
	until  time.Time
	seals  int
}

// NewEnvelope returns an Envelope whose data keys outer seals.
func NewEnvelope(outer Sealer, cfg EnvelopeConfig) *Envelope {
	if cfg.MaxAge <= 0 {
		cfg.MaxAge = time.Hour
	}
	if cfg.MaxSeals <= 0 {
		cfg.MaxSeals = 1_000_000
	}
	if cfg.MaxKeys <= 0 {
		cfg.MaxKeys = 1000
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Envelope{outer: outer, cfg: cfg, opened: make(map[[sha256.Size]byte]dataKey)}
}

// Seal implements Sealer. Errors are those of the other Sealer.
func (e *Envelope) Seal(ctx context.Context, plaintext []byte, ad AssociatedData) ([]byte, error) {
	k, err := e.sealing(ctx)
	if err != nil {
		return nil, err
	}
	value, err := k.ring.Seal(ctx, plaintext, ad)
	if err != nil {
		return nil, err
	}
	b := append(make([]byte, 0, 1+binary.MaxVarintLen32+len(k.sealed)+len(value)), formatEnvelope)
	b = binary.AppendUvarint(b, uint64(len(k.sealed)))
	return append(append(b, k.sealed...), value...), nil
}

// sealing returns the data key to seal with. Callers who need a new one at the same
// time may make one each, of which one is kept.
func (e *Envelope) sealing(ctx context.Context) (dataKey, error) {
	e.mu.Lock()
	if k := &e.current; k.ring != nil && k.seals < e.cfg.MaxSeals && e.cfg.Now().Before(k.until) {
		k.seals++
		defer e.mu.Unlock()
		return *k, nil
	}
	e.mu.Unlock()
	key := NewKey()
	ring, err := NewKeyring(key)
	if err != nil {
		return dataKey{}, err
	}
	sealed, err := e.outer.Seal(ctx, []byte(key.Reveal()), dataKeyPlace)
	if err != nil {
		return dataKey{}, fmt.Errorf("seal a data key: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.current = dataKey{ring: ring, sealed: sealed, until: e.cfg.Now().Add(e.cfg.MaxAge), seals: 1}
	return e.current, nil
}

// remember keeps a data key to open with. The caller holds the mutex.
func (e *Envelope) remember(k dataKey) {
	if len(e.opened) >= e.cfg.MaxKeys {
		for id := range e.opened { // any of them: one that is in use comes back
			delete(e.opened, id)
			break
		}
	}
	e.opened[sha256.Sum256(k.sealed)] = k
}

// Open implements Sealer.
func (e *Envelope) Open(ctx context.Context, sealed []byte, ad AssociatedData) ([]byte, error) {
	wrapped, value, ok := splitEnvelope(sealed)
	if !ok {
		return nil, ErrCorrupt
	}
	ring, err := e.opening(ctx, wrapped)
	if err != nil {
		return nil, err
	}
	plain, err := ring.Open(ctx, value, ad)
	if err != nil {
		return nil, ErrCorrupt // it has the key, so nothing else can be wrong
	}
	return plain, nil
}

func (e *Envelope) opening(ctx context.Context, wrapped []byte) (*Keyring, error) {
	id := sha256.Sum256(wrapped)
	e.mu.Lock()
	k, ok := e.opened[id]
	if bytes.Equal(e.current.sealed, wrapped) {
		k, ok = e.current, true
	}
	e.mu.Unlock()
	if ok && e.cfg.Now().Before(k.until) {
		return k.ring, nil
	}
	text, err := e.outer.Open(ctx, wrapped, dataKeyPlace)
	if err != nil {
		return nil, fmt.Errorf("open a data key: %w", err)
	}
	key, err := ParseKey(string(text))
	if err != nil {
		return nil, ErrCorrupt
	}
	ring, err := NewKeyring(key)
	if err != nil {
		return nil, ErrCorrupt
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.remember(dataKey{ring: ring, sealed: bytes.Clone(wrapped), until: e.cfg.Now().Add(e.cfg.MaxAge)})
	return ring, nil
}

// splitEnvelope returns the sealed data key and the value of what Seal returned.
func splitEnvelope(sealed []byte) (wrapped, value []byte, ok bool) {
	if len(sealed) == 0 || sealed[0] != formatEnvelope {
		return nil, nil, false
	}
	n, used := binary.Uvarint(sealed[1:])
	rest := sealed[1+max(used, 0):]
	// A varint has one shortest form; another would be a second text for one value.
	if used <= 0 || n > uint64(len(rest)) || used > 1 && sealed[used] == 0 {
		return nil, nil, false
	}
	return rest[:n], rest[n:], true
}

// Current implements Rotating: a value is current if its data key is, as far as the
// other Sealer can tell.
func (e *Envelope) Current(sealed []byte) bool {
	wrapped, _, ok := splitEnvelope(sealed)
	outer, tells := e.outer.(Rotating)
	return ok && tells && outer.Current(wrapped)
}
