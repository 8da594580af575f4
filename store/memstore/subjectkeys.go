package memstore

import (
	"bytes"
	"context"
	"math"

	"github.com/postrider/postrider/store"
)

// AddSubjectKeys implements store.SubjectKeys.
func (s *Store) AddSubjectKeys(ctx context.Context, keys []store.SubjectKey) ([]store.SubjectKey, error) {
	if err := s.begin(ctx, "add subject keys"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	stored := make([]store.SubjectKey, len(keys))
	for i, k := range keys {
		if s.subjectKeys[k.SubjectKeyName] == nil {
			s.subjectKeys[k.SubjectKeyName] = bytes.Clone(k.Sealed)
		}
		stored[i] = store.SubjectKey{SubjectKeyName: k.SubjectKeyName, Sealed: bytes.Clone(s.subjectKeys[k.SubjectKeyName])}
	}
	return stored, nil
}

// SubjectKeys implements store.SubjectKeys.
func (s *Store) SubjectKeys(ctx context.Context, names []store.SubjectKeyName) ([]store.SubjectKey, error) {
	if err := s.begin(ctx, "read subject keys"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var found []store.SubjectKey
	for _, name := range names {
		if sealed := s.subjectKeys[name]; sealed != nil {
			found = append(found, store.SubjectKey{SubjectKeyName: name, Sealed: bytes.Clone(sealed)})
		}
	}
	return found, nil
}

// DeleteSubjectKeys implements store.SubjectKeys. It goes through all keys.
func (s *Store) DeleteSubjectKeys(ctx context.Context, tenant, subject string) (int, error) {
	return s.dropSubjectKeys(ctx, math.MaxInt, func(name store.SubjectKeyName) bool {
		return name.Tenant == tenant && name.Subject == subject
	})
}

// PruneSubjectKeys implements store.SubjectKeys. It goes through all keys.
func (s *Store) PruneSubjectKeys(ctx context.Context, before int64, limit int) (int, error) {
	return s.dropSubjectKeys(ctx, limit, func(name store.SubjectKeyName) bool { return name.Period < before })
}

func (s *Store) dropSubjectKeys(ctx context.Context, limit int, drop func(store.SubjectKeyName) bool) (n int, err error) {
	if err := s.begin(ctx, "remove subject keys"); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	for name := range s.subjectKeys {
		if n < limit && drop(name) {
			delete(s.subjectKeys, name)
			n++
		}
	}
	return n, nil
}
