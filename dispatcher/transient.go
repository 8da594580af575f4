package dispatcher

import (
	"context"
	"errors"

	"github.com/postrider/postrider/store"
)

// transient reports whether an error is the store's at the moment, and not about
// what it was asked to do.
func transient(err error) bool {
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUnknown) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
