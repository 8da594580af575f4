package webhooktest

import (
	"net/http"
	"strconv"
	"time"
)

// OK answers 204.
func OK() http.Handler { return Status(http.StatusNoContent) }

// Status answers with a status and no body. 410 is how a receiver says that it is gone
// for good, which pauses the endpoint.
func Status(code int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
}

// RetryAfter answers with a status, such as 429 or 503, and asks not to be tried again
// before a time, which is rounded up to seconds.
func RetryAfter(code int, wait time.Duration) http.Handler {
	seconds := int((wait + time.Second - 1) / time.Second)
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		w.WriteHeader(code)
	})
}

// Redirect answers 302, to another URL. It is never followed.
func Redirect(to string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusFound)
	})
}

// Delay answers after a while, unless the sender has given up by then.
func Delay(wait time.Duration, then http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !pause(r, wait) {
			panic(http.ErrAbortHandler)
		}
		then.ServeHTTP(w, r)
	})
}

// pause waits, and reports whether the sender is still there.
func pause(r *http.Request, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}
