package store

import "cmp"

// How far a turn looks into the ordered rows of a lane.
const (
	// DefaultRun and MaxRun are how many rows of one key a turn takes.
	DefaultRun = 8
	MaxRun     = 64
	// KeysPerTurn is how many keys a turn looks at: those that are held up, by a
	// retry or a block, must not cost more than those that are not bring.
	KeysPerTurn = 256
)

// Rows returns how many rows of one key the turn takes at most.
func (t Turn) Rows() int { return min(cmp.Or(max(t.Run, 0), DefaultRun), MaxRun) }

// Interleave returns at most the given number of elements: the first of each run,
// then the second of each, and so on.
func Interleave[T any](runs [][]T, most int) []T {
	var all []T
	for depth := 0; ; depth++ {
		before := len(all)
		for _, run := range runs {
			if len(all) == most {
				return all
			}
			if depth < len(run) {
				all = append(all, run[depth])
			}
		}
		if len(all) == before {
			return all
		}
	}
}

// Round is how far the turns of a lane have gone through its keys.
type Round struct {
	// After is the key behind which the next turn begins, as the store writes
	// keys, or "" for the first.
	After string
	// Again says that the round has left rows behind and goes on from the first
	// key once it has come to the last.
	Again bool
}

// Look is what a turn found in a lane's keys.
type Look struct {
	// Keys is how many it looked at, and Last the last of them.
	Keys int
	Last string
	// Full says that it leased as many rows as it had room for, the last of them
	// of the key Leased.
	Full   bool
	Leased string
}

// Next returns where the next turn goes on, and whether it is due at once because
// the round is not over and there is room left.
func (r Round) Next(l Look) (next Round, due bool) {
	switch {
	case l.Full && l.Keys < KeysPerTurn && l.Leased == l.Last:
		return Round{}, false // it ends with the last key, so the next begins at the first
	case l.Full:
		return Round{After: l.Leased, Again: true}, false
	case l.Keys >= KeysPerTurn:
		return Round{After: l.Last, Again: r.Again}, true
	}
	return Round{}, r.Again
}
