package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/dispatcher/send"
	"github.com/postrider/postrider/dispatcher/vault"
	"github.com/postrider/postrider/store"
)

const (
	// resealBatch is how many values are sealed anew in one transaction: a few
	// milliseconds, in which nobody waits for it.
	resealBatch = 100
	// maxResealErrors is how many values that cannot be opened are named.
	maxResealErrors = 10
)

// Resealed counts what Reseal has done.
type Resealed struct {
	// Values is how many sealed values there are, and Sealed how many of them were
	// sealed anew. The rest was sealed by the present key, or changed meanwhile.
	Values, Sealed int
	// Unopened is how many cannot be opened.
	Unopened int
}

// Reseal seals everything by the keyring's primary key that another key has sealed:
// secrets, credentials, the keys of subjects and the library's own. It goes in batches
// that hold up nobody, is safe while other processes run that have both keys, and can
// be broken off and repeated. A Sealer that is no seal.Rotating has everything sealed
// anew.
//
// The bytes of before stay in the database's files until they are written anew
// (SECURITY.md says how), which matters where they were in clear.
//
// What an update writes back at the same moment may still have the old seal: the old
// key can go once KeysInUse does not name it any more. A value that cannot be opened is
// left alone; then there is an error that names the first ten. Others are the store's.
func (d *Dispatcher) Reseal(ctx context.Context) (Resealed, error) {
	w := resealing{d: d}
	err := w.all(ctx, w.page)
	if err != nil {
		return w.done, fmt.Errorf("reseal: %w", err)
	}
	if w.done.Unopened > 0 {
		err = fmt.Errorf("reseal: %d values cannot be opened: %w", w.done.Unopened, errors.Join(w.errs...))
	}
	return w.done, err
}

