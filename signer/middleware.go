package signer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// ErrBodyTooLarge is what OnReject is told if a body is larger than MaxBody.
var ErrBodyTooLarge = errors.New("signer: body too large")

// What a sender is told. Which check failed would help a forger more than it
// would help a sender.
const (
	textRejected   = "Signature verification failed. Check your secret key."
	textTooLarge   = "Request body too large."
	textUnreadable = "Request body could not be read."
	textBusy       = "The same webhook is being handled. Try again later."
	textLater      = "Webhook cannot be taken now. Try again later."
)

// Middleware returns a handler that passes genuine webhooks on to next and
// turns everything else away.
//
// It reads the body, up to MaxBody; next reads the verified bytes from r.Body
// again, and finds the id and the timestamp with ID and Timestamp. A webhook
// that Verify refuses is answered 401 with one fixed text, a body over the
// limit 413, and one that breaks off 400. OnReject learns the reason.
//
// With a Decrypter, next reads what the sender has encrypted, and its Content-Type;
// what cannot be decrypted is answered 400.
//
// With Duplicates, a webhook that was handled is answered 200 without calling
// next. Handled is what next returned from with a 2xx; after any other status or
// a panic the next delivery is passed on. A webhook that is being handled at this
// moment is answered 409, since that may yet fail, and one is answered 503 if
// duplicates cannot be told; the sender tries both again.
func (v *Verifier) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		received := r
		c, err := v.readClaim(r.Header) // first: most noise needs no body read
		if err != nil {
			v.reject(w, r, err)
			return
		}
		body, err := v.readBody(w, r)
		if err != nil {
			v.reject(w, r, err)
			return
		}
		if err := v.match(c, body); err != nil {
			v.reject(w, r, err)
			return
		}
		if r, body, err = v.decrypted(r, body); err != nil {
			v.reject(w, received, err)
			return
		}
		r = v.verifiedRequest(r, c, body)
		if v.duplicates == nil {
			next.ServeHTTP(w, r)
			return
		}
		v.serveOnce(w, r, next)
	})
}

// ID returns the id of the webhook that Middleware verified, or "" if ctx does
// not come from there. It is the same on every attempt to deliver an event, so
// it is the key to drop duplicates by. Schemes other than Standard Webhooks do not
// sign it: there it is what the request says, and "" if it says nothing.
func ID(ctx context.Context) string {
	v, _ := ctx.Value(verifiedKey{}).(verified)
	return v.id
}

// Timestamp returns the time of the attempt that Middleware verified, in UTC
// and whole seconds, or the zero Time if ctx does not come from there, or the
// scheme does not sign it. The time of the event itself is in the payload.
func Timestamp(ctx context.Context) time.Time {
	v, _ := ctx.Value(verifiedKey{}).(verified)
	return v.at
}

type verifiedKey struct{}

type verified struct {
	id string
	at time.Time
	// key is what duplicates are told by: the id if it is signed, else what is.
	key string
}

// readBody returns ErrBodyTooLarge before it reads anything if the request
// admits it, and otherwise has net/http close the connection at the limit.
func (v *Verifier) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > v.maxBody {
		return nil, ErrBodyTooLarge
	}
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, v.maxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, ErrBodyTooLarge
	}
	if err != nil {
		return nil, &readError{err}
	}
	return body, nil
}

// readError sets a broken connection apart from a refused webhook.
type readError struct{ err error }

func (e *readError) Error() string { return fmt.Sprintf("read body: %v", e.err) }
func (e *readError) Unwrap() error { return e.err }

// tell lets the receiver's log know.
func (v *Verifier) tell(r *http.Request, reason error) {
	if v.onReject != nil {
		v.onReject(r, reason)
	}
}

func (v *Verifier) reject(w http.ResponseWriter, r *http.Request, reason error) {
	v.tell(r, reason)
	status, text := http.StatusUnauthorized, textRejected
	var broken *readError
	switch {
	case errors.Is(reason, ErrBusy):
		status, text = http.StatusConflict, textBusy
	case errors.Is(reason, ErrDeduplicator):
		status, text = http.StatusServiceUnavailable, textLater
	case errors.Is(reason, ErrBodyTooLarge):
		status, text = http.StatusRequestEntityTooLarge, textTooLarge
	case errors.As(reason, &broken):
		status, text = http.StatusBadRequest, textUnreadable
	case errors.Is(reason, ErrDecrypt):
		status, text = http.StatusBadRequest, textUndecryptable
	}
	refuse(w, status, text)
}

// refuse answers with a text for people.
func refuse(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // the sender is gone: nobody to tell
}

// verifiedRequest is r as next sees it. It is a copy, for net/http still wants
// the body it gave us.
func (v *Verifier) verifiedRequest(r *http.Request, c claim, body []byte) *http.Request {
	proven := verified{id: c.id, key: c.id}
	if c.unix >= 0 {
		proven.at = time.Unix(c.unix, 0).UTC()
	}
	if !v.scheme.Standard() {
		proven.key = "sha256_" + fingerprint(body)
	}
	r = r.WithContext(context.WithValue(r.Context(), verifiedKey{}, proven))
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	r.TransferEncoding = nil
	return r
}
