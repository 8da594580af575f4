package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/postrider/postrider/store"
)

// AddSubjectKeys implements store.SubjectKeys, in two statements for all of them.
func (s *Store) AddSubjectKeys(ctx context.Context, keys []store.SubjectKey) ([]store.SubjectKey, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	sorted := slices.SortedFunc(slices.Values(keys), func(a, b store.SubjectKey) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Period, b.Period))
	})
	names, sealed := make([]store.SubjectKeyName, len(keys)), make([][]byte, len(keys))
	for i, k := range sorted {
		names[i], sealed[i] = k.SubjectKeyName, k.Sealed
	}
	found := make(map[store.SubjectKeyName]store.SubjectKey, len(keys))
	t, err := s.begin(ctx, beginWriting, step{text: `
		INSERT INTO postrider.subject_keys (tenant, subject, period, sealed)
		SELECT k.tenant, k.subject, k.period, k.sealed
		FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[]) k (tenant, subject, period, sealed)
		ON CONFLICT (tenant, subject, period) DO NOTHING`, args: append(subjectKeyArgs(names), sealed)})
	if err == nil {
		// A statement of its own: it sees what conflicted.
		err = t.commit(ctx, step{selectSubjectKeys, subjectKeyArgs(names), func(r row) error {
			k, err := scanSubjectKey(r)
			found[k.SubjectKeyName] = k
			return err
		}})
	}
	if err != nil {
		return nil, fmt.Errorf("add subject keys: %w", err)
	}
	stored := make([]store.SubjectKey, len(keys))
	for i, k := range keys {
		stored[i] = found[k.SubjectKeyName]
	}
	return stored, nil
}

// SubjectKeys implements store.SubjectKeys.
func (s *Store) SubjectKeys(ctx context.Context, names []store.SubjectKeyName) ([]store.SubjectKey, error) {
	var found []store.SubjectKey
	err := s.query(ctx, selectSubjectKeys, subjectKeyArgs(names), func(r row) error {
		k, err := scanSubjectKey(r)
		found = append(found, k)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read subject keys: %w", classify(err))
	}
	return found, nil
}

const selectSubjectKeys = `
	SELECT k.tenant, k.subject, k.period, k.sealed
	FROM unnest($1::text[], $2::text[], $3::bigint[]) n (tenant, subject, period)
	JOIN postrider.subject_keys k ON k.tenant = n.tenant AND k.subject = n.subject AND k.period = n.period`

func subjectKeyArgs(names []store.SubjectKeyName) []any {
	tenants, subjects, periods := make([]string, len(names)), make([]string, len(names)), make([]int64, len(names))
	for i, n := range names {
		tenants[i], subjects[i], periods[i] = n.Tenant, n.Subject, n.Period
	}
	return []any{tenants, subjects, periods}
}

func scanSubjectKey(r row) (k store.SubjectKey, err error) {
	err = r.Scan(&k.Tenant, &k.Subject, &k.Period, &k.Sealed)
	return k, err
}