// KeysInUse returns how many values are sealed by each key, by the ids that
// seal.Key.ID and Keyring.IDs give; those of another Sealer are under "". Errors are
// the store's.
func (d *Dispatcher) KeysInUse(ctx context.Context) (map[string]int, error) {
	keys := make(map[string]int)
	w := resealing{d: d}
	err := w.all(ctx, func(_ context.Context, _ store.Sealing, page []store.SealedValue) error {
		for _, v := range page {
			if id := seal.KeyID(v.Sealed); id != "" || v.Kind != store.SealedSetting && len(v.Sealed) > 0 {
				keys[id]++
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for keys in use: %w", err)
	}
	return keys, nil
}

// resealing is a call of Reseal.
type resealing struct {
	d    *Dispatcher
	done Resealed
	errs []error
}

// all calls do with pages of everything that is sealed.
func (w *resealing) all(ctx context.Context, do func(context.Context, store.Sealing, []store.SealedValue) error) error {
	for _, name := range slices.Sorted(maps.Keys(w.d.shards)) {
		s := w.d.shards[name]
		if err := s.open(ctx); err != nil {
			return err
		}
		for _, kind := range store.SealedKinds {
			if err := pages(ctx, s.store, kind, do); err != nil {
				return err
			}
		}
	}
	if w.d.cfg.SubjectKeys == nil {
		return nil
	}
	keys, ok := w.d.cfg.SubjectKeys.(store.Sealing)
	if !ok {
		return errors.New("Config.SubjectKeys cannot list its keys: it is no store.Sealing")
	}
	return pages(ctx, keys, store.SealedSubjectKey, do)
}

func pages(ctx context.Context, st store.Sealing, kind store.SealedKind, do func(context.Context, store.Sealing, []store.SealedValue) error) error {
	for after := (store.SealedValue{}); ; {
		page, err := st.SealedValues(ctx, kind, after, resealBatch)
		if err != nil {
			return err
		}
		if err := do(ctx, st, page); err != nil {
			return err
		}
		if len(page) < resealBatch {
			return nil
		}
		after = page[len(page)-1]
	}
}

// page seals a page of values anew.
func (w *resealing) page(ctx context.Context, st store.Sealing, page []store.SealedValue) error {
	rotating, tells := w.d.sealer.(seal.Rotating)
	var changes []store.SealedChange
	for _, v := range page {
		if len(v.Sealed) == 0 {
			continue
		}
		if tells && rotating.Current(v.Sealed) {
			w.done.Values++
			continue
		}
		place := placeOf(v)
		plain, err := w.d.sealer.Open(ctx, v.Sealed, place)
		switch {
		case err != nil && v.Kind == store.SealedSetting && (errors.Is(err, seal.ErrCorrupt) || errors.Is(err, seal.ErrPlaintext)):
			continue // a setting that is not sealed
		case errors.Is(err, seal.ErrCorrupt) || errors.Is(err, seal.ErrPlaintext) || errors.Is(err, seal.ErrWrongKey):
			w.done.Values++
			w.unopened(v, err)
			continue
		case err != nil:
			return err
		}
		w.done.Values++
		change := store.SealedChange{SealedValue: v, Was: v.Sealed}
		if change.Sealed, err = w.d.sealer.Seal(ctx, plain, place); err != nil {
			return err
		}
		changes = append(changes, change)
	}
	if len(changes) == 0 {
		return nil
	}
	n, err := st.ReplaceSealed(ctx, changes)
	w.done.Sealed += n
	return err
}

func (w *resealing) unopened(v store.SealedValue, err error) {
	if w.done.Unopened++; len(w.errs) < maxResealErrors {
		id := v.ID
		if v.Kind == store.SealedSubjectKey {
			id = "of a subject" // whose name is nobody's business
		}
		w.errs = append(w.errs, fmt.Errorf("%s %s: %w", v.Kind, id, err))
	}
}

// placeOf returns what a value is bound to.
func placeOf(v store.SealedValue) seal.AssociatedData {
	switch v.Kind {
	case store.SealedEndpoint:
		rec := store.EndpointRecord{}
		rec.Tenant, rec.ID = v.Tenant, v.ID
		return send.EndpointPlace(&rec)
	case store.SealedSecret:
		return send.SecretPlace(store.SecretRecord{Tenant: v.Tenant, ID: v.ID})
	case store.SealedSubjectKey:
		return vault.KeyPlace(store.SubjectKeyName{Tenant: v.Tenant, Subject: v.ID, Period: v.Period})
	case store.SealedSetting:
		if strings.HasPrefix(v.ID, keyCheck) {
			return seal.CheckPlace()
		}
	}
	return seal.AssociatedData{Field: v.ID}
}

// keyCheck is the setting that the first keyring is checked by. Each key that became
// the primary one later has a check of its own, under its id.
const keyCheck = "keyring.check"

// checkKeys returns an error unless the sealer has every key that anything may be
// sealed with. It leaves a check of its own primary key before that seals anything.
func (s *shard) checkKeys(ctx context.Context) error {
	names := []string{keyCheck}
	if kr, ok := s.sealer.(*seal.Keyring); ok && len(kr.IDs()) > 0 {
		names = append(names, keyCheck+"."+kr.IDs()[0])
	}
	for _, name := range names {
		check, err := seal.NewCheck(ctx, s.sealer)
		if err != nil {
			return err
		}
		if check, err = s.store.Setting(ctx, name, check); err != nil {
			return fmt.Errorf("read keyring check: %w", err)
		}
		if err := seal.VerifyCheck(ctx, s.sealer, check); err != nil {
			return err
		}
	}
	more := true
	for after := (store.SealedValue{ID: keyCheck + "."}); more; {
		page, err := s.store.SealedValues(ctx, store.SealedSetting, after, resealBatch)
		if err != nil {
			return fmt.Errorf("read keyring checks: %w", err)
		}
		more = len(page) == resealBatch
		for _, v := range page {
			if after = v; !strings.HasPrefix(v.ID, keyCheck+".") {
				return nil
			}
			if err := seal.VerifyCheck(ctx, s.sealer, v.Sealed); err != nil {
				return err
			}
		}
	}
	return nil
}
