package memstore

import (
	"bytes"
	"context"
	"slices"

	"github.com/postrider/postrider/store"
)

// SealedValues implements store.Sealing. It goes through all of them.
func (s *Store) SealedValues(ctx context.Context, kind store.SealedKind, after store.SealedValue, limit int) ([]store.SealedValue, error) {
	if err := s.begin(ctx, "list sealed values"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var all []store.SealedValue
	for v := range s.eachSealed(kind) {
		if store.ComparePlaces(v, after) > 0 {
			v.Sealed = bytes.Clone(v.Sealed)
			all = append(all, v)
		}
	}
	slices.SortFunc(all, store.ComparePlaces)
	return all[:min(len(all), max(limit, 0))], nil
}

// eachSealed goes through the sealed values of a kind, in no order.
func (s *Store) eachSealed(kind store.SealedKind) func(func(store.SealedValue, func([]byte)) bool) {
	return func(yield func(store.SealedValue, func([]byte)) bool) {
		switch kind {
		case store.SealedEndpoint:
			for key, ep := range s.endpoints {
				v := store.SealedValue{Kind: kind, Tenant: key.Tenant, ID: key.Endpoint, Sealed: ep.Sealed}
				if !yield(v, func(b []byte) { ep.Sealed = b }) {
					return
				}
			}
		case store.SealedSecret:
			for key, ep := range s.endpoints {
				for i := range ep.secrets {
					rec := &ep.secrets[i]
					v := store.SealedValue{Kind: kind, Tenant: key.Tenant, Endpoint: key.Endpoint, ID: rec.ID, Sealed: rec.Sealed}
					if !yield(v, func(b []byte) { rec.Sealed = b }) {
						return
					}
				}
			}
		case store.SealedSubjectKey:
			for n, sealed := range s.subjectKeys {
				v := store.SealedValue{Kind: kind, Tenant: n.Tenant, ID: n.Subject, Period: n.Period, Sealed: sealed}
				if !yield(v, func(b []byte) { s.subjectKeys[n] = b }) {
					return
				}
			}
		case store.SealedSetting:
			for name, value := range s.settings {
				if !yield(store.SealedValue{Kind: kind, ID: name, Sealed: value}, func(b []byte) { s.settings[name] = b }) {
					return
				}
			}
		}
	}
}

// ReplaceSealed implements store.Sealing.
func (s *Store) ReplaceSealed(ctx context.Context, changes []store.SealedChange) (n int, err error) {
	if err := s.begin(ctx, "replace sealed values"); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	for _, c := range changes {
		for v, set := range s.eachSealed(c.Kind) {
			if store.ComparePlaces(v, c.SealedValue) == 0 && bytes.Equal(v.Sealed, c.Was) {
				set(bytes.Clone(c.Sealed))
				n++
				break
			}
		}
	}
	return n, nil
}
