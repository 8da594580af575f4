package sharded

import (
	"context"
	"fmt"
)

// Setting implements store.Settings. It needs all shards.
func (s *Store) Setting(ctx context.Context, name string, initial []byte) ([]byte, error) {
	value, err := s.agree(ctx, name, initial)
	if err != nil {
		return nil, fmt.Errorf("read setting %s: %w", name, err)
	}
	return value, nil
}
