package memstore

import (
	"bytes"
	"context"
)

// Setting implements store.Settings.
func (s *Store) Setting(ctx context.Context, name string, initial []byte) ([]byte, error) {
	if err := s.begin(ctx, "read setting"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	value, ok := s.settings[name]
	if !ok {
		value = bytes.Clone(initial)
		s.settings[name] = value
	}
	return bytes.Clone(value), nil
}
