// Package mount finds out which part of a request's path is below the place where a host
// has mounted a handler, whichever router it uses.
package mount

import (
	"context"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
)

// Below returns a request for a router of our own: its path is what is left below the
// mount. A host's chi leaves that in the context, any other router, by http.StripPrefix,
// in the URL, and one below the other the shorter of both.
func Below(r *http.Request) *http.Request {
	ctx := r.Context()
	outer := chi.RouteContext(ctx)
	if outer == nil {
		return r
	}
	r = r.WithContext(context.WithValue(ctx, chi.RouteCtxKey, (*chi.Context)(nil)))
	// "/" is all that chi leaves of the bare mount, with a slash at its end or without.
	if rest := outer.RoutePath; rest == "/" || rest != "" && len(rest) < len(r.URL.Path) && strings.HasSuffix(r.URL.Path, rest) {
		u := *r.URL
		u.Path, u.RawPath = rest, ""
		r.URL = &u
	}
	return r
}
