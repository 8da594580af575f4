package vault

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/postrider/postrider/dispatcher/clock"
	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/store"
)

const (
	// Period is how long a key seals. Keys older than that and the retention of
	// payloads are pruned.
	Period = 30 * 24 * time.Hour
	// SealFor is how long a key seals without a look whether it was deleted: what
	// another process has sealed with it since is lost.
	SealFor = 10 * time.Second
	// openFor is how long a key is remembered to open with.
	openFor = 10 * time.Minute
	// maxKeys bounds the keys that are remembered; each takes about a kilobyte.
	maxKeys = 10_000
)

// Config is what a Vault works with.
type Config struct {
	// Sealer seals the keys.
	Sealer seal.Sealer
	// Keys keeps them. Apart says that they are in another database than what they
	// seal.
	Keys  store.SubjectKeys
	Apart bool
	// Seals says whether the vault seals, beside opening.
	Seals bool
}

// Vault seals and opens with the keys of subjects. Create it with New. It is safe for
// concurrent use.
type Vault struct {
	cfg Config

	mu     sync.Mutex
	known  map[store.SubjectKeyName]known
	pruned time.Time
}

// known is a key that is remembered.
type known struct {
	ring           *seal.Keyring
	sealTil, until time.Time
}

// New returns a vault.
func New(cfg Config) *Vault {
	return &Vault{cfg: cfg, known: make(map[store.SubjectKeyName]known)}
}

// KeyPlace returns what a sealed key is bound to.
func KeyPlace(n store.SubjectKeyName) seal.AssociatedData {
	return seal.AssociatedData{Tenant: n.Tenant, ID: fmt.Sprint(n.Period, "/", n.Subject), Field: "subject key"}
}

// sealKey completes a key with the sealed form of its text. The error is the
// sealer's.
func sealKey(ctx context.Context, sealer seal.Sealer, n store.SubjectKeyName, text []byte) (store.SubjectKey, error) {
	sealed, err := sealer.Seal(ctx, text, KeyPlace(n))
	return store.SubjectKey{SubjectKeyName: n, Sealed: sealed}, err
}

// rings are keys by their names.
type rings map[store.SubjectKeyName]*seal.Keyring

// toOpen returns those of the keys that there are.
func (v *Vault) toOpen(ctx context.Context, in reader, undone bool, names []store.SubjectKeyName) (rings, error) {
	found, missing := v.recall(names, func(k known) time.Time { return k.until })
	if len(missing) == 0 {
		return found, nil
	}
	keys, err := in.SubjectKeys(ctx, missing)
	if err != nil {
		return nil, err
	}
	return found, v.learn(ctx, keys, found, !undone)
}

// reader is where keys are read: the store of keys, or a transaction.
type reader interface {
	SubjectKeys(ctx context.Context, names []store.SubjectKeyName) ([]store.SubjectKey, error)
}

// adder is where keys are read and added: the store of keys, or a transaction.
type adder interface {
	reader
	AddSubjectKeys(ctx context.Context, keys []store.SubjectKey) ([]store.SubjectKey, error)
}

// toSeal returns all of the keys, and makes those that there are none of. What may be
// undone is not remembered.
func (v *Vault) toSeal(ctx context.Context, in adder, undone bool, names []store.SubjectKeyName) (rings, error) {
	found, missing := v.recall(names, func(k known) time.Time { return k.sealTil })
	if len(missing) == 0 {
		return found, nil
	}
	keys, err := in.SubjectKeys(ctx, missing)
	if err != nil {
		return nil, err
	}
	if err := v.learn(ctx, keys, found, !undone); err != nil {
		return nil, err
	}
	var added []store.SubjectKey
	for _, n := range missing {
		if found[n] == nil {
			k, err := sealKey(ctx, v.cfg.Sealer, n, []byte(seal.NewKey().Reveal()))
			if err != nil {
				return nil, fmt.Errorf("seal a subject's key: %w", err)
			}
			added = append(added, k)
		}
	}
	if len(added) == 0 {
		return found, nil
	}
	if added, err = in.AddSubjectKeys(ctx, added); err != nil {
		return nil, err
	}
	return found, v.learn(ctx, added, found, !undone)
}

// recall returns the keys that are remembered, and the names of the others, each
// once.
func (v *Vault) recall(names []store.SubjectKeyName, until func(known) time.Time) (rings, []store.SubjectKeyName) {
	now := clock.Now()
	found := make(rings, len(names))
	var missing []store.SubjectKeyName
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, n := range names {
		if _, seen := found[n]; seen {
			continue
		}
		found[n] = nil
		if k, ok := v.known[n]; ok && now.Before(until(k)) {
			found[n] = k.ring
			continue
		}
		missing = append(missing, n)
	}
	return found, missing
}

// learn opens keys, adds them to found and remembers them.
func (v *Vault) learn(ctx context.Context, keys []store.SubjectKey, found rings, remember bool) error {
	for _, k := range keys {
		text, err := v.cfg.Sealer.Open(ctx, k.Sealed, KeyPlace(k.SubjectKeyName))
		if err != nil {
			return fmt.Errorf("open a subject's key: %w", err)
		}
		key, err := seal.ParseKey(string(text))
		if err != nil {
			return fmt.Errorf("open a subject's key: %w", err)
		}
		ring, err := seal.NewKeyring(key)
		if err != nil {
			return fmt.Errorf("open a subject's key: %w", err)
		}
		if found[k.SubjectKeyName] = ring; remember {
			v.remember(k.SubjectKeyName, ring)
		}
	}
	return nil
}

func (v *Vault) remember(n store.SubjectKeyName, ring *seal.Keyring) {
	now := clock.Now()
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.known) >= maxKeys {
		// Any eighth of them: those that are in use soon come back.
		left := maxKeys / 8
		for name := range v.known {
			if left--; left < 0 {
				break
			}
			delete(v.known, name)
		}
	}
	v.known[n] = known{ring: ring, sealTil: now.Add(SealFor), until: now.Add(openFor)}
}

// Forget deletes the keys of a subject and returns how many they were. Another
// process may seal with one of them for SealFor: what it seals then is lost.
func (v *Vault) Forget(ctx context.Context, tenant, subject string) (int, error) {
	n, err := v.cfg.Keys.DeleteSubjectKeys(ctx, tenant, subject)
	v.mu.Lock()
	defer v.mu.Unlock()
	for name := range v.known {
		if name.Tenant == tenant && name.Subject == subject {
			delete(v.known, name)
		}
	}
	return n, err
}

// errUnavailable makes an error of something else than the publish itself one after
// which nothing was written.
func errUnavailable(err error) error {
	if errors.Is(err, store.ErrUnknown) || !errors.Is(err, store.ErrUnavailable) {
		return fmt.Errorf("%w: %v", store.ErrUnavailable, err)
	}
	return err
}
