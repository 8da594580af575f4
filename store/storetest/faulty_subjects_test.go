package storetest_test

import (
	"context"
	"time"

	"github.com/postrider/postrider/store"
)

// sparesLeased erases nothing of a subject that has a delivery in somebody's hands.
type sparesLeased struct{ store.Store }

func (s *sparesLeased) EraseSubject(ctx context.Context, now time.Time, tenant, subject string, limit int) (store.Erased, error) {
	for epoch := range int64(epochs) {
		held, err := s.Held(ctx, epoch, "", store.MaxPage)
		if err != nil || len(held) > 0 {
			return store.Erased{}, err
		}
	}
	return s.Store.EraseSubject(ctx, now, tenant, subject, limit)
}

// erasesForAll erases a subject of every tenant.
type erasesForAll struct{ store.Store }

func (s *erasesForAll) EraseSubject(ctx context.Context, now time.Time, tenant, subject string, limit int) (store.Erased, error) {
	if _, err := s.Store.EraseSubject(ctx, now, "globex", subject, limit); err != nil {
		return store.Erased{}, err
	}
	return s.Store.EraseSubject(ctx, now, tenant, subject, limit)
}

// replacesKeys lets the last key win.
type replacesKeys struct{ store.Store }

func (s *replacesKeys) AddSubjectKeys(ctx context.Context, keys []store.SubjectKey) ([]store.SubjectKey, error) {
	for _, k := range keys {
		if _, err := s.DeleteSubjectKeys(ctx, k.Tenant, k.Subject); err != nil {
			return nil, err
		}
	}
	return s.Store.AddSubjectKeys(ctx, keys)
}

// replacesAll writes values whatever was there.
type replacesAll struct{ store.Store }

func (s *replacesAll) ReplaceSealed(ctx context.Context, changes []store.SealedChange) (int, error) {
	for i := range changes {
		all, err := s.SealedValues(ctx, changes[i].Kind, store.SealedValue{}, store.MaxPage)
		if err != nil {
			return 0, err
		}
		for _, v := range all {
			if store.ComparePlaces(v, changes[i].SealedValue) == 0 {
				changes[i].Was = v.Sealed
			}
		}
	}
	return s.Store.ReplaceSealed(ctx, changes)
}
