package signer

import (
	"context"
	"errors"
)

// A Deduplicator remembers which webhooks were handled, so that one that is
// delivered again, as happens after a crash or an answer that got lost, is
// handled once. NewMemory remembers in this process, package sqldedup in a
// database that all processes of a receiver share.
//
// Whoever has a fresh claim finishes or releases it, also after a panic. It is
// safe for concurrent use, and for that by several processes if what it remembers
// is shared.
type Deduplicator interface {
	// Claim decides who handles a key. Of all calls at the same time, over all
	// processes, one at most gets ClaimFresh; until that claim is finished or
	// released the others get ClaimBusy, and once it is finished, ClaimDone. A
	// claim that is neither, because its process died, may lapse; then the next
	// call gets ClaimFresh. That a key was seen before is not an error.
	Claim(ctx context.Context, key string) (Claim, error)

	// Finish remembers the key of a fresh claim as handled. ErrClaimLost if the
	// claim has lapsed and somebody else has the key.
	Finish(ctx context.Context, c Claim) error

	// Release forgets the key of a fresh claim, so that the next delivery is
	// handled. A claim that has lapsed is not an error.
	Release(ctx context.Context, c Claim) error
}

// Claim is the answer of a Deduplicator.
type Claim struct {
	// Key is what was claimed.
	Key string
	// State says whether the caller is to handle it.
	State ClaimState
	// Token tells this claim from others of the same key, for the Deduplicator
	// alone. It is empty unless the state is ClaimFresh, or where claims never
	// lapse.
	Token string
}

// ClaimState says what became of a claim.
type ClaimState int

// The states of a claim.
const (
	// ClaimBusy means that somebody else is handling the key: it may yet fail,
	// so the sender has to try again. It is the zero value.
	ClaimBusy ClaimState = iota
	// ClaimFresh means that the caller handles the key now.
	ClaimFresh
	// ClaimDone means that the key was handled.
	ClaimDone
)

var (
	// ErrClaimLost is returned by Deduplicator.Finish if somebody else has
	// claimed the key in the meantime: it may be handled twice.
	ErrClaimLost = errors.New("signer: claim was lost")

	// ErrBusy is what OnReject is told if another request with the same id is
	// being handled.
	ErrBusy = errors.New("signer: webhook is being handled")

	// ErrDeduplicator is what OnReject is told if the Deduplicator failed; the
	// error wraps its own too.
	ErrDeduplicator = errors.New("signer: duplicates cannot be told")

	// ErrMemoryFull is returned by Memory.Claim if there is no room because so
	// many webhooks are being handled at once.
	ErrMemoryFull = errors.New("signer: too many webhooks are being handled")
)
