package batch

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/postrider/postrider/store"
)

// Transient reports whether an error is the store's at the moment, and not about
// what it was asked to do: the same batch may be repeated, where a batch that is
// refused for another reason must be halved until what is refused stands alone.
func Transient(err error) bool {
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUnknown) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// NewBackOff returns what spaces the repetitions of a write that the store could
// not take: 20 ms at first, 2 seconds at most, and without an end.
func NewBackOff() backoff.BackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(20*time.Millisecond),
		backoff.WithMaxInterval(2*time.Second),
		backoff.WithMaxElapsedTime(0),
	)
}
