package sqlstore

import (
	"context"
	"fmt"

	"github.com/postrider/postrider/store"
)

// sealedTable says where the sealed values of a kind are.
type sealedTable struct {
	// list returns those after a place, in the columns tenant, endpoint, id, period
	// and sealed, and replace writes one.
	list, replace string
	// key returns the arguments that name a place.
	key func(v *store.SealedValue) []any
}

var sealedTables = map[store.SealedKind]sealedTable{
	store.SealedEndpoint: {
		list: `
			SELECT tenant, '', id, 0, sealed
			FROM postrider_endpoints
			WHERE (tenant, id) > (?, ?)
			ORDER BY tenant, id
			LIMIT ? + 0`,
		replace: `
			UPDATE postrider_endpoints
			SET sealed = ?
			WHERE tenant = ?
			AND id = ?
			AND sealed = ?`,
		key: func(v *store.SealedValue) []any { return []any{v.Tenant, v.ID} },
	},
	store.SealedSecret: {
		list: `
			SELECT tenant, endpoint, id, 0, sealed
			FROM postrider_secrets
			WHERE (tenant, endpoint, id) > (?, ?, ?)
			ORDER BY tenant, endpoint, id
			LIMIT ? + 0`,
		replace: `
			UPDATE postrider_secrets
			SET sealed = ?
			WHERE tenant = ?
			AND endpoint = ?
			AND id = ?
			AND sealed = ?`,
		key: func(v *store.SealedValue) []any { return []any{v.Tenant, v.Endpoint, v.ID} },
	},
	store.SealedSubjectKey: {
		list: `
			SELECT tenant, '', subject, period, sealed
			FROM postrider_subject_keys
			WHERE (tenant, subject, period) > (?, ?, ?)
			ORDER BY tenant, subject, period
			LIMIT ? + 0`,
		replace: `
			UPDATE postrider_subject_keys
			SET sealed = ?
			WHERE tenant = ?
			AND subject = ?
			AND period = ?
			AND sealed = ?`,
		key: func(v *store.SealedValue) []any { return []any{v.Tenant, v.ID, v.Period} },
	},
	store.SealedSetting: {
		list: `
			SELECT '', '', name, 0, value
			FROM postrider_settings
			WHERE name > ?
			ORDER BY name
			LIMIT ? + 0`,
		replace: `
			UPDATE postrider_settings
			SET value = ?
			WHERE name = ?
			AND value = ?`,
		key: func(v *store.SealedValue) []any { return []any{v.ID} },
	},
}

// SealedValues implements store.Sealing.
func (s *Store) SealedValues(ctx context.Context, kind store.SealedKind, after store.SealedValue, limit int) ([]store.SealedValue, error) {
	table := sealedTables[kind]
	var list []store.SealedValue
	err := s.db.Read(ctx, func(ctx context.Context, c Conn) error {
		return c.Query(ctx, table.list, append(table.key(&after), limit), func(r Row) error {
			v := store.SealedValue{Kind: kind}
			err := r.Scan(&v.Tenant, &v.Endpoint, &v.ID, &v.Period, &v.Sealed)
			list = append(list, v)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list sealed values: %w", err)
	}
	return list, nil
}

// ReplaceSealed implements store.Sealing.
func (s *Store) ReplaceSealed(ctx context.Context, changes []store.SealedChange) (replaced int, err error) {
	err = s.db.Write(ctx, func(ctx context.Context, c Conn) error {
		replaced = 0
		for i := range changes {
			change := &changes[i]
			table := sealedTables[change.Kind]
			args := append([]any{change.Sealed}, table.key(&change.SealedValue)...)
			n, err := c.Exec(ctx, table.replace, append(args, change.Was)...)
			if err != nil {
				return err
			}
			replaced += int(n)
		}
		return nil
	})
	return replaced, wrap("replace sealed values", err)
}
