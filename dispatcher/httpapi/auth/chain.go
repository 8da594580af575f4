package auth

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/postrider/postrider/webhook"
)

// Func says who makes a request, or returns one of the errors of this package, those of
// package webhook, or the store's. It is safe for concurrent use. A host's own is a Func
// like all others.
type Func = func(*http.Request) (webhook.Principal, error)

// The errors of authenticators.
var (
	// ErrNone says that a request has no credentials of an authenticator's kind, so
	// that Chain asks the next.
	ErrNone = errors.New("there are no credentials of this kind")
	// ErrInvalid says that a request has credentials of the kind, and that they are
	// not good.
	ErrInvalid = errors.New("the credentials are not valid")
)

// Chain asks authenticators in their order. The first that does not return ErrNone has
// answered, whatever its answer; ErrNone is the answer if none has.
func Chain(all ...Func) Func {
	return func(r *http.Request) (webhook.Principal, error) {
		for _, one := range all {
			if p, err := one(r); !errors.Is(err, ErrNone) {
				return p, err
			}
		}
		return webhook.Principal{}, ErrNone
	}
}

// invalid returns ErrInvalid with the reason, which goes to logs.
func invalid(why string) error { return fmt.Errorf("%w: %s", ErrInvalid, why) }

// final returns the error of what judged credentials of an authenticator's kind, which
// is the last word on them.
func final(err error) error {
	if errors.Is(err, ErrNone) {
		return ErrInvalid
	}
	return err
}
