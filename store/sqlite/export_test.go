package sqlite

import "testing"

// Fill writes as much history and backlog as -million says.
func Fill(t testing.TB, st *Store) { fill(t, st, *million) }
