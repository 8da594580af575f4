package signer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// rememberTimeout bounds how long a request waits for what became of it to be
// remembered. It is on no sender's time: the handler is done.
const rememberTimeout = 5 * time.Second

var (
	// errDone is returned by once for a key that was handled before.
	errDone = errors.New("signer: webhook was handled")
	// errNotTaken stands for a handler that answered with no success.
	errNotTaken = errors.New("signer: webhook was not taken")
)

// once calls handle unless the key was handled before or is being handled, and
// remembers that it was called and returned nil. Errors are errDone, ErrBusy,
// ErrDeduplicator, and what handle returned. That the outcome could not be
// remembered takes nothing from it: report is told.
func once(ctx context.Context, d Deduplicator, key string, handle func() error, report func(error)) error {
	claim, err := d.Claim(ctx, key)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrDeduplicator, err)
	case claim.State == ClaimDone:
		return errDone
	case claim.State != ClaimFresh:
		return ErrBusy
	}
	end := d.Release // also after a panic
	defer func() {
		// Whether the sender still waits for the answer or not.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rememberTimeout)
		defer cancel()
		if err := end(ctx, claim); err != nil {
			report(fmt.Errorf("%w: %w", ErrDeduplicator, err))
		}
	}()
	if err := handle(); err != nil {
		return err
	}
	end = d.Finish
	return nil
}

// serveOnce passes a webhook on to next, once.
func (v *Verifier) serveOnce(w http.ResponseWriter, r *http.Request, next http.Handler) {
	a := &answer{ResponseWriter: w}
	proven, _ := r.Context().Value(verifiedKey{}).(verified)
	err := once(r.Context(), v.duplicates, proven.key, func() error {
		next.ServeHTTP(a, r)
		if !a.success() {
			return errNotTaken
		}
		return nil
	}, func(err error) { v.tell(r, err) })
	switch {
	case errors.Is(err, errDone):
		w.WriteHeader(http.StatusOK)
	case err != nil && !errors.Is(err, errNotTaken):
		v.reject(w, r, err)
	}
}

// answer is a ResponseWriter that knows the status that was answered.
type answer struct {
	http.ResponseWriter
	status int // 0 until there is one
}

// WriteHeader implements http.ResponseWriter. What is informational (1xx) is no
// answer yet.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= 200 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach what else the writer can do.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// success reports whether a handler that returned has taken the webhook.
func (a *answer) success() bool {
	return a.status == 0 || a.status >= 200 && a.status <= 299 // net/http answers 200 for nothing
}
