package store

import (
	"cmp"
	"context"
)

// Sealing finds what is sealed, of all tenants, for whoever seals it anew by another
// key.
type Sealing interface {
	// SealedValues returns values of a kind in the order of their places (see
	// ComparePlaces), those after the given one, at most limit. Settings that are
	// not sealed are among them, and endpoints that have nothing to seal, without
	// Sealed, so that a page costs what is in it.
	SealedValues(ctx context.Context, kind SealedKind, after SealedValue, limit int) ([]SealedValue, error)

	// ReplaceSealed writes values in the place of what was there, if it still is,
	// all in one transaction in each database, and returns how many it wrote. What
	// has changed or is gone is left alone, which is not an error. It is no change
	// of what is sealed: versions and revisions stay.
	ReplaceSealed(ctx context.Context, changes []SealedChange) (int, error)
}

// SealedKind is a kind of things that are sealed.
type SealedKind string

// The kinds of sealed values, and what names each.
const (
	SealedEndpoint   SealedKind = "endpoint"    // Tenant, ID
	SealedSecret     SealedKind = "secret"      // Tenant, Endpoint, ID
	SealedSubjectKey SealedKind = "subject_key" // Tenant, ID (the subject), Period
	SealedSetting    SealedKind = "setting"     // ID (the name)
)

// SealedKinds are all of them.
var SealedKinds = []SealedKind{SealedSetting, SealedSecret, SealedEndpoint, SealedSubjectKey}

// SealedValue is what is sealed in one place.
type SealedValue struct {
	Kind                 SealedKind
	Tenant, Endpoint, ID string
	Period               int64
	Sealed               []byte
}

// SealedChange is a value and what it replaces.
type SealedChange struct {
	SealedValue
	Was []byte
}

// ComparePlaces orders values of a kind by where they are.
func ComparePlaces(a, b SealedValue) int {
	return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Period, b.Period))
}
