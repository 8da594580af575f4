package sqlstore

import (
	"context"
	"fmt"

	"github.com/postrider/postrider/store"
)

// AddSubjectKeys implements store.SubjectKeys.
func (s *Store) AddSubjectKeys(ctx context.Context, keys []store.SubjectKey) (stored []store.SubjectKey, err error) {
	err = s.db.Write(ctx, func(ctx context.Context, c Conn) (err error) {
		stored, err = addSubjectKeys(ctx, c, keys)
		return err
	})
	if err != nil {
		return nil, wrap("add subject keys", err)
	}
	return stored, nil
}

func addSubjectKeys(ctx context.Context, c Conn, keys []store.SubjectKey) ([]store.SubjectKey, error) {
	names := make([]store.SubjectKeyName, len(keys))
	for i, k := range keys {
		names[i] = k.SubjectKeyName
		if _, err := c.Exec(ctx, `
			INSERT INTO postrider_subject_keys (tenant, subject, period, sealed)
			VALUES (?, ?, ?, ?)
			ON CONFLICT (tenant, subject, period) DO NOTHING`, k.Tenant, k.Subject, k.Period, k.Sealed); err != nil {
			return nil, err
		}
	}
	return readSubjectKeys(ctx, c, names)
}

// SubjectKeys implements store.SubjectKeys.
func (s *Store) SubjectKeys(ctx context.Context, names []store.SubjectKeyName) (found []store.SubjectKey, err error) {
	err = s.db.Read(ctx, func(ctx context.Context, c Conn) (err error) {
		found, err = readSubjectKeys(ctx, c, names)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read subject keys: %w", err)
	}
	return found, nil
}

// readSubjectKeys returns those of the keys that are there, in the order of names.
func readSubjectKeys(ctx context.Context, c Conn, names []store.SubjectKeyName) (found []store.SubjectKey, err error) {
	for _, name := range names {
		k := store.SubjectKey{SubjectKeyName: name}
		there, err := queryOne(ctx, c, `
			SELECT sealed
			FROM postrider_subject_keys
			WHERE tenant = ?
			AND subject = ?
			AND period = ?`, []any{k.Tenant, k.Subject, k.Period}, &k.Sealed)
		if err != nil {
			return nil, err
		}
		if there {
			found = append(found, k)
		}
	}
	return found, nil
}

// DeleteSubjectKeys implements store.SubjectKeys.
func (s *Store) DeleteSubjectKeys(ctx context.Context, tenant, subject string) (int, error) {
	return s.dropSubjectKeys(ctx, `
		DELETE FROM postrider_subject_keys
		WHERE tenant = ?
		AND subject = ?`, tenant, subject)
}

// PruneSubjectKeys implements store.SubjectKeys.
func (s *Store) PruneSubjectKeys(ctx context.Context, before int64, limit int) (int, error) {
	return s.dropSubjectKeys(ctx, `
		DELETE FROM postrider_subject_keys
		WHERE (tenant, subject, period) IN (
			SELECT tenant, subject, period
			FROM postrider_subject_keys`+s.index("postrider_subject_keys_period")+`
			WHERE period < ?
			ORDER BY period
			LIMIT ? + 0)`, before, limit)
}

func (s *Store) dropSubjectKeys(ctx context.Context, query string, args ...any) (dropped int, err error) {
	err = s.db.Write(ctx, func(ctx context.Context, c Conn) error {
		n, err := c.Exec(ctx, query, args...)
		dropped = int(n)
		return err
	})
	return dropped, wrap("remove subject keys", err)
}
