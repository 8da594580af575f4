package store

import "context"

// SubjectKeys keeps the keys that payloads are sealed with, where a host wants that:
// one for each subject and period of time, sealed themselves. To delete a subject's
// keys makes everything unreadable that they have sealed, wherever there is a copy
// of it and none of the keys.
type SubjectKeys interface {
	// AddSubjectKeys stores those keys whose names have none yet, durably and in one
	// transaction in each database, and returns the key that is stored under each
	// name, in the order of keys. Of several callers with one name one wins, and
	// all get the winner's key. Names must differ.
	AddSubjectKeys(ctx context.Context, keys []SubjectKey) ([]SubjectKey, error)

	// SubjectKeys returns the keys that are stored under names, in no particular
	// order; those that have none are left out.
	SubjectKeys(ctx context.Context, names []SubjectKeyName) ([]SubjectKey, error)

	// DeleteSubjectKeys removes all keys of a subject and returns how many they
	// were. None is not an error.
	DeleteSubjectKeys(ctx context.Context, tenant, subject string) (int, error)

	// PruneSubjectKeys removes keys of periods before the given one, at most limit,
	// and returns how many.
	PruneSubjectKeys(ctx context.Context, before int64, limit int) (int, error)
}

// SubjectKeyName names a key.
type SubjectKeyName struct {
	Tenant string
	// Subject is whom the payloads are about; "" stands for nobody.
	Subject string
	// Period is when the key seals, counted in whatever the caller counts in.
	Period int64
}

// SubjectKey is a key, sealed.
type SubjectKey struct {
	SubjectKeyName
	Sealed []byte
}
