package sqlstore

import (
	"context"
	"fmt"
)

// Setting implements store.Settings.
func (s *Store) Setting(ctx context.Context, name string, initial []byte) ([]byte, error) {
	var value []byte
	found := false
	read := func(ctx context.Context, c Conn) (err error) {
		found, err = queryOne(ctx, c, `
			SELECT value
			FROM postrider_settings
			WHERE name = ?`, []any{name}, &value)
		return err
	}
	err := s.db.Read(ctx, read)
	if err == nil && !found {
		if initial == nil {
			initial = []byte{}
		}
		err = s.db.Write(ctx, func(ctx context.Context, c Conn) error {
			if _, err := c.Exec(ctx, `
				INSERT INTO postrider_settings (name, value)
				VALUES (?, ?)
				ON CONFLICT (name) DO NOTHING`, name, initial); err != nil {
				return err
			}
			return read(ctx, c)
		})
	}
	if err != nil {
		return nil, fmt.Errorf("read setting %s: %w", name, err)
	}
	return value, nil
}
